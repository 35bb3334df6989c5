"""Splitting offers over exporters."""

from __future__ import annotations

from collections import Counter

import pytest
from pydantic import TypeAdapter, ValidationError

from exporter.config.shards import WHOLE, Shard, ShardSetting

OFFERS = [("contoso", f"offer-{number}") for number in range(700)]


def owners(total: int) -> list[list[int]]:
    return [[number for number in range(total) if Shard(number, total).has(*one)] for one in OFFERS]


def test_each_offer_has_one_shard_and_only_a_new_one_gets_offers() -> None:
    before, after = owners(7), owners(8)
    assert {len(one) for one in before + after} == {1}
    moved = [new[0] for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {7}
    counts = Counter(one[0] for one in before)
    assert all(80 < count < 120 for count in counts.values()), "of 100 on average"
    assert 60 < len(moved) < 115, "of 88 on average"


def test_it_stays_as_it_is() -> None:
    """All shards must agree, and the next version with this one: the state files are split by it."""
    assert [one[0] for one in owners(5)[:12]] == [3, 3, 2, 0, 0, 1, 2, 4, 2, 4, 3, 3]


def test_one_shard_has_everything() -> None:
    assert Shard(0, 1) == WHOLE
    assert WHOLE.has("a", "b")
    assert str(Shard(2, 7)) == "2/7"


SETTING: TypeAdapter[Shard] = TypeAdapter(ShardSetting)


@pytest.mark.parametrize(("text", "shard"), [("0/1", WHOLE), ("0/3", Shard(0, 3)), ("999/1000", Shard(999, 1000))])
def test_setting(text: str, shard: Shard) -> None:
    assert SETTING.validate_python(text) == shard
    assert SETTING.validate_python(shard) is shard


@pytest.mark.parametrize("value", ["", "3", "3/3", "4/3", "0/0", "-1/3", "0/1001", "0/3/4", " 0/3", "0/99999", 3, None])
def test_wrong_setting(value: object) -> None:
    with pytest.raises(ValidationError, match="is no shard; write ordinal/total, counted from 0, such as 0/3"):
        SETTING.validate_python(value)
