"""What the Product Ingestion API sends, and what draft, preview and live say about an offer.

The rules are those of public clients that live with this API. A submission that was promoted stands for preview and live
under one id; during the way to live there are two live entries, the old and the new; after it, the preview entry may stay
or vanish.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exporter.domain.offers import OfferStatus, Step, StepStatus
from exporter.domain.texts import identifier
from exporter.sources.products import Product
from exporter.sources.wire import Inner, UnknownValues, WireModel, fold, path_segment, timestamp

__all__ = [
    "Entry",
    "WireProduct",
    "WireSubmission",
    "entries_of",
    "lifecycle_of",
    "live_of",
    "newest_of",
    "status_of",
    "steps_of",
]

TARGETS = frozenset({"draft", "preview", "live"})
OTHER_TARGETS = frozenset({"flight", "sandbox", "certification", "retail"})

_PRODUCT_ID = re.compile(r"(?:product/)?([^/]+)", re.IGNORECASE)


class WireIdentity(WireModel):
    """How a product is known outside; the spelling of the key varies in its case."""

    external_id: Any = None


class WireProduct(WireModel):
    """An entry of the list of products; its `id` is `product/{guid}`."""

    id: Any = None
    identity: Inner[WireIdentity] = WireIdentity()
    type: Any = None
    alias: Any = None
    lifecycle_state: Any = None

    def product(self) -> Product | None:
        """What it is in the words of both APIs; None if it is deleted."""
        if fold(self.lifecycle_state) == "deleted":
            return None
        shape = _PRODUCT_ID.fullmatch(identifier(self.id))
        return Product(self.identity.external_id, path_segment(shape[1]) if shape else "", self.alias, self.type)


class WireTarget(WireModel):
    """What a submission is for."""

    target_type: Any = None


class WireDeprecation(WireModel):
    """When an offer goes out of the store; an offset of so many days is counted from a time that the API does not tell."""

    date: Any = None


class WireSubmission(WireModel):
    """A submission; its `id` is `submission/{guid}/{number}`, the number has 19 digits and is 0 for the draft."""

    id: Any = None
    target: Inner[WireTarget] = WireTarget()
    status: Any = None
    result: Any = None
    created: Any = None
    lifecycle_state: Any = None
    deprecation_schedule: Inner[WireDeprecation] = WireDeprecation()

    @property
    def number(self) -> str:
        """The last part of its id."""
        return identifier(self.id).rpartition("/")[2]

    @property
    def has_status(self) -> bool:
        """True if it says what it is for and how it goes; a draft goes nowhere, and what is completed has a result."""
        target, status = fold(self.target.target_type), fold(self.status)
        return target == "draft" or bool(target and status and (status != "completed" or fold(self.result)))


_OUTCOMES = {
    "notstarted": OfferStatus.NOT_STARTED,
    "running": OfferStatus.RUNNING,
}
_RESULTS = {
    "succeeded": OfferStatus.SUCCEEDED,
    "failed": OfferStatus.FAILED,
    "canceled": OfferStatus.CANCELED,
    "cancelled": OfferStatus.CANCELED,
}
_LIFECYCLES = {"generallyavailable": "generally_available", "deprecated": "deprecated"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One submission for one target; `number` is its id, `place` where it stands in the answer, times are Unix seconds.

    `made` is when the API says that it was created, whatever our clock says; `created` the same, if it can be shown.
    `off_sale` is when a deprecated offer leaves the store.
    """

    target: str
    number: str
    place: int
    status: str
    result: str
    made: float
    created: float | None
    lifecycle: str = ""
    off_sale: float | None = None

    @property
    def outcome(self) -> OfferStatus:
        """How it goes by its status and, once that is `completed`, its result; a draft has neither."""
        if self.target == "draft":
            return OfferStatus.NEVER_PUBLISHED
        if self.status == "completed":
            return _RESULTS.get(self.result, OfferStatus.UNKNOWN)
        return _OUTCOMES.get(self.status, OfferStatus.UNKNOWN)

    @property
    def identity(self) -> str:
        """What changes with everything that is told about it."""
        return f"{self.number}/{self.target}/{self.status}/{self.result}"

    def rank(self) -> tuple[bool, float, int, bool, int]:
        """Orders entries by age: what runs is the newest, then times and ids tell, then live comes after its preview.

        Where there are neither times nor ids, the answer's own order counts.
        """
        number = int(self.number) if self.number.isdecimal() else -1
        is_promoted = number >= 0 and self.target == "live"
        return self.outcome is OfferStatus.RUNNING, self.made, number, is_promoted, self.place


def entries_of(submissions: Iterable[WireSubmission], values: UnknownValues) -> tuple[Entry, ...]:
    """The submissions for the three targets of an offer; those for others are passed over."""
    entries = []
    for place, one in enumerate(submissions):
        target = fold(one.target.target_type)
        if target in TARGETS:
            entries.append(_entry(place, target, one, values))
        elif target not in OTHER_TARGETS:
            values.note("target", one.target.target_type)
    return tuple(entries)


def _entry(place: int, target: str, submission: WireSubmission, values: UnknownValues) -> Entry:
    entry = Entry(
        target=target,
        number=submission.number,
        place=place,
        status=fold(submission.status),
        result=fold(submission.result),
        made=_made(submission.created),
        created=values.timestamp(submission.created),
        lifecycle=_lifecycle(submission.lifecycle_state, values),
        off_sale=_day(submission.deprecation_schedule.date, values),
    )
    if submission.has_status and entry.outcome is OfferStatus.UNKNOWN:
        values.note("offer_status", f"{entry.status} {entry.result}")
    return entry


def _made(raw: Any) -> float:
    try:
        moment = timestamp(raw)
    except (ValueError, OverflowError):
        moment = None
    return float("-inf") if moment is None else moment


def _lifecycle(raw: Any, values: UnknownValues) -> str:
    known = _LIFECYCLES.get(fold(raw), "")
    if raw is not None and not known:
        values.note("lifecycle", raw)
    return known


def _day(raw: Any, values: UnknownValues) -> float | None:
    """A day, which may be yet to come, as Unix seconds."""
    if raw is None:
        return None
    try:
        return datetime.fromisoformat(str(raw)[:10]).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        values.note("timestamp", raw)
        return None


_STEP_STATUS = {
    OfferStatus.NOT_STARTED: StepStatus.NOT_STARTED,
    OfferStatus.RUNNING: StepStatus.IN_PROGRESS,
    OfferStatus.SUCCEEDED: StepStatus.COMPLETE,
    OfferStatus.FAILED: StepStatus.REJECTED,
    OfferStatus.CANCELED: StepStatus.CANCELED,
}


def _newest(entries: Sequence[Entry], *targets: str) -> Entry | None:
    return max((one for one in entries if one.target in targets), key=Entry.rank, default=None)


def newest_of(entries: Sequence[Entry]) -> Entry | None:
    """The submission that tells the status; None if nothing but a draft was ever made."""
    return _newest(entries, "preview", "live")


def status_of(entries: Sequence[Entry]) -> OfferStatus:
    """Where the newest submission stands."""
    newest = newest_of(entries)
    if newest is None:
        return OfferStatus.NEVER_PUBLISHED
    if newest.outcome is OfferStatus.SUCCEEDED and _is_to_be_promoted(entries):
        return OfferStatus.WAITING_FOR_PUBLISHER_REVIEW
    return newest.outcome


def _is_to_be_promoted(entries: Sequence[Entry]) -> bool:
    """True if there is a good preview that has not gone on to live: ids tell that, times do not; without ids, the order."""
    preview, live = _newest(entries, "preview"), _newest(entries, "live")
    if preview is None or preview.outcome is not OfferStatus.SUCCEEDED:
        return False
    if not preview.number:
        return live is None or preview.rank() > live.rank()
    return preview.number not in {one.number for one in entries if one.target == "live"}


def _on_sale(entries: Sequence[Entry]) -> Entry | None:
    good = [one for one in entries if one.outcome is OfferStatus.SUCCEEDED]
    return _newest(good, "live")


def live_of(entries: Sequence[Entry], now: float) -> bool | None:
    """Whether something can be bought, whatever else goes on; None where it cannot be known.

    What is deprecated leaves the store on the day of its schedule.
    """
    on_sale = _on_sale(entries)
    if on_sale is not None and on_sale.lifecycle == "deprecated":
        return None if on_sale.off_sale is None else now < on_sale.off_sale
    if on_sale is not None:
        return True
    is_known = all(one.outcome is not OfferStatus.UNKNOWN for one in entries if one.target == "live")
    return False if is_known else None


def lifecycle_of(entries: Sequence[Entry]) -> str:
    """What is said of the offer on sale: `generally_available`, `deprecated` or nothing."""
    on_sale = _on_sale(entries)
    return "" if on_sale is None else on_sale.lifecycle


def steps_of(entries: Sequence[Entry], status: OfferStatus) -> tuple[Step, ...]:
    """The newest submission's way over draft and preview to live."""
    newest = newest_of(entries)
    statuses = {
        "draft": StepStatus.NOT_STARTED if newest is None else StepStatus.COMPLETE,
        "preview": _preview(newest),
        "live": _live(newest, status),
    }
    return tuple(Step(one, one.title(), stage, tells_messages=False) for one, stage in statuses.items())


def _preview(newest: Entry | None) -> StepStatus:
    """Nothing gets to live without having been a preview, be its entry there or gone."""
    if newest is None:
        return StepStatus.NOT_STARTED
    return StepStatus.COMPLETE if newest.target == "live" else _STEP_STATUS.get(newest.outcome, StepStatus.UNKNOWN)


def _live(newest: Entry | None, status: OfferStatus) -> StepStatus:
    """An older submission may be live; the step is about the newest one."""
    if status is OfferStatus.WAITING_FOR_PUBLISHER_REVIEW:
        return StepStatus.WAITING_FOR_PUBLISHER_REVIEW
    if newest is not None and (newest.target == "live" or status is OfferStatus.SUCCEEDED):
        return _STEP_STATUS.get(newest.outcome, StepStatus.UNKNOWN)
    return StepStatus.NOT_STARTED
