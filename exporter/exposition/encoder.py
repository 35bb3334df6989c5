"""From the families to bytes: rendered and compressed once per snapshot, copied on each scrape.

The format is that of prometheus_client's encoders, byte for byte; a property test holds the two together. Labels are sorted
by name, as there.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.utils import floatToGoString

from exporter.collection.snapshot import OfferRecord, PublisherRecord, Since, Snapshot
from exporter.exposition.families import FAMILIES, Counts, Family, Info, OfferRow, StepRow, States, Value

__all__ = ["Exposition", "encode"]

_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LEVEL = 1

Row = tuple[tuple[str, ...], Any]
"""The escaped ids (publisher, offer, step), and what the samples are read from."""


@dataclass(frozen=True, slots=True)
class Exposition:
    """The metrics of one snapshot: the pieces of its text, and the same text as an unfinished deflate stream."""

    pieces: tuple[bytes, ...]
    deflated: bytes
    crc: int
    size: int

    def plain(self, tail: bytes) -> tuple[bytes, ...]:
        """Give the text, with `tail` (the exporter's own metrics) at its end."""
        return (*self.pieces, tail)

    def gzipped(self, tail: bytes) -> tuple[bytes, ...]:
        """Give the same as one gzip member; only `tail` is compressed now."""
        packer = zlib.compressobj(_LEVEL, wbits=-zlib.MAX_WBITS)
        end = packer.compress(tail) + packer.flush()
        crc = zlib.crc32(tail, self.crc)
        size = (self.size + len(tail)) & 0xFFFFFFFF
        return (_GZIP_HEADER, self.deflated, end + crc.to_bytes(4, "little") + size.to_bytes(4, "little"))


def encode(snapshot: Snapshot, now: float, stale_after: float) -> Exposition:
    """Render a snapshot; the offers that are stale at `now` (Unix seconds) show only their health."""
    rows = _rows(snapshot, now, stale_after)
    packer = zlib.compressobj(_LEVEL, wbits=-zlib.MAX_WBITS)
    pieces, packed, crc, size = [], [], 0, 0
    for family in FAMILIES:
        piece = _render(family, rows[family.row]).encode()
        pieces.append(piece)
        packed.append(packer.compress(piece))
        crc = zlib.crc32(piece, crc)
        size += len(piece)
    # A full flush ends on a byte and forgets the window, so another stream may continue from here.
    packed.append(packer.flush(zlib.Z_FULL_FLUSH))
    return Exposition(tuple(pieces), b"".join(packed), crc, size)


def _rows(snapshot: Snapshot, now: float, stale_after: float) -> dict[type, list[Row]]:
    rows: dict[type, list[Row]] = {PublisherRecord: [], OfferRecord: [], OfferRow: [], StepRow: []}
    for publisher in snapshot.publishers:
        publisher_id = _escape(publisher.publisher_id)
        rows[PublisherRecord].append(((publisher_id,), publisher))
        for record in publisher.offers:
            ids = (publisher_id, _escape(record.offer_id))
            rows[OfferRecord].append((ids, record))
            if record.offer is not None and record.is_fresh(now, stale_after):
                since = record.since or Since(now, now)
                rows[OfferRow].append((ids, OfferRow(record.offer, since)))
                rows[StepRow] += (
                    ((*ids, _escape(step.step_id)), StepRow(step, position, since.steps.get(step.step_id)))
                    for position, step in enumerate(record.offer.steps, start=1)
                )
    return rows


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _render(family: Family[Any], rows: Sequence[Row]) -> str:
    head = f"# HELP {family.name} {family.help}\n# TYPE {family.name} gauge\n"
    return head + "".join(_RENDERERS[type(family)](family, rows))


def _template(family: Family[Any], marks: dict[str, str]) -> str:
    """Write a sample line with `marks` in place of its label values; labels without a mark are ids, by position."""
    marks = {label: "{%d}" % position for position, label in enumerate(family.ids)} | marks
    labels = ",".join(f'{label}="{marks[label]}"' for label in sorted(family.labels))
    return f"{family.name}{{{{{labels}}}}} "


def _values(family: Value[Any], rows: Sequence[Row]) -> Iterator[str]:
    line, read, number = (_template(family, {}) + "{%d}\n" % len(family.ids)).format, family.read, _Numbers()
    for ids, row in rows:
        value = read(row)
        if value is not None:
            yield line(*ids, number[value])


def _infos(family: Info[Any], rows: Sequence[Row]) -> Iterator[str]:
    first = len(family.ids)
    marks = {label: "{%d}" % position for position, label in enumerate(family.extra, start=first)}
    line, read = (_template(family, marks) + "1.0\n").format, family.read
    for ids, row in rows:
        yield line(*ids, *map(_escape, read(row)))


def _states(family: States[Any], rows: Sequence[Row]) -> Iterator[str]:
    lines = {state: _block(family, ["1.0" if one == state else "0.0" for one in family.values]) for state in family.values}
    read = family.read
    for ids, row in rows:
        yield lines[read(row)](*ids)


def _counts(family: Counts[Any], rows: Sequence[Row]) -> Iterator[str]:
    first = len(family.ids)
    lines = _block(family, ["{%d}" % (first + number) for number in range(len(family.values))])
    read, number = family.read, _Numbers()
    for ids, row in rows:
        yield lines(*ids, *[number[count] for count in read(row)])


def _block(family: Family[Any], numbers: Sequence[str]) -> Callable[..., str]:
    """Make one template for the lines of all values of a label: one call formats them all."""
    return "".join(
        _template(family, {family.extra[0]: value}) + number + "\n"
        for value, number in zip(family.values, numbers, strict=True)
    ).format


class _Numbers(dict[float, str]):
    """Numbers as the format writes them, each worked out once."""

    def __missing__(self, number: float) -> str:
        self[number] = floatToGoString(number)
        return self[number]


_RENDERERS: dict[type, Callable[[Any, Sequence[Row]], Iterator[str]]] = {
    Value: _values,
    Info: _infos,
    States: _states,
    Counts: _counts,
}
