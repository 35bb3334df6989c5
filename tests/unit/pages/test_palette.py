from enum import StrEnum

import pytest

from exporter.domain.offers import Level, OfferStatus, Party, StepStatus
from exporter.pages.palette import COLOURS, DARK_BACKGROUND, KINDS, LIGHT_BACKGROUND, Colour, look, looks


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_measured_as_wcag_says() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("colour", COLOURS.values(), ids=list(COLOURS))
def test_text_can_be_read_on_light_and_on_dark(colour: Colour) -> None:
    assert min(contrast(colour.light, "#ffffff"), contrast(colour.light, LIGHT_BACKGROUND)) >= 4.5
    assert min(contrast(colour.dark, "#000000"), contrast(colour.dark, DARK_BACKGROUND)) >= 4.5


@pytest.mark.parametrize("kind", [OfferStatus, StepStatus, Party, Level])
def test_every_state_has_a_look_in_the_order_of_its_enumeration(kind: type[StrEnum]) -> None:
    assert kind in KINDS
    assert [one.state for one in looks(kind)] == list(kind)
    assert [one.code for one in looks(kind)] == list(range(len(kind)))
    assert all(look(state).state == state for state in kind)


def test_equal_words_of_two_enumerations_are_told_apart() -> None:
    assert look(OfferStatus.UNKNOWN).code == 7
    assert look(StepStatus.UNKNOWN).code == 8
    assert look(Level.UNKNOWN).code == 3


def test_a_colour_says_who_is_concerned() -> None:
    def named(colour: str) -> set[str]:
        return {
            one.state for kind in (OfferStatus, StepStatus, Party) for one in looks(kind) if one.colour.name == colour
        }

    assert named("orange") == {"waiting_for_publisher_review", "publisher"}
    assert named("red") == {"failed", "rejected"}
    assert named("green") == {"succeeded", "complete"}
    assert named("magenta") == {"unknown"}
    assert look(StepStatus.WAITING_FOR_APPROVAL).words == "Waiting for approval"
