"""Which offers can be asked for one by one: what `/sd` lists and what `/probe` accepts."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.collection.snapshot import OfferRecord, PublisherRecord

__all__ = ["targets"]


def targets(publisher: PublisherRecord) -> Iterator[OfferRecord]:
    """Give the offers that can be asked for: those of the settings, seen or not, or else all that the lists told."""
    selection = publisher.selection
    if not selection.offers:
        yield from publisher.offers
        return
    known = {one.offer_id: one for one in publisher.offers}
    for offer_id in selection.named(publisher.publisher_id):
        yield known.get(offer_id) or OfferRecord(publisher.publisher_id, offer_id)
