"""Which offers can be asked for one by one: what `/sd` lists and what `/probe` accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from exporter.collection.snapshot import OfferRecord, PublisherRecord
from exporter.domain.texts import MAX_ID

__all__ = ["is_target", "targets"]

_SLASH = re.compile(r"[/\\]")
_NO_PARTS = frozenset({"", ".", ".."})


def is_target(publisher_id: str, offer_id: str) -> bool:
    """Whether these ids can be written as `publisher/offer`, which is split at the first slash, and asked for.

    An offer id may hold whatever can be printed, slashes too, for it is quoted in the path of a request; but none of its
    parts may be one that leads to another path, should a server on the way undo that.
    """
    return "/" not in publisher_id and _is_id(publisher_id) and _is_id(offer_id)


def _is_id(value: str) -> bool:
    return len(value) <= MAX_ID and value.isprintable() and _NO_PARTS.isdisjoint(_SLASH.split(value))


def targets(publisher: PublisherRecord) -> Iterator[OfferRecord]:
    """The offers that can be asked for: those of the settings, seen or not, or else all that the lists told."""
    return (one for one in _offers(publisher) if is_target(one.publisher_id, one.offer_id))


def _offers(publisher: PublisherRecord) -> Iterator[OfferRecord]:
    selection = publisher.selection
    if not selection.offers:
        yield from publisher.offers
        return
    known = {one.offer_id: one for one in publisher.offers}
    for offer_id in selection.named(publisher.publisher_id):
        yield known.get(offer_id) or OfferRecord(publisher.publisher_id, offer_id)
