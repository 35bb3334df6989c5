"""How evenly offers spread over shards, and how many move when one is added."""

from __future__ import annotations

from collections import Counter

from exporter.config.shards import Shard
from tests.benchmarks.measure import table

OFFERS = 10_000


def owners(total: int) -> list[int]:
    """Tell the shard of each of 10,000 offers of 20 publishers."""
    return [_owner(f"publisher-{number % 20}", f"offer-{number:05}", total) for number in range(OFFERS)]


def _owner(publisher_id: str, offer_id: str, total: int) -> int:
    return next(number for number in range(total) if Shard(number, total).has(publisher_id, offer_id))


def shards() -> str:
    """Balance of 10,000 offers, and the share that moves to one shard more; the ideal is one part in that number."""
    rows = []
    before: list[int] = []
    for total in (2, 3, 7, 8):
        now = owners(total)
        counts = Counter(now)
        assert len(counts) == total
        moved = f"{sum(a != b for a, b in zip(before, now, strict=True)) / OFFERS:.1%}" if total in {3, 8} else ""
        ideal = f"{1 / total:.1%}" if moved else ""
        rows.append(
            (
                str(total),
                f"{OFFERS / total:,.0f}",
                f"{min(counts.values()):,}",
                f"{max(counts.values()):,}",
                moved,
                ideal,
            )
        )
        before = now
    head = ("shards", "mean", "fewest", "most", "moved from one shard less", "least possible")
    return f"## {OFFERS:,} offers over shards\n\n" + table(head, rows)


if __name__ == "__main__":
    print(shards())
