"""Mappings, colours and thresholds; those of states come from `exporter.palette`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    DashboardRegexMapOptions,
    DashboardSpecialValueMapOptions,
    DynamicConfigValue,
    FieldColorModeId,
    RangeMap,
    RegexMap,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from exporter.domain.offers import OfferStatus, Party, StepStatus
from exporter.pages.palette import looks

__all__ = [
    "GRAFANA",
    "SEVERITIES",
    "as_thresholds",
    "as_value",
    "by_code",
    "by_word",
    "by_words_of_steps",
    "fixed",
    "good_or_bad",
    "grey",
    "if_any",
    "mapped",
    "nothing",
    "over",
    "property_of",
    "ratio_between",
    "severities",
    "thresholds",
    "words",
]

GRAFANA = {
    "green": "green",
    "blue": "blue",
    "orange": "orange",
    "purple": "purple",
    "red": "red",
    "grey": "#8e959d",
    "dark-grey": "#5b636c",
    "magenta": "#d6409f",
}
"""What Grafana calls each colour of the palette: one of its theme, or hex."""

# By type, not by member: states of the same name are equal, whatever they are states of.
_SHORT: dict[type[StrEnum], dict[str, str]] = {
    OfferStatus: {OfferStatus.WAITING_FOR_PUBLISHER_REVIEW: "Waits for you"},
    StepStatus: {
        StepStatus.WAITING_FOR_PUBLISHER_REVIEW: "Waits for you",
        StepStatus.WAITING_FOR_APPROVAL: "Awaits approval",
    },
    Party: {Party.PUBLISHER: "You"},
}
"""Words for states whose own are too long for a cell or a tile."""

SEVERITIES = (("critical", "red"), ("warning", "orange"), ("info", "blue"), ("other", "grey"))


def words(kind: type[StrEnum]) -> dict[str, str]:
    """Give what the dashboards call each state."""
    short = _SHORT.get(kind, {})
    return {one.state: short.get(one.state, one.words) for one in looks(kind)}


def by_code(kind: type[StrEnum]) -> list[ValueMapping]:
    """Map the codes of an enumeration to words and colours."""
    return [_map((str(one.code), words(kind)[one.state], GRAFANA[one.colour]) for one in looks(kind))]


def by_word(kind: type[StrEnum]) -> list[ValueMapping]:
    """Map the states of an enumeration to words and colours."""
    return [_map((one.state, words(kind)[one.state], GRAFANA[one.colour]) for one in looks(kind))]


def by_words_of_steps() -> list[ValueMapping]:
    """Map `NAME: STATE` of steps, and the bare states of offers, to short words and colours; a step under way has its name."""
    steps = words(StepStatus)
    return [
        *(
            _by_pattern(
                f"/^(.+): {one.state}$/",
                "$1" if one.state == StepStatus.IN_PROGRESS else f"$1: {steps[one.state].lower()}",
                _of_text(one.colour),
            )
            for one in looks(StepStatus)
        ),
        _map((one.state, words(OfferStatus)[one.state], _of_text(one.colour)) for one in looks(OfferStatus)),
    ]


def _of_text(colour: str) -> str:
    """Give a colour for text; a dark grey cannot be read on a dark background."""
    return GRAFANA["grey" if colour == "dark-grey" else colour]


def _by_pattern(pattern: str, text: str, colour: str) -> ValueMapping:
    return RegexMap(
        options=DashboardRegexMapOptions(pattern=pattern, result=ValueMappingResult(text=text, color=colour))
    )


def ratio_between(low: float, high: float | None, text: str, colour: str) -> ValueMapping:
    """Map ratios between two to a text."""
    result = ValueMappingResult(text=text, color=GRAFANA[colour])
    return RangeMap(options=DashboardRangeMapOptions(from_val=low, to=high, result=result))


def over(text: str) -> list[ValueMapping]:
    """Say of a ratio above 1 that it is over, not by how much: "541 854 %" tells nobody anything."""
    return [ratio_between(1.0, None, text, "red")]


def nothing() -> list[ValueMapping]:
    """Leave empty cells without a colour."""
    result = ValueMappingResult(text="", color="transparent")
    return [
        SpecialValueMap(options=DashboardSpecialValueMapOptions(match=match, result=result))
        for match in (SpecialValueMatch.NULL_AND_NAN, SpecialValueMatch.EMPTY)
    ]


def good_or_bad(good: str, bad: str, colour: str = "red", neither: str = "") -> list[ValueMapping]:
    """Map 1 and 0, and 2 if that is possible; `colour` is that of 0, for what is not so bad."""
    rows = [("1", good, "green"), ("0", bad, colour), *([("2", neither, "grey")] if neither else [])]
    return [_map((value, words, GRAFANA[one]) for value, words, one in rows)]


def severities() -> list[ValueMapping]:
    """Map the places of `SEVERITIES`, the most serious first."""
    return [_map((str(place), one.capitalize(), GRAFANA[colour]) for place, (one, colour) in enumerate(SEVERITIES))]


def _map(rows: Iterable[tuple[str, str, str]]) -> ValueMapping:
    return ValueMap(
        options={
            value: ValueMappingResult(text=words, color=colour, index=index)
            for index, (value, words, colour) in enumerate(rows)
        }
    )


def thresholds(base: str, *steps: tuple[float, str]) -> ThresholdsConfig:
    """Colour by value; `base` is the colour below the first step."""
    all_steps = [
        Threshold(color=GRAFANA[base]),
        *(Threshold(value=value, color=GRAFANA[colour]) for value, colour in steps),
    ]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(all_steps)


def fixed(colour: str) -> FieldColor:
    """Colour everything alike; mappings still have their own."""
    return FieldColor().mode(FieldColorModeId.FIXED).fixed_color(GRAFANA[colour])


def grey() -> ThresholdsConfig:
    """Leave a value without colour, whatever it is; mappings still colour it."""
    return thresholds("grey")


def mapped() -> FieldColor:
    """Colour by mapping or threshold."""
    return FieldColor().mode(FieldColorModeId.THRESHOLDS)


def property_of(name: str, value: object) -> DynamicConfigValue:
    """Set one property in an override."""
    return DynamicConfigValue(id_val=name, value=value)


def if_any(colour: str) -> DynamicConfigValue:
    """Colour a figure from 1 on; a red 0 would alarm for nothing."""
    steps = [{"color": "text", "value": None}, {"color": colour, "value": 1}]
    return property_of("thresholds", {"mode": "absolute", "steps": steps})


def as_thresholds(base: str, *steps: tuple[float, str]) -> DynamicConfigValue:
    """Set thresholds in an override."""
    return property_of("thresholds", thresholds(base, *steps).build().to_json())


def as_value(mappings: list[ValueMapping]) -> DynamicConfigValue:
    """Set mappings in an override."""
    return property_of("mappings", [one.to_json() for one in mappings])
