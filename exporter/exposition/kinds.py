"""The kinds of metric families, and the rows that they read.

A family of the snapshot reads its samples from one row: a publisher, one of its sources, an offer, or a step. All of them but `Totals`
are gauges, the enumerations and `_info` families too (the way of kube-state-metrics), so that the text format and OpenMetrics share
their bytes. The labels of the ids come with the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from exporter.collection.record import Past
from exporter.collection.snapshot import OfferRecord, Outlook, PublisherRecord, Since, SourceRecord, Usual
from exporter.domain.offers import Offer, Step

__all__ = ["Counts", "Family", "Info", "OfferRow", "States", "StepRow", "Totals", "Value"]

PREFIX = "azure_marketplace_"


class OfferRow(NamedTuple):
    """An offer that has data to show."""

    offer: Offer
    since: Since
    past: Past
    outlook: Outlook | None


class StepRow(NamedTuple):
    """A step of such an offer, with its place in the pipeline, counted from 1."""

    step: Step
    position: int
    since: float | None
    usual: Usual | None


_IDS: dict[type, tuple[str, ...]] = {
    PublisherRecord: ("publisher_id",),
    SourceRecord: ("publisher_id", "source"),
    OfferRecord: ("publisher_id", "offer_id"),
    OfferRow: ("publisher_id", "offer_id"),
    StepRow: ("publisher_id", "offer_id", "step_id"),
}

RowT = TypeVar("RowT")
ReadT = TypeVar("ReadT")


class Family(Generic[RowT, ReadT]):
    """One metric family; `read` takes its samples from a `row`, whose ids are the first of its labels, before the `extra` ones.

    `values` are all that the extra label of an enumeration may have. A row that reads as None has no samples.
    """

    kind = "gauge"

    def __init__(
        self,
        row: type[RowT],
        name: str,
        text: str,
        read: Callable[[RowT], ReadT | None],
        *,
        extra: tuple[str, ...] = (),
        values: Iterable[str] = (),
    ) -> None:
        self.row = row
        self.name = PREFIX + name
        self.help = text
        self.ids = _IDS[row]
        self.extra = extra
        self.labels = self.ids + extra
        self.values = tuple(values)
        self.read = read


class Value(Family[RowT, float]):
    """One number per row."""


class Info(Family[RowT, tuple[str, ...]]):
    """Text about a row, always 1."""


class States(Family[RowT, StrEnum]):
    """A state set: one sample per state, exactly one of them 1."""


class Counts(Family[RowT, Sequence[float]]):
    """A number of things for each value of one label, in the order of the values."""


class Totals(Counts[RowT]):
    """A number of things that have happened, for each value of one label; its name ends in `_total`."""

    kind = "counter"
