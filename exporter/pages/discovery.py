"""The targets for `/probe` as JSON, `/sd`: the shape is that of Prometheus' HTTP service discovery."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.collection.targets import targets
from exporter.pages.json_document import Json, batched, dump
from exporter.pages.wording import Lens

__all__ = ["missing_lists", "write_targets"]

META = "__meta_azure_marketplace_"


def missing_lists(snapshot: Snapshot) -> str:
    """The lists that are still to come, by publisher; empty if all are there."""
    return "; ".join(
        f"of {one.publisher_id} from {', '.join(one.missing)}" for one in snapshot.publishers if one.missing
    )


def write_targets(snapshot: Snapshot, _: Lens) -> Iterator[str]:
    """Write the document."""
    yield "["
    yield from batched(dump(_group(record)) for publisher in snapshot.publishers for record in targets(publisher))
    yield "]\n"


def _group(record: OfferRecord) -> Json:
    labels = {"publisher_id": record.publisher_id, "offer_id": record.offer_id}
    if record.offer is not None:
        labels |= {"offer_type": record.offer.offer_type, "source": record.offer.source}
    return {
        "targets": [f"{record.publisher_id}/{record.offer_id}"],
        "labels": {META + name: value for name, value in labels.items()},
    }
