"""Write the generated files of the chart: `python -m helm.sync`, or compare them with `--check`.

- `files/dashboards/*.json`: the dashboards of `grafana/dashboards`, minified
- `files/rules/*.yaml`: the rules of `grafana/rules`, as they are
- `values.schema.json` and the table of `README.md`, both from `values.yaml`

The copies are real files: a chart that reads links loses them in half of the ways a chart travels.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from helm.schema import schema
from helm.values import Comment, comments, described

ROOT = Path(__file__).parents[1]
CHART = Path("helm/azure-marketplace-exporter")
_BEGIN, _END = "<!-- begin values -->", "<!-- end values -->"


def main(argv: list[str] | None = None) -> int:
    """Write or check; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write the generated files of the Helm chart.")
    parser.add_argument("--check", action="store_true", help="change nothing, fail if a file would change")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository")
    arguments = parser.parse_args(argv)
    wanted = generated(arguments.root)
    changed = [path for path, text in wanted.items() if _read(path) != text] + orphans(arguments.root, wanted)
    for path in changed:
        sys.stdout.write(f"{'differs' if arguments.check else 'wrote'}: {path.relative_to(arguments.root)}\n")
        if not arguments.check:
            _write(path, wanted.get(path))
    return int(arguments.check and bool(changed))


def generated(root: Path) -> dict[Path, str]:
    """Return path and content of every generated file."""
    chart = root / CHART
    source = (chart / "values.yaml").read_text("utf-8")
    values, texts = yaml.safe_load(source), comments(source)
    files = {
        chart / "values.schema.json": json.dumps(schema(values, texts), indent=2) + "\n",
        chart / "README.md": _with_table(chart / "README.md", table(values, texts)),
    }
    for path in sorted((root / "grafana/dashboards").glob("*.json")):
        files[chart / "files/dashboards" / path.name] = minified(path.read_text("utf-8"))
    for path in sorted((root / "grafana/rules").glob("*.rules.yaml")):
        files[chart / "files/rules" / path.name] = path.read_text("utf-8")
    return files


def orphans(root: Path, wanted: Mapping[Path, str]) -> list[Path]:
    """Return copies whose original is gone."""
    copies = [path for kind in ("dashboards/*.json", "rules/*.yaml") for path in (root / CHART / "files").glob(kind)]
    return sorted(path for path in copies if path not in wanted)


def minified(text: str) -> str:
    """Return a JSON document without white space: a ConfigMap has its limit."""
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False) + "\n"


def table(values: Mapping[str, Any], texts: Mapping[str, Comment]) -> str:
    """Return the README's table of values."""
    rows = [
        f"| `{path}` | {_default(value)} | {texts.get(path, Comment()).text.replace('|', '&#124;')} |"
        for path, value in described(values, texts)
    ]
    return "\n".join(["| value | default | meaning |", "|---|---|---|", *rows])


def _default(value: Any) -> str:
    return f"`{json.dumps(value)}`".replace("|", "&#124;")


def _with_table(path: Path, rows: str) -> str:
    before, rest = path.read_text("utf-8").split(_BEGIN)
    _, after = rest.split(_END)
    return f"{before}{_BEGIN}\n{rows}\n{_END}{after}"


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def _write(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    sys.exit(main())
