"""Write the dashboards, the page about them and Grafana's alerts, or check that they are as this program would write them.

    python grafana/generate.py [--check] [--directory DIRECTORY]

Exit code 1 if `--check` finds a file that is not up to date.
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check; gives the exit code."""
    parser = argparse.ArgumentParser(prog="grafana/generate.py", description="Write the dashboards.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not up to date")
    parser.add_argument("--directory", type=Path, default=ROOT, help="the project's folder")
    options = parser.parse_args(arguments)
    wanted = dict(files())
    differing = [path for path, text in wanted.items() if _read(options.directory / path) != text]
    stray = sorted(
        str(path.relative_to(options.directory))
        for folder in ("grafana/dashboards", "grafana/import", "grafana/alerting")
        for path in (options.directory / folder).glob("*")
        if str(path.relative_to(options.directory)) not in wanted
    )
    if options.check:
        for path in (*differing, *stray):
            print(f"not up to date: {path}; run make generate", file=sys.stderr)
        return 1 if differing or stray else 0
    for path in differing:
        (options.directory / path).parent.mkdir(parents=True, exist_ok=True)
        (options.directory / path).write_text(wanted[path], encoding="utf-8")
    for path in stray:
        (options.directory / path).unlink()
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
