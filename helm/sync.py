"""Write the generated files of the chart, or compare them with `--check`.

- `files/dashboards/*.json`: the dashboards of `grafana/dashboards`, minified
- `files/rules/*.yaml`: the rules of `grafana/rules`, with links that begin with a slash: the templates put the given addresses
  before them, or leave them out
- the versions in `Chart.yaml`, from `pyproject.toml`: chart and exporter are released together
- `values.schema.json` and the table of `README.md`, both from `values.yaml`; below `config` the schema knows the names of
  the exporter's settings, their values are the exporter's to judge
- `templates/_instead.tpl`, from `values.yaml`: what to write in place of a bare `key:`, which Helm hands on as nothing

The copies are real files: a chart that reads links loses them in half of the ways a chart travels.

In `values.yaml` a comment `# -- text` describes the value below it; lines of comment that follow continue the text. A line
`# @schema {...}` above it is JSON that is merged into the value's node of the schema. Groups of described values are closed,
so a misspelt value is refused with its path. Other maps stay open, they take Kubernetes objects. The root knows `global` and
`enabled`, which Helm hands to every subchart. A group that begins with `<<: *name` has the values of the group `&name`, which
alone stand in the table.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

# Run as a program, Python looks for modules in this folder only; at the end, so that the installed exporter is taken.
sys.path.append(str(Path(__file__).parents[1]))

from exporter.config.options import options
from exporter.config.table import NAMED
from exporter.sources.registry import SOURCES
from grafana.rule_links import with_links

ROOT = Path(__file__).parents[1]
CHART = Path("helm/azure-marketplace-exporter")
_BEGIN, _END = "<!-- begin values -->", "<!-- end values -->"
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]\w*):")
_ANCHOR = re.compile(r"^(?P<key>[A-Za-z]\w*): &(?P<name>\w+)$")
_MERGE = re.compile(r"^  <<: \*(?P<name>\w+)$")
_TEXT, _SCHEMA = "# -- ", "# @schema "
_TYPES = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object", type(None): "null"}
# What each keyword of a schema is about: above a value of another type it says nothing.
_KEYWORDS = {
    "additionalProperties": "object",
    "items": "array",
    "maximum": "integer",
    "minimum": "integer",
    "pattern": "string",
    "properties": "object",
    "required": "object",
}


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
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    files = {
        chart / "Chart.yaml": with_version((chart / "Chart.yaml").read_text("utf-8"), version),
        chart / "values.schema.json": json.dumps(schema(values, texts), indent=2) + "\n",
        chart / "README.md": _with_table(chart / "README.md", table(values, texts)),
        chart / "templates/_instead.tpl": instead(values, texts),
    }
    for path in sorted((root / "grafana/dashboards").glob("*.json")):
        files[chart / "files/dashboards" / path.name] = minified(path.read_text("utf-8"))
    for path in sorted((root / "grafana/rules").glob("*.rules.yaml")):
        files[chart / "files/rules" / path.name] = with_links(path.read_text("utf-8"), runbook_url="", grafana_url="")
    return files


def orphans(root: Path, wanted: Mapping[Path, str]) -> list[Path]:
    """Return copies whose original is gone."""
    copies = [path for kind in ("dashboards/*.json", "rules/*.yaml") for path in (root / CHART / "files").glob(kind)]
    return sorted(path for path in copies if path not in wanted)


def with_version(text: str, version: str) -> str:
    """Return Chart.yaml with this version of chart and application."""
    text = re.sub(r"(?m)^version: .*$", f"version: {version}", text)
    return re.sub(r"(?m)^appVersion: .*$", f'appVersion: "{version}"', text)


def minified(text: str) -> str:
    """Return a JSON document without white space: a ConfigMap has its limit."""
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False) + "\n"


def table(values: Mapping[str, Any], texts: Mapping[str, Comment]) -> str:
    """Return the README's table of values."""
    rows = [
        f"| `{path}` | {_default(value)} | {texts.get(path, Comment()).text.replace('|', '&#124;')} |"
        for path, value in described(values, texts)
        if not texts.get(path, Comment()).shared
    ]
    return "\n".join(["| value | default | meaning |", "|---|---|---|", *rows])


def instead(values: Mapping[str, Any], texts: Mapping[str, Comment]) -> str:
    """Return the template that tells, for each value that must not be null, what leaves it as it is."""
    lines = [f"{path}: {json.dumps(empty)}" for path, empty in _empties(values, texts)]
    return "\n".join(
        [
            "{{/* Written by helm/sync.py from values.yaml: what to write in place of a bare key. */}}",
            '{{- define "azure-marketplace-exporter.instead" -}}',
            *lines,
            "{{- end }}\n",
        ]
    )


def _empties(values: Mapping[str, Any], texts: Mapping[str, Comment], parent: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        path = f"{parent}.{key}" if parent else key
        if "null" in types(value, texts.get(path, Comment())):
            continue
        yield path, json.dumps({} if isinstance(value, dict) else value)
        if is_group(path, texts):
            yield from _empties(value, texts, path)


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


@dataclass
class Comment:
    """What values.yaml says about one value."""

    text: str = ""
    schema: dict[str, Any] = field(default_factory=dict)
    shared: bool = False

    def add(self, line: str) -> None:
        """Take in one line of comment, without its indentation."""
        if line.startswith(_SCHEMA):
            self.schema = json.loads(line.removeprefix(_SCHEMA))
        elif line.startswith(_TEXT):
            self.text = line.removeprefix(_TEXT)
        elif self.text:
            self.text += " " + line.removeprefix("#").strip()


def comments(source: str) -> dict[str, Comment]:
    """Return the comments in the text of a values file, by dotted path."""
    found: dict[str, Comment] = {}
    path: list[str] = []
    pending = Comment()
    anchors: dict[str, str] = {}
    merges: list[tuple[str, str]] = []
    for line in source.splitlines():
        if line.lstrip().startswith("#"):
            pending.add(line.strip())
            continue
        if match := _KEY.match(line):
            path[len(match["indent"]) // 2 :] = [match["key"]]
            if pending.text or pending.schema:
                found[".".join(path)] = pending
        if match := _ANCHOR.match(line):
            anchors[match["name"]] = match["key"]
        if match := _MERGE.match(line):
            merges.append((anchors[match["name"]], path[0]))
        pending = Comment()
    for origin, group in merges:
        for other, comment in list(found.items()):
            if other.startswith(f"{origin}."):
                found.setdefault(f"{group}.{other.partition('.')[2]}", replace(comment, shared=True))
    return found


def described(values: Mapping[str, Any], texts: Mapping[str, Comment], parent: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and default of all values that have a text, or should have one, in the order of the file."""
    for key, value in values.items():
        path = f"{parent}.{key}" if parent else key
        group = is_group(path, texts)
        if not group or (path in texts and texts[path].text):
            yield path, value
        if group:
            yield from described(value, texts, path)


def is_group(path: str, texts: Mapping[str, Comment]) -> bool:
    """Tell whether a value is a group of described values rather than a value of its own."""
    return any(other.startswith(f"{path}.") and texts[other].text for other in texts)


def setting_names() -> dict[str, Any]:
    """Return the schema's properties for the sections of the exporter's settings."""
    sections: dict[str, Any] = {}
    for option in options(SOURCES):
        section, dot, rest = option.name.partition(".")
        if not (option.in_file and dot):
            continue
        if option.name == NAMED:  # whose names users choose
            sections[section] = {"type": "object", "additionalProperties": {"type": "object"}}
            continue
        node = sections.setdefault(section, {"type": "object", "additionalProperties": False, "properties": {}})
        node["properties"][rest.partition(".")[0]] = {"description": option.description}
    return sections


def schema(values: Mapping[str, Any], texts: Mapping[str, Comment]) -> dict[str, Any]:
    """Return the JSON schema (draft 7) of a chart's values."""
    root = _group(values, texts, "")
    root["properties"]["config"]["properties"] |= setting_names()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart azure-marketplace-exporter",
        **root,
    }


def _group(values: Mapping[str, Any], texts: Mapping[str, Comment], parent: str) -> dict[str, Any]:
    prefix = f"{parent}." if parent else ""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _node(f"{prefix}{key}", value, texts) for key, value in values.items()},
    }


def _node(path: str, value: Any, texts: Mapping[str, Comment]) -> dict[str, Any]:
    comment = texts.get(path, Comment())
    node: dict[str, Any] = {"description": comment.text} if comment.text else {}
    node |= _group(value, texts, path) if is_group(path, texts) else _leaf(path, value)
    check_place(path, value, comment)
    return node | comment.schema


def types(value: Any, comment: Comment) -> list[str]:
    """Return the types that a value may have: by its schema, else by its default."""
    declared = comment.schema.get("type", _TYPES[type(value)])
    return declared if isinstance(declared, list) else [declared]


def check_place(path: str, value: Any, comment: Comment) -> None:
    """Refuse a schema that cannot be meant for the value below it, as after a line was put between the two."""
    allowed = types(value, comment)
    strange = [word for word in comment.schema if _KEYWORDS.get(word, allowed[0]) not in allowed]
    if strange or _TYPES[type(value)] not in allowed or value not in comment.schema.get("enum", [value]):
        raise SystemExit(f"values.yaml: the @schema above {path} does not fit its default {json.dumps(value)}")


def _leaf(path: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    node: dict[str, Any] = {"type": _TYPES[type(value)]}
    if path.lower().endswith(("labels", "annotations")) and isinstance(value, dict):
        node["additionalProperties"] = {"type": "string"}
    return node


if __name__ == "__main__":
    sys.exit(main())
