"""Mappings, colours and thresholds; those of states come from `exporter.pages.palette`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DashboardSpecialValueMapOptions,
    DynamicConfigValue,
    FieldColorModeId,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from exporter.pages.palette import COLOURS, looks

__all__ = [
    "SEVERITIES",
    "as_value",
    "by_code",
    "by_word",
    "fixed",
    "good_or_bad",
    "if_any",
    "mapped",
    "nothing",
    "property_of",
    "severities",
    "thresholds",
]

SEVERITIES = (("critical", "red"), ("warning", "orange"), ("info", "blue"), ("other", "grey"))


def by_code(kind: type[StrEnum]) -> list[ValueMapping]:
    """Map the codes of an enumeration to words and colours."""
    return [_map((str(one.code), one.words, one.colour.grafana) for one in looks(kind))]


def by_word(kind: type[StrEnum]) -> list[ValueMapping]:
    """Map the states of an enumeration to words and colours."""
    return [_map((one.state, one.words, one.colour.grafana) for one in looks(kind))]


def nothing() -> list[ValueMapping]:
    """Leave empty cells without a colour."""
    result = ValueMappingResult(text="", color="transparent")
    return [
        SpecialValueMap(options=DashboardSpecialValueMapOptions(match=match, result=result))
        for match in (SpecialValueMatch.NULL_AND_NAN, SpecialValueMatch.EMPTY)
    ]


def good_or_bad(good: str, bad: str, colour: str = "red") -> list[ValueMapping]:
    """Map 1 and 0; `colour` is that of 0, for what is not so bad."""
    return [_map([("1", good, COLOURS["green"].grafana), ("0", bad, COLOURS[colour].grafana)])]


def severities() -> list[ValueMapping]:
    """Map the places of `SEVERITIES`, the most serious first."""
    return [
        _map((str(place), one.capitalize(), COLOURS[colour].grafana) for place, (one, colour) in enumerate(SEVERITIES))
    ]


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
        Threshold(color=COLOURS[base].grafana),
        *(Threshold(value=value, color=COLOURS[colour].grafana) for value, colour in steps),
    ]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(all_steps)


def fixed(colour: str) -> FieldColor:
    """Colour everything alike."""
    return FieldColor().mode(FieldColorModeId.FIXED).fixed_color(colour)


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


def as_value(mappings: list[ValueMapping]) -> DynamicConfigValue:
    """Set mappings in an override."""
    return property_of("mappings", [one.to_json() for one in mappings])
