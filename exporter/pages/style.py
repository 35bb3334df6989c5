"""The style sheet of the pages: the one in `templates`, and the colours of the states."""

from __future__ import annotations

from importlib.resources import files

from exporter.pages.palette import COLOURS, DARK_BACKGROUND, LIGHT_BACKGROUND, Colour

__all__ = ["style_sheet"]


def style_sheet() -> str:
    """Read the style sheet and add the palette, for light and for dark."""
    light = _variables({colour.name: colour.light for colour in COLOURS.values()} | {"pill": LIGHT_BACKGROUND})
    dark = _variables({colour.name: colour.dark for colour in COLOURS.values()} | {"pill": DARK_BACKGROUND})
    classes = "".join(_class(colour) for colour in COLOURS.values())
    sheet = (files("exporter.pages") / "templates" / "style.css").read_text(encoding="utf-8")
    return f":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}\n{sheet}"


def _variables(values: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in values.items())


def _class(colour: Colour) -> str:
    return f".c-{colour.name}{{--tone:var(--{colour.name})}}"
