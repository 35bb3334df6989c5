"""Write the dashboards, the pages about them and about alerts, and Grafana's alerts, or check that they are up to date.

    python grafana/generate.py [--check]

Exit code 1 if `--check` finds a file that is not as this program would write it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Run as a program, Python looks for modules in this folder only; at the end, so that the installed exporter is taken.
sys.path.append(str(ROOT))

from grafana.builder.variants import files  # noqa: E402 - see above

__all__ = ["main"]

FOLDERS = ("grafana/dashboards", "grafana/import", "grafana/alerting")
"""What else is in these is not ours any more."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check; gives the exit code."""
    parser = argparse.ArgumentParser(prog="grafana/generate.py", description="Write the dashboards and their like.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not up to date")
    is_check = parser.parse_args(arguments).check
    wanted = {ROOT / path: text for path, text in files()}
    differing = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    stray = [path for folder in FOLDERS for path in sorted((ROOT / folder).iterdir()) if path not in wanted]
    if is_check:
        for path in (*differing, *stray):
            print(f"not up to date: {path.relative_to(ROOT)}; run make generate", file=sys.stderr)
        return 1 if differing or stray else 0
    for path in differing:
        path.write_text(wanted[path], "utf-8")
    for path in stray:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
