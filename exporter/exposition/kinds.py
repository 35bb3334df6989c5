"""The kinds of metric families, and the rows that they read.

A family of the snapshot reads its samples from one row: a publisher, one of its sources, an offer, or a step. All of them but `Totals`
are gauges, the enumerations and `_info` families too (the way of kube-state-metrics), so that the text format and OpenMetrics share
their bytes. The labels of the ids come with the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Generic, NamedTuple, TypeAlias, TypeVar

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
Sample: TypeAlias = tuple[tuple[str, ...], float]


class Family(Generic[RowT]):
    """One metric family; `row` is what its samples are read from."""

    kind = "gauge"
    extra: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    def __init__(self, row: type[RowT], name: str, text: str) -> None:
        self.row = row
        self.name = PREFIX + name
        self.help = text

    @property
    def ids(self) -> tuple[str, ...]:
        """The labels that every sample has from its row."""
        return _IDS[self.row]

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels: the ids, then the others."""
        return self.ids + self.extra

    def samples(self, row: RowT) -> Iterable[Sample]:
        """Read the samples of a row: the values of the other labels, and the number."""
        raise NotImplementedError


class Value(Family[RowT]):
    """One number per row; no sample where there is none."""

    def __init__(self, row: type[RowT], name: str, text: str, read: Callable[[RowT], float | None]) -> None:
        super().__init__(row, name, text)
        self.read = read

    def samples(self, row: RowT) -> Iterator[Sample]:
        """Read the number, if there is one."""
        value = self.read(row)
        if value is not None:
            yield (), value


class Info(Family[RowT]):
    """Text about a row, always 1; no sample where there is none."""

    def __init__(
        self,
        row: type[RowT],
        name: str,
        text: str,
        labels: tuple[str, ...],
        read: Callable[[RowT], tuple[str, ...] | None],
    ) -> None:
        super().__init__(row, name, text)
        self.extra = labels
        self.read = read

    def samples(self, row: RowT) -> Iterator[Sample]:
        """Read the texts, if there are any."""
        texts = self.read(row)
        if texts is not None:
            yield texts, 1


class States(Family[RowT]):
    """A state set: one sample per state, exactly one of them 1; no samples where there is no state."""

    def __init__(  # noqa: PLR0917 - as in Counts
        self,
        row: type[RowT],
        name: str,
        text: str,
        label: str,
        states: type[StrEnum],
        read: Callable[[RowT], StrEnum | None],
    ) -> None:
        super().__init__(row, name, text)
        self.extra = (label,)
        self.values = tuple(states)
        self.read = read

    def samples(self, row: RowT) -> Iterator[Sample]:
        """Read the state."""
        active = self.read(row)
        for state in self.values if active is not None else ():
            yield (state,), state == active


class Counts(Family[RowT]):
    """A number of things for each value of one label; no samples where nothing was counted."""

    def __init__(  # noqa: PLR0917 - the table reads as one: row, name, help, label, values, reader
        self,
        row: type[RowT],
        name: str,
        text: str,
        label: str,
        values: Iterable[str],
        read: Callable[[RowT], Sequence[float] | None],
    ) -> None:
        super().__init__(row, name, text)
        self.extra = (label,)
        self.values = tuple(values)
        self.read = read

    def samples(self, row: RowT) -> Iterator[Sample]:
        """Read the numbers, in the order of the values."""
        counts = self.read(row)
        if counts is not None:
            for value, count in zip(self.values, counts, strict=True):
                yield (value,), count


class Totals(Counts[RowT]):
    """A number of things that have happened, for each value of one label; its name ends in `_total`."""

    kind = "counter"
