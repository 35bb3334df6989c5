"""The colours of the style sheet that are not the palette's own, measured as WCAG 2.2 defines contrast."""

import re

import pytest

from exporter.pages.palette import COLOURS
from exporter.pages.style import style_sheet


def variables(dark: bool) -> dict[str, str]:
    """Read the custom properties; those for dark go over those for light."""
    sheet = style_sheet()
    bodies = re.findall(r"(@media \(prefers-color-scheme:dark\)\{)?:root\{([^}]*)\}", sheet)
    assert len(bodies) == 4
    chosen: dict[str, str] = {}
    for media, body in bodies:
        if dark or not media:
            chosen |= dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{3,6})", body))
    return chosen


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * one for one in colour[1:])
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("text", ["text", "quiet", *COLOURS])
@pytest.mark.parametrize("background", ["page", "card", "pill"])
def test_all_text_can_be_read_on_all_backgrounds(dark: bool, text: str, background: str) -> None:
    colours = variables(dark)
    assert contrast(colours[text], colours[background]) >= 4.5


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_edge_of_a_field_can_be_seen(dark: bool) -> None:
    edge = re.search(r"border:1px solid (#[0-9a-f]{6})", style_sheet())
    assert edge is not None
    assert contrast(edge[1], variables(dark)["card"]) >= 3
    assert contrast(edge[1], variables(dark)["page"]) >= 3


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_hint_in_an_empty_field_can_be_read(dark: bool) -> None:
    """Browsers choose a grey of their own, and Firefox thins it out."""
    rule = re.search(r"::placeholder\{color:var\(--([a-z-]+)\);opacity:1\}", style_sheet())
    assert rule is not None
    colours = variables(dark)
    assert contrast(colours[rule[1]], colours["card"]) >= 4.5


def test_browsers_that_know_no_words_for_a_picture_show_the_picture() -> None:
    """A declaration that they cannot read is dropped: the plain one has to come before it."""
    spoken = re.findall(r"([^;{]*);(content:[^;}]*)/\"\"", style_sheet())
    assert len(spoken) == style_sheet().count('/""') == 3
    assert all(plain == alternative for plain, alternative in spoken)


def test_each_colour_has_its_class() -> None:
    assert all(f".c-{name}{{--tone:var(--{name})}}" in style_sheet() for name in COLOURS)


def test_the_sheet_loads_nothing() -> None:
    assert not re.search(r"url\(|@import|@font-face|expression|</", style_sheet())
