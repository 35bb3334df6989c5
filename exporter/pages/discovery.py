"""The targets for `/probe` as JSON, `/sd`: the shape is that of Prometheus' HTTP service discovery."""

from __future__ import annotations

from collections.abc import Iterator

from exporter.collection.snapshot import OfferRecord, Snapshot
from exporter.collection.targets import targets
from exporter.pages.documents import Json, Pieces, Version, dump, packed, version_of

__all__ = ["Discovery", "missing_lists"]

META = "__meta_azure_marketplace_"


def missing_lists(snapshot: Snapshot) -> str:
    """Name the lists that are still to come, nothing if all are there."""
    return "; ".join(
        f"of {one.publisher_id} from {', '.join(one.missing)}" for one in snapshot.publishers if one.missing
    )


class Discovery:
    """Writes each snapshot once: asked again before the next refresh it gives the same bytes."""

    def __init__(self) -> None:
        self._made: tuple[Version, Pieces] | None = None

    def body(self, snapshot: Snapshot) -> Pieces:
        """Give the document, in pieces that are to be sent one after the other."""
        version, made = version_of(snapshot), self._made
        if made is None or made[0] != version:
            made = self._made = version, tuple(packed(_document(snapshot)))
        return made[1]


def _document(snapshot: Snapshot) -> Iterator[str]:
    """Write group by group: one call for all would keep every other thread waiting until it is done."""
    before = "["
    for publisher in snapshot.publishers:
        for record in targets(publisher):
            yield before + dump(_group(record))
            before = ","
    yield "]\n" if before == "," else "[]\n"


def _group(record: OfferRecord) -> Json:
    labels = {"publisher_id": record.publisher_id, "offer_id": record.offer_id}
    if record.offer is not None:
        labels |= {"offer_type": record.offer.offer_type, "source": record.offer.source}
    return {
        "targets": [f"{record.publisher_id}/{record.offer_id}"],
        "labels": {META + name: value for name, value in labels.items()},
    }
