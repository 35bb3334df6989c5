"""Large documents: written once per snapshot, in pieces."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterator

import pytest

from exporter.collection.snapshot import Snapshot
from exporter.pages.json_document import BATCH, JsonDocument, batched, dump
from exporter.pages.wording import Lens

from .samples import LENS, NOW, STALE_AFTER, record, snapshot


class Writer:
    """Writes how often it has been asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, snapshot: Snapshot, lens: Lens) -> Iterator[str]:
        self.times += 1
        yield str(self.times)


def test_a_snapshot_is_written_once_until_something_in_it_is_stale() -> None:
    one, other = snapshot(record(fetched=60)), snapshot(record(fetched=60))
    document = JsonDocument(Writer())

    def written(shown: Snapshot, later: float = 0.0, stale_after: float = STALE_AFTER) -> list[bytes]:
        return list(document.pieces(shown, Lens(NOW + later, stale_after)))

    assert written(one) == [b"1"]
    assert written(one, STALE_AFTER - 61) == [b"1"]
    assert written(one, STALE_AFTER - 60) == [b"2"]
    assert written(one, 2 * STALE_AFTER) == [b"2"]
    assert written(other) == [b"3"], "however alike"
    assert written(other, stale_after=30.0) == [b"4"], "a reload changed the setting"


def test_it_does_not_keep_the_snapshot() -> None:
    shown = snapshot(record())
    gone, document = weakref.ref(shown), JsonDocument(Writer())
    document.pieces(shown, LENS)
    del shown
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1, 3 * BATCH])
def test_entries_come_in_batches(count: int) -> None:
    entries = [{"id": f"{number}é"} for number in range(count)]
    parts = list(batched(map(dump, entries)))
    assert json.loads(f"[{''.join(parts)}]") == entries
    assert len(parts) == -(-count // BATCH)
    assert all(part.isascii() for part in parts)
