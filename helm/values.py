"""The comments of values.yaml, by the path of the value they stand above.

`# -- text` describes a value; lines of comment that follow continue the text. `# @schema {...}` above it is JSON that
is merged into the value's node of values.schema.json.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]\w*):")
_TEXT, _SCHEMA = "# -- ", "# @schema "


@dataclass
class Comment:
    """What values.yaml says about one value."""

    text: str = ""
    schema: dict[str, Any] = field(default_factory=dict)

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
    for line in source.splitlines():
        if line.lstrip().startswith("#"):
            pending.add(line.strip())
            continue
        if match := _KEY.match(line):
            path[len(match["indent"]) // 2 :] = [match["key"]]
            if pending.text or pending.schema:
                found[".".join(path)] = pending
        pending = Comment()
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
