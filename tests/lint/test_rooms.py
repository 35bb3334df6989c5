"""The rooms of the package depend on each other in one direction; docs/development.md has the map."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "exporter"
MAY_IMPORT: dict[str, set[str]] = {
    "domain": set(),
    "config": {"domain"},
    "telemetry": {"domain", "config"},
    "sources": {"domain", "config", "telemetry"},
    "collection": {"domain", "config", "telemetry", "sources"},
    "exposition": {"domain", "config", "telemetry", "sources", "collection"},
    "pages": {"domain", "config", "telemetry", "sources", "collection", "exposition"},
    "web": {"domain", "config", "telemetry", "collection", "exposition", "pages"},
    "simulator": set(),
}
ALONE = {"cli", "service"}
"""Modules at the top, which wire the rooms."""


def imports(path: Path) -> Iterator[str]:
    """The modules of this package that a file imports, wherever it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [one.name for one in node.names] if isinstance(node, ast.Import) else []
        yield from (name for name in names if name.startswith("exporter."))


def test_there_are_no_other_rooms() -> None:
    found = {one.stem for one in PACKAGE.iterdir() if one.is_dir() or one.suffix == ".py"} - {"__init__", "__pycache__"}
    assert found == MAY_IMPORT.keys() | ALONE


def test_nothing_imports_upward() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for room, below in MAY_IMPORT.items()
        for path in (PACKAGE / room).rglob("*.py")
        for name in imports(path)
        if name.split(".")[1] not in below | {room}
    ]
    assert wrong == []


def test_no_two_modules_import_each_other() -> None:
    graph = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): set(imports(path))
        for path in PACKAGE.rglob("*.py")
    }
    left = {name: used & graph.keys() for name, used in graph.items()}
    while free := {name for name, used in left.items() if not used & left.keys()}:
        left = {name: used for name, used in left.items() if name not in free}
    assert left == {}


def test_a_name_of_a_class_stands_for_one_thing() -> None:
    """Shapes on the wire are those of their API; what begins with an underscore is nobody else's."""
    names = Counter(
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith(("_", "Wire"))
    )
    assert [name for name, count in names.items() if count > 1] == []
