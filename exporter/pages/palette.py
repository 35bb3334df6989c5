"""How each state looks, once for all: its words, its place in the order and its colour, on pages and in dashboards.

A colour says who is concerned: orange and purple ask the publisher to act, blue is with Microsoft, red went wrong, green
is done, the greys are at rest, magenta is something new that the exporter does not know. The two hex values of a colour
are for text: each has a contrast of at least 4.5 (WCAG 2.2, AA) against every background between white and
`LIGHT_BACKGROUND`, or between black and `DARK_BACKGROUND`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from exporter.domain.offers import Level, OfferStatus, Party, StepStatus

__all__ = ["COLOURS", "DARK_BACKGROUND", "KINDS", "LIGHT_BACKGROUND", "Colour", "Look", "look", "looks"]

LIGHT_BACKGROUND = "#f0f2f5"
DARK_BACKGROUND = "#20262d"


@dataclass(frozen=True, slots=True)
class Colour:
    """One colour: its name, text on light and on dark, and what Grafana calls it (a theme colour, or hex)."""

    name: str
    light: str
    dark: str
    grafana: str


@dataclass(frozen=True, slots=True)
class Look:
    """How one state is shown; `code` is its place in the order of its enumeration, from 0."""

    state: str
    words: str
    code: int
    colour: Colour


COLOURS = MappingProxyType(
    {
        colour.name: colour
        for colour in (
            Colour("green", "#1b7337", "#4fc26b", "green"),
            Colour("blue", "#1f5fbf", "#6ea8ff", "blue"),
            Colour("orange", "#a84c00", "#f59b42", "orange"),
            Colour("purple", "#7a3fc9", "#c09bff", "purple"),
            Colour("red", "#c01f2e", "#ff8078", "red"),
            Colour("grey", "#636b75", "#9aa3ad", "#8e959d"),
            Colour("dark-grey", "#3f464f", "#c3cad2", "#5b636c"),
            Colour("magenta", "#ad2a7f", "#f582c1", "#d6409f"),
        )
    }
)

_COLOURS: Mapping[type[StrEnum], Mapping[str, str]] = MappingProxyType(
    {
        OfferStatus: {
            OfferStatus.NEVER_PUBLISHED: "grey",
            OfferStatus.NOT_STARTED: "grey",
            OfferStatus.WAITING_FOR_PUBLISHER_REVIEW: "orange",
            OfferStatus.RUNNING: "blue",
            OfferStatus.SUCCEEDED: "green",
            OfferStatus.CANCELED: "dark-grey",
            OfferStatus.FAILED: "red",
            OfferStatus.UNKNOWN: "magenta",
        },
        StepStatus: {
            StepStatus.NOT_STARTED: "grey",
            StepStatus.IN_PROGRESS: "blue",
            StepStatus.WAITING_FOR_PUBLISHER_REVIEW: "orange",
            StepStatus.WAITING_FOR_APPROVAL: "blue",
            StepStatus.BLOCKED: "purple",
            StepStatus.REJECTED: "red",
            StepStatus.COMPLETE: "green",
            StepStatus.CANCELED: "dark-grey",
            StepStatus.UNKNOWN: "magenta",
        },
        Party: {Party.PUBLISHER: "orange", Party.MICROSOFT: "blue", Party.NOBODY: "grey"},
        Level: {Level.INFORMATION: "blue", Level.WARNING: "orange", Level.ERROR: "red", Level.UNKNOWN: "magenta"},
    }
)
KINDS: tuple[type[StrEnum], ...] = tuple(_COLOURS)


# By type, not by member: "unknown" of one enumeration equals "unknown" of another.
_LOOKS = MappingProxyType(
    {
        kind: tuple(
            Look(state.value, state.value.replace("_", " ").capitalize(), code, COLOURS[colours[state]])
            for code, state in enumerate(kind)
        )
        for kind, colours in _COLOURS.items()
    }
)


def looks(kind: type[StrEnum]) -> tuple[Look, ...]:
    """List how the states of an enumeration look, in their order; KeyError for an enumeration that has no looks."""
    return _LOOKS[kind]


def look(state: StrEnum) -> Look:
    """How one state looks."""
    return next(one for one in looks(type(state)) if one.state == state)
