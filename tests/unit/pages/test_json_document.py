"""Large documents: written in pieces."""

from __future__ import annotations

import json

import pytest

from exporter.pages.json_document import BATCH, batched, dump


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1, 3 * BATCH])
def test_entries_come_in_batches(count: int) -> None:
    entries = [{"id": f"{number}é"} for number in range(count)]
    parts = list(batched(map(dump, entries)))
    assert json.loads(f"[{''.join(parts)}]") == entries
    assert len(parts) == -(-count // BATCH)
    assert all(part.isascii() for part in parts)
