from __future__ import annotations

import re

import pytest

from exporter.domain import errors
from exporter.domain.errors import REASONS, ConfigError, ExporterError, SourceError

DESIGNED = {
    "credential",
    "forbidden",
    "not_found",
    "throttled",
    "refused",
    "upstream",
    "transport",
    "timeout",
    "decode",
    "deadline",
    "internal",
}


def test_reasons_are_the_designed_ones() -> None:
    assert set(REASONS) == DESIGNED
    assert len(REASONS) == len(DESIGNED)


@pytest.mark.parametrize("kind", SourceError.__subclasses__())
def test_each_kind_of_failure_has_a_reason_of_its_own(kind: type[SourceError]) -> None:
    kinds: list[type[SourceError]] = [SourceError, *SourceError.__subclasses__()]
    others = [one.reason for one in kinds if one is not kind]
    assert kind.reason not in others


@pytest.mark.parametrize("name", [one for one in errors.__all__ if one.endswith("Error")])
def test_everything_is_an_exporter_error_and_in_the_tree(name: str) -> None:
    assert issubclass(getattr(errors, name), ExporterError)
    assert re.search(rf"\b{name}\b", errors.__doc__ or "")


def test_config_error_tells_all_problems() -> None:
    error = ConfigError([("a.b", "wrong"), ("c", "worse")])
    assert error.problems == [("a.b", "wrong"), ("c", "worse")]
    assert str(error) == "a.b: wrong\nc: worse"
