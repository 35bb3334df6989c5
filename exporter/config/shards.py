"""Splitting offers over several exporters.

By rendezvous hashing: each shard draws a number for each offer and the highest one has it. Nothing has to be agreed on but
the number of shards, and when one is added, only the offers that it wins move.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

__all__ = ["WHOLE", "Shard", "ShardSetting"]

MAX_SHARDS = 1000


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `total` shards, counted from 0."""

    ordinal: int
    total: int

    def has(self, publisher_id: str, offer_id: str) -> bool:
        """Whether an offer belongs to this shard."""
        if self.total == 1:
            return True
        key = f"{publisher_id}/{offer_id}".encode()
        draws = [blake2b(key, digest_size=8, salt=number.to_bytes(4, "big")).digest() for number in range(self.total)]
        return draws[self.ordinal] == max(draws)

    def __str__(self) -> str:
        return f"{self.ordinal}/{self.total}"


WHOLE = Shard(0, 1)
"""The shard that has everything."""


def _parse(value: Any) -> Any:
    shape = re.fullmatch(r"(\d{1,4})/(\d{1,4})", value) if isinstance(value, str) else None
    if isinstance(value, Shard):
        return value
    if shape is None or not int(shape[1]) < int(shape[2]) <= MAX_SHARDS:
        raise ValueError(f"{value!r:.60} is no shard; write ordinal/total, counted from 0, such as 0/3")
    return Shard(int(shape[1]), int(shape[2]))


ShardSetting = Annotated[Shard, NoDecode, BeforeValidator(_parse)]
"""A shard as it is written in settings: `0/3`."""
