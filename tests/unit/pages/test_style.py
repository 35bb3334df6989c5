"""The colours of the pages, measured as WCAG 2.2 defines contrast, and that each state has one."""

import re
from enum import StrEnum
from types import MappingProxyType

import pytest

from exporter.domain.offers import Level, OfferStatus, Party, StepStatus
from exporter.pages.html import HtmlPages
from exporter.pages.palette import KINDS, look, looks

SHEET = HtmlPages(telemetry_path="/metrics")._style
COLOURS = sorted({one.colour for kind in KINDS for one in looks(kind)})
THEMES = ("light", "dark")
# Colours of the palette have to stand out against all that lies between, in dashboards too.
EXTREMES = MappingProxyType({"light": "#ffffff", "dark": "#000000"})


def variables(theme: str) -> dict[str, str]:
    """Read the custom properties; those for dark go over those for light."""
    bodies = re.findall(r"(@media \(prefers-color-scheme:dark\)\{)?:root\{([^}]*)\}", SHEET)
    assert len(bodies) == 2
    chosen: dict[str, str] = {}
    for media, body in bodies:
        if theme == "dark" or not media:
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


def test_contrast_is_measured_as_wcag_says() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("text", ["text", "quiet", *COLOURS])
def test_all_text_can_be_read_on_all_backgrounds(theme: str, text: str) -> None:
    colours = variables(theme)
    backgrounds = [colours[one] for one in ("page", "card", "pill")] + [EXTREMES[theme]] * (text in COLOURS)
    assert min(contrast(colours[text], one) for one in backgrounds) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_a_field_can_be_seen_and_the_hint_in_it_be_read(theme: str) -> None:
    """Browsers choose a grey of their own for the hint, and Firefox thins it out."""
    colours = variables(theme)
    edge = re.findall(r"border:1px solid (#[0-9a-f]{6})", SHEET)[0]
    assert min(contrast(edge, colours["card"]), contrast(edge, colours["page"])) >= 3
    (hint,) = re.findall(r"::placeholder\{color:var\(--([a-z-]+)\);opacity:1\}", SHEET)
    assert contrast(colours[hint], colours["card"]) >= 4.5


def test_browsers_that_know_no_words_for_a_picture_show_the_picture() -> None:
    """A declaration that they cannot read is dropped: the plain one has to come before it."""
    spoken = re.findall(r"([^;{]*);(content:[^;}]*)/\"\"", SHEET)
    assert len(spoken) == SHEET.count('/""') == 3
    assert all(plain == alternative for plain, alternative in spoken)


def test_each_colour_has_its_class_and_nothing_is_loaded() -> None:
    assert all(f".c-{name}{{--tone:var(--{name})}}" in SHEET for name in COLOURS)
    assert not re.search(r"url\(|@import|@font-face|expression|</", SHEET)


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_has_a_look_in_the_order_of_its_enumeration(kind: type[StrEnum]) -> None:
    """That of its own: "unknown" of one enumeration equals "unknown" of another."""
    assert [(one.state, one.code) for one in looks(kind)] == [(one, place) for place, one in enumerate(kind)]
    assert [look(state) for state in kind] == list(looks(kind))


def test_a_colour_says_who_is_concerned() -> None:
    def named(colour: str) -> set[str]:
        return {one.state for kind in KINDS if kind is not Level for one in looks(kind) if one.colour == colour}

    assert named("orange") == {OfferStatus.WAITING_FOR_PUBLISHER_REVIEW, Party.PUBLISHER}
    assert named("blue") == {
        OfferStatus.RUNNING,
        StepStatus.IN_PROGRESS,
        StepStatus.WAITING_FOR_APPROVAL,
        Party.MICROSOFT,
    }
    assert named("red") == {OfferStatus.FAILED, StepStatus.REJECTED}
    assert named("green") == {OfferStatus.SUCCEEDED, StepStatus.COMPLETE}
    assert named("magenta") == {OfferStatus.UNKNOWN}
