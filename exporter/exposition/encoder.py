"""From the families to bytes: rendered and compressed once per snapshot, copied on each scrape.

The format is that of prometheus_client's encoders, byte for byte; a property test holds the two together. Labels are sorted
by name, as there.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from prometheus_client.utils import floatToGoString

from exporter.collection.snapshot import OfferRecord, PublisherRecord, Since, Snapshot, SourceRecord
from exporter.exposition.families import families
from exporter.exposition.kinds import Counts, Family, Info, OfferRow, States, StepRow, Totals, Value

__all__ = ["Body", "Exposition", "Packed", "encode", "encode_offer", "render"]

_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LEVEL = 1
_SLICE = 16 * 1024
_PIECE = 128 * 1024
_BATCH = 100
"""Rows that are rendered before they are compressed; of a step's state set that is a tenth of a megabyte, and half a millisecond."""

Row = tuple[tuple[str, ...], Any]
"""The escaped ids (publisher and source, or publisher, offer and step), and what the samples are read from."""


@dataclass(frozen=True, slots=True)
class Body:
    """An answer that can be sent piece by piece, any number of times; `size` is in bytes."""

    size: int
    pieces: Callable[[], Iterator[bytes]]

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces()


@dataclass(frozen=True, slots=True)
class Packed:
    """The metrics of one snapshot in one format, as pieces of an unfinished deflate stream; `size` is that of the text in bytes."""

    deflated: tuple[bytes, ...]
    crc: int
    size: int

    def plain(self, tail: bytes) -> Body:
        """The text, with `tail` (the exporter's own metrics) at its end."""
        return Body(self.size + len(tail), lambda: chain(self._inflated(), (tail,)))

    def gzipped(self, tail: bytes) -> Body:
        """The same as one gzip member; only `tail` is compressed now."""
        packer = zlib.compressobj(_LEVEL, wbits=-zlib.MAX_WBITS)
        end = packer.compress(tail) + packer.flush()
        crc = zlib.crc32(tail, self.crc)
        size = (self.size + len(tail)) & 0xFFFFFFFF
        parts = _GZIP_HEADER, *self.deflated, end + crc.to_bytes(4, "little") + size.to_bytes(4, "little")
        return Body(sum(map(len, parts)), lambda: iter(parts))

    def _inflated(self) -> Iterator[bytes]:
        unpacker = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        for packed in self.deflated:
            whole = memoryview(packed)
            for start in range(0, len(whole), _SLICE):
                left: bytes | memoryview = whole[start : start + _SLICE]
                while piece := unpacker.decompress(left, _PIECE):
                    yield piece
                    left = unpacker.unconsumed_tail


@dataclass(frozen=True, slots=True)
class Exposition:
    """The metrics of one snapshot in both formats, which share all bytes before the head of the first counter.

    Only that is kept: 10,000 offers are 7 MB, their text would be 218 MB. Prometheus asks for gzip and gets these bytes;
    for whoever does not, inflating on the way out costs less than a tenth of rendering.
    """

    text: Packed
    openmetrics: Packed


class _Packer:
    """Compresses piece by piece; `done` are the parts that end on a byte, so that another stream may continue after each."""

    def __init__(self) -> None:
        self.stream = zlib.compressobj(_LEVEL, wbits=-zlib.MAX_WBITS)
        self.pending: list[bytes] = []
        self.done: tuple[bytes, ...] = ()
        self.crc = self.size = 0

    def add(self, piece: bytes) -> None:
        self.pending.append(self.stream.compress(piece))
        self.crc = zlib.crc32(piece, self.crc)
        self.size += len(piece)

    def flush(self) -> None:
        self.done += (b"".join((*self.pending, self.stream.flush(zlib.Z_SYNC_FLUSH))),)
        self.pending = []

    def fork(self) -> _Packer:
        """Another one that goes on from here; the two share the bytes that are there by now."""
        self.flush()
        other = copy(self)
        other.stream, other.pending = self.stream.copy(), []
        return other

    def packed(self) -> Packed:
        self.flush()
        return Packed(self.done, self.crc, self.size)


def encode(snapshot: Snapshot, now: float, stale_after: float, *, message_text: bool = True) -> Exposition:
    """Render a snapshot; the offers that are stale at `now` (Unix seconds) show only their health."""
    text = openmetrics = _Packer()
    for piece, other in render(snapshot, now, stale_after, message_text=message_text):
        time.sleep(0)  # lets a scrape go first
        if piece != other and openmetrics is text:
            openmetrics = text.fork()
        text.add(piece)
        if openmetrics is not text:
            openmetrics.add(other)
    return Exposition(text.packed(), openmetrics.packed())


def render(
    snapshot: Snapshot, now: float, stale_after: float, *, message_text: bool = True
) -> Iterator[tuple[bytes, bytes]]:
    """Render a snapshot in pieces that are never all there at once, each for the text format and for OpenMetrics."""
    rows = _rows(snapshot, now, stale_after)
    for family in families(message_text=message_text):
        yield _head(family, openmetrics=False).encode(), _head(family, openmetrics=True).encode()
        lines = _RENDERERS[type(family)](family, rows[family.row])
        while batch := "".join(islice(lines, _BATCH)).encode():
            yield batch, batch


def encode_offer(record: OfferRecord, now: float, *, openmetrics: bool, message_text: bool) -> bytes:
    """Render one offer on its own, without health and without families that have no sample."""
    rows = _rows(Snapshot((PublisherRecord(record.publisher_id, None, (record,)),)), now, math.inf)
    shown = []
    for family in families(message_text=message_text):
        lines = "".join(_RENDERERS[type(family)](family, rows[family.row]))
        if lines and family.row in {OfferRow, StepRow}:
            shown.append(_head(family, openmetrics=openmetrics) + lines)
    return "".join(shown).encode()


def _rows(snapshot: Snapshot, now: float, stale_after: float) -> dict[type, list[Row]]:
    rows: dict[type, list[Row]] = {one: [] for one in (PublisherRecord, SourceRecord, OfferRecord, OfferRow, StepRow)}
    escaped = _Escaped()
    for publisher in snapshot.publishers:
        publisher_id = _escape(publisher.publisher_id)
        rows[PublisherRecord].append(((publisher_id,), publisher))
        rows[SourceRecord] += (((publisher_id, escaped[one.source]), one) for one in publisher.sources)
        for record in publisher.offers:
            ids = (publisher_id, _escape(record.offer_id))
            rows[OfferRecord].append((ids, record))
            if record.offer is not None and record.is_fresh(now, stale_after):
                since = record.since or Since(now, now)
                rows[OfferRow].append((ids, OfferRow(record.offer, since, record.past, record.outlook)))
                usual = record.outlook.usual if record.outlook else {}
                rows[StepRow] += (
                    (
                        (*ids, escaped[one.step_id]),
                        StepRow(one, place, since.steps.get(one.step_id), usual.get(one.step_id)),
                    )
                    for place, one in enumerate(record.offer.steps, start=1)
                )
    return rows


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _head(family: Family[Any, Any], *, openmetrics: bool) -> str:
    """OpenMetrics calls a counter by its name without the suffix."""
    name = family.name.removesuffix("_total") if openmetrics else family.name
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n"


def _template(family: Family[Any, Any], marks: dict[str, str]) -> str:
    """The start of a sample line; `marks` stand for label values, labels without one are ids, by position."""
    marks = {label: f"{{{position}}}" for position, label in enumerate(family.ids)} | marks
    labels = ",".join(f'{label}="{marks[label]}"' for label in sorted(family.labels))
    return f"{family.name}{{{{{labels}}}}} "


def _values(family: Value[Any], rows: Sequence[Row]) -> Iterator[str]:
    line, read, number = (_template(family, {}) + f"{{{len(family.ids)}}}\n").format, family.read, _Numbers()
    for ids, row in rows:
        value = read(row)
        if value is not None:
            yield line(*ids, number[value])


def _infos(family: Info[Any], rows: Sequence[Row]) -> Iterator[str]:
    marks = {label: f"{{{position}}}" for position, label in enumerate(family.extra, start=len(family.ids))}
    line, read, escaped = (_template(family, marks) + "1.0\n").format, family.read, _Escaped()
    for ids, row in rows:
        texts = read(row)
        if texts is not None:
            yield line(*ids, *map(escaped.__getitem__, texts))


def _states(family: States[Any], rows: Sequence[Row]) -> Iterator[str]:
    blocks = {
        active: "".join(
            _template(family, {family.extra[0]: state}) + ("1.0\n" if state == active else "0.0\n")
            for state in family.values
        ).format
        for active in family.values
    }
    read = family.read
    for ids, row in rows:
        state = read(row)
        if state is not None:
            yield blocks[state](*ids)


def _counts(family: Counts[Any], rows: Sequence[Row]) -> Iterator[str]:
    block = "".join(
        _template(family, {family.extra[0]: value}) + f"{{{place}}}\n"
        for place, value in enumerate(family.values, start=len(family.ids))
    ).format
    read, number = family.read, _Numbers()
    for ids, row in rows:
        counts = read(row)
        if counts is not None:
            yield block(*ids, *map(number.__getitem__, counts))


class _Escaped(dict[str, str]):
    """Label values as the format writes them, each worked out once."""

    def __missing__(self, value: str) -> str:
        self[value] = _escape(value)
        return self[value]


class _Numbers(dict[float, str]):
    """Numbers as the format writes them, each worked out once."""

    def __missing__(self, number: float) -> str:
        # The library knows how Go writes numbers, and has no types for it.
        self[number] = str(floatToGoString(number))  # type: ignore[no-untyped-call]  # the library has no types here
        return self[number]


_RENDERERS: dict[type, Callable[[Any, Sequence[Row]], Iterator[str]]] = {
    Value: _values,
    Info: _infos,
    States: _states,
    Counts: _counts,
    Totals: _counts,
}
