"""How evenly offers spread over shards, and how many move when one is added."""

from __future__ import annotations

from collections import Counter

from exporter.config.shards import Shard
from tests.benchmarks.measure import table

OFFERS = [(f"publisher-{number % 20}", f"offer-{number:05}") for number in range(10_000)]


def shards() -> str:
    """Balance of 10,000 offers, and the share that moves to one shard more; the ideal is one part in that number."""
    rows, owners = [], {total: _owners(total) for total in (2, 3, 7, 8)}
    for total, now in owners.items():
        counts = Counter(now).values()
        assert len(counts) == total
        row = str(total), f"{len(OFFERS) / total:,.0f}", f"{min(counts):,}", f"{max(counts):,}"
        before = owners.get(total - 1)
        moved = sum(a != b for a, b in zip(before, now, strict=True)) / len(OFFERS) if before else None
        rows.append((*row, *(("", "") if moved is None else (f"{moved:.1%}", f"{1 / total:.1%}"))))
    head = ("shards", "mean", "fewest", "most", "moved from one shard less", "least possible")
    return f"## {len(OFFERS):,} offers over shards\n\n" + table(head, rows)


def _owners(total: int) -> list[int]:
    """The shard of each offer."""
    parts = [Shard(number, total) for number in range(total)]
    return [next(one.ordinal for one in parts if one.has(*offer)) for offer in OFFERS]
