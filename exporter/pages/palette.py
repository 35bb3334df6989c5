"""How each state looks, once for all: its words, its place in the order and its colour, on pages and in dashboards.

A colour says who is concerned: orange and purple ask the publisher to act, blue is with Microsoft, red went wrong, green
is done, the greys are at rest, magenta is something new that the exporter does not know. What they are on light and on dark
stands in the style sheet, and what Grafana calls them in `grafana/builder/looks.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from exporter.domain.offers import Level, OfferStatus, Party, StepStatus

__all__ = ["KINDS", "Look", "look", "looks"]


@dataclass(frozen=True, slots=True)
class Look:
    """How one state is shown; `code` is its place in the order of its enumeration, from 0."""

    state: str
    words: str
    code: int
    colour: str


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
            Look(state.value, state.value.replace("_", " ").capitalize(), code, colours[state])
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
