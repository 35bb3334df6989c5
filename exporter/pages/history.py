"""The past of one offer: for its page, and as JSON and CSV at `/api/v1/offers/{publisher}/{offer}/history` (docs/forecast.md)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import chain

from exporter.collection.record import OUTCOMES, PastPublication
from exporter.collection.snapshot import OfferRecord
from exporter.pages.json_document import Json, dump
from exporter.pages.wording import iso

__all__ = ["write_csv", "write_json"]

HEAD = ("kind", "source", "step_id", "begun", "ended", "duration_seconds", "outcome", "version", "times")


def write_json(record: OfferRecord) -> str:
    """The record and the forecast; times are Unix seconds."""
    outlook = record.outlook
    expected = outlook.expected if outlook else None
    usual = outlook.usual if outlook else {}
    document = {
        "publisher_id": record.publisher_id,
        "offer_id": record.offer_id,
        "expected_live_timestamp_seconds": {"0.5": expected[0], "0.8": expected[1]} if expected else None,
        "usual_durations": {
            step_id: {"median_seconds": one.median, "late_seconds": one.late, "record_of": one.basis}
            for step_id, one in usual.items()
        },
        "publications_total": dict(zip(OUTCOMES, record.past.counts, strict=True)),
        "publications": [_timed(one.begun, one.ended, is_told=one.is_told) | _end(one) for one in record.past.ended()],
        "step_durations": list(_steps(record)),
    }
    return dump(document) + "\n"


def _end(one: PastPublication) -> Json:
    return {"outcome": one.outcome, "version": one.version}


def _steps(record: OfferRecord) -> Iterator[Json]:
    for source, step_id, one in record.past.all_durations():
        yield {"source": source, "step_id": step_id} | _timed(one.ended - one.seconds, one.ended, is_told=one.is_told)


def _timed(begun: int | None, ended: int, *, is_told: bool) -> Json:
    return {
        "begun_timestamp_seconds": begun,
        "ended_timestamp_seconds": ended,
        "duration_seconds": None if begun is None else ended - begun,
        "times": "told" if is_told else "observed",
    }


def write_csv(record: OfferRecord) -> str:
    """The record as a table, times in RFC 3339: first the publications, then the durations of the steps."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(HEAD)
    publications: Iterator[Json] = (
        {"kind": "publication"} | _timed(one.begun, one.ended, is_told=one.is_told) | _end(one)
        for one in record.past.ended()
    )
    for row in chain(publications, ({"kind": "step"} | one for one in _steps(record))):
        begun, ended = row["begun_timestamp_seconds"], row["ended_timestamp_seconds"]
        times = {"begun": "" if begun is None else iso(begun), "ended": iso(ended)}
        table.writerow(_cells(row | times))
    return text.getvalue()


def _cells(row: Json) -> Sequence[object]:
    """What a spreadsheet would take for a formula begins with an apostrophe."""
    cells = (row.get(name) for name in HEAD)
    return ["'" + one if isinstance(one, str) and one.startswith(("=", "+", "-", "@", "\t")) else one for one in cells]
