"""How columns of tables look."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, ValueMapping

from grafana.builder.looks import (
    as_thresholds,
    as_value,
    by_code,
    by_word,
    by_words_of_steps,
    nothing,
    over,
    property_of,
    ratio_between,
)

__all__ = [
    "answer",
    "coloured",
    "date",
    "day",
    "days",
    "hidden",
    "left",
    "linked",
    "moment",
    "number",
    "seconds",
    "share",
    "stands",
    "state",
    "width",
    "word",
]

_BACKGROUND = {"type": "color-background", "mode": "basic"}
_TEXT = {"type": "color-text"}
_SOON = 8
"""Tenths of an estimate after which it is nearly used up."""


def width(pixels: int) -> DynamicConfigValue:
    """Fix the width of a column."""
    return property_of("custom.width", pixels)


def coloured(mappings: list[ValueMapping], pixels: int) -> list[DynamicConfigValue]:
    """Show words on their colours."""
    return [as_value([*mappings, *nothing()]), property_of("custom.cellOptions", _BACKGROUND), width(pixels)]


def state(kind: type[StrEnum], pixels: int = 130) -> list[DynamicConfigValue]:
    """Show a column of codes as states."""
    return coloured(by_code(kind), pixels)


def word(kind: type[StrEnum], pixels: int = 130) -> list[DynamicConfigValue]:
    """Show a column of states' labels as states."""
    return coloured(by_word(kind), pixels)


def stands() -> list[DynamicConfigValue]:
    """Show where offers stand: the name of a step in the colour of its state, and the state in a word."""
    return [as_value([*by_words_of_steps(), *nothing()]), property_of("custom.cellOptions", _TEXT)]


def date() -> list[DynamicConfigValue]:
    """Show a column of Unix milliseconds as date and time, in the time zone of whoever looks."""
    return [property_of("unit", "time:YYYY-MM-DD HH:mm"), width(140)]


def moment(pixels: int = 110) -> list[DynamicConfigValue]:
    """Show a column of Unix milliseconds, none of them far away, as date and time without the year."""
    return [property_of("unit", "time:MMM D, HH:mm"), width(pixels)]


def day(pixels: int) -> list[DynamicConfigValue]:
    """Show a column of Unix milliseconds as days, with that of the week."""
    return [property_of("unit", "time:ddd MMM D"), width(pixels)]


def days(pixels: int = 70) -> list[DynamicConfigValue]:
    """Show a column of days; seconds would be shown in weeks, months and years that nobody can add up."""
    return [property_of("unit", "suffix:d"), property_of("decimals", 1), width(pixels)]


def left() -> list[DynamicConfigValue]:
    """Show a column of days that are left; what is over is negative, and red."""
    steps = [{"color": "red", "value": None}, {"color": "text", "value": 0}]
    return [
        *days(),
        property_of("color", {"mode": "thresholds"}),
        property_of("thresholds", {"mode": "absolute", "steps": steps}),
        property_of("custom.cellOptions", _TEXT),
    ]


def seconds(pixels: int = 100) -> list[DynamicConfigValue]:
    """Show a column of seconds that are minutes at most, mostly."""
    return [property_of("unit", "s"), property_of("decimals", 0), width(pixels)]


def number(pixels: int) -> list[DynamicConfigValue]:
    """Show a column of numbers with all of their digits."""
    return [property_of("unit", "none"), width(pixels)]


def answer(mappings: list[ValueMapping], pixels: int) -> list[DynamicConfigValue]:
    """Show a column of ones and zeros as coloured words."""
    return [as_value([*mappings, *nothing()]), property_of("custom.cellOptions", _TEXT), width(pixels)]


def share(pixels: int) -> list[DynamicConfigValue]:
    """Show a column of ratios; those beyond the whole say no more than that."""
    return [
        property_of("unit", "percentunit"),
        property_of("max", 1),
        property_of("decimals", 0),
        as_value([*over("over"), *nothing()]),
        property_of("color", {"mode": "thresholds"}),
        as_thresholds("blue", (0.8, "orange"), (1, "red")),
        property_of("custom.cellOptions", _TEXT),
        width(pixels),
    ]


def gauge() -> list[DynamicConfigValue]:
    """Show a column of ratios as bars, made of characters: Grafana's own draw an empty bar where there is no value."""
    bars = [
        *(
            ratio_between(tenth / 10, (tenth + 1) / 10, _bar(tenth), "orange" if tenth >= _SOON else "blue")
            for tenth in range(10)
        ),
        *over(f"{_bar(10)} over"),
    ]
    return [
        property_of("unit", "percentunit"),
        property_of("max", 1),
        as_value([*bars, *nothing()]),
        property_of("custom.cellOptions", _TEXT),
        width(170),
    ]


def _bar(tenths: int) -> str:
    return "\N{BLACK PARALLELOGRAM}" * tenths + "\N{WHITE PARALLELOGRAM}" * (10 - tenths)


def hidden() -> list[DynamicConfigValue]:
    """Keep a column for links and tooltips only."""
    return [property_of("custom.hidden", True)]


def linked(link: Mapping[str, object], pixels: int = 0) -> list[DynamicConfigValue]:
    """Make the cells of a column links."""
    return [property_of("links", [dict(link)]), *([width(pixels)] if pixels else [])]
