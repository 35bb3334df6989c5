"""What the Product Ingestion API sends, and what draft, preview and live say about an offer.

The rules are those of public clients that live with this API. A submission that was promoted stands for preview and live
under one id; during the way to live there are two live entries, the old and the new; after it, the preview entry may stay
or vanish.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from exporter.domain.offers import OfferStatus, Step, StepStatus, fold
from exporter.domain.texts import identifier
from exporter.sources.products import Product
from exporter.sources.wire import Inner, UnknownValues, WireModel, timestamp

__all__ = [
    "WireProduct",
    "WireSubmission",
    "changed_of",
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
        return Product(self.identity.external_id, identifier(shape[1]) if shape else "", self.alias, self.type)


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
        status = fold(self.status)
        return self.aim == "draft" or bool(self.aim and status and (status != "completed" or fold(self.result)))

    @property
    def aim(self) -> str:
        """The target, folded."""
        return fold(self.target.target_type)

    @property
    def outcome(self) -> OfferStatus:
        """How it goes by its status and, once that is `completed`, its result; a draft has neither."""
        if self.aim == "draft":
            return OfferStatus.NEVER_PUBLISHED
        if fold(self.status) == "completed":
            return _RESULTS.get(fold(self.result), OfferStatus.UNKNOWN)
        return _OUTCOMES.get(fold(self.status), OfferStatus.UNKNOWN)

    @property
    def lifecycle(self) -> str:
        """What is said of an offer on sale, empty for what is in no table."""
        return _LIFECYCLES.get(fold(self.lifecycle_state), "")

    @property
    def identity(self) -> str:
        """What changes with everything that is told about it."""
        return f"{self.number}/{self.aim}/{fold(self.status)}/{fold(self.result)}"

    def rank(self) -> tuple[bool, float, int, bool]:
        """Orders submissions by age: what runs is the newest, then times and ids tell, then live comes after its preview."""
        number = int(self.number) if self.number.isdecimal() else -1
        try:
            made = timestamp(self.created)  # whatever our clock says
        except (ValueError, OverflowError):
            made = None
        is_promoted = number >= 0 and self.aim == "live"
        return self.outcome is OfferStatus.RUNNING, float("-inf") if made is None else made, number, is_promoted


_OUTCOMES = {
    "notstarted": OfferStatus.NOT_STARTED,
    "running": OfferStatus.RUNNING,
}
_RESULTS = {
    "succeeded": OfferStatus.SUCCEEDED,
    "failed": OfferStatus.FAILED,
    "canceled": OfferStatus.CANCELED,
}
_LIFECYCLES = {"generallyavailable": "generally_available", "deprecated": "deprecated"}


def entries_of(submissions: Iterable[WireSubmission], values: UnknownValues) -> tuple[WireSubmission, ...]:
    """The submissions for the three targets of an offer; those for others are passed over."""
    found = tuple(submissions)
    for one in found:
        if one.aim not in TARGETS | OTHER_TARGETS:
            values.note("target", one.target.target_type)
    entries = tuple(one for one in found if one.aim in TARGETS)
    for one in entries:
        if one.has_status and one.outcome is OfferStatus.UNKNOWN:
            values.note("offer_status", f"{fold(one.status)} {fold(one.result)}")
        if one.lifecycle_state is not None and not one.lifecycle:
            values.note("lifecycle", one.lifecycle_state)
    return entries


def changed_of(entries: Sequence[WireSubmission], values: UnknownValues) -> float | None:
    """When the newest submission was made, as far as that can be shown."""
    times = [values.timestamp(one.created) for one in entries]
    return max((one for one in times if one is not None), default=None)


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


def _newest(entries: Sequence[WireSubmission], *targets: str) -> WireSubmission | None:
    """Where there are neither times nor ids, the last of the answer."""
    of_targets = (one for one in reversed(entries) if one.aim in targets)
    return max(of_targets, key=WireSubmission.rank, default=None)


def newest_of(entries: Sequence[WireSubmission]) -> WireSubmission | None:
    """The submission that tells the status; None if nothing but a draft was ever made."""
    return _newest(entries, "preview", "live")


def status_of(entries: Sequence[WireSubmission]) -> OfferStatus:
    """Where the newest submission stands."""
    newest = newest_of(entries)
    if newest is None:
        return OfferStatus.NEVER_PUBLISHED
    if newest.outcome is OfferStatus.SUCCEEDED and _is_to_be_promoted(entries):
        return OfferStatus.WAITING_FOR_PUBLISHER_REVIEW
    return newest.outcome


def _is_to_be_promoted(entries: Sequence[WireSubmission]) -> bool:
    """True if there is a good preview that has not gone on to live: ids tell that, times do not; without ids, the order."""
    preview = _newest(entries, "preview")
    if preview is None or preview.outcome is not OfferStatus.SUCCEEDED:
        return False
    if not preview.number:
        return newest_of(entries) is preview
    return preview.number not in {one.number for one in entries if one.aim == "live"}


def _on_sale(entries: Sequence[WireSubmission]) -> WireSubmission | None:
    good = [one for one in entries if one.outcome is OfferStatus.SUCCEEDED]
    return _newest(good, "live")


def live_of(entries: Sequence[WireSubmission], values: UnknownValues) -> bool | None:
    """Whether something can be bought, whatever else goes on; None where it cannot be known.

    What is deprecated leaves the store on the day of its schedule.
    """
    on_sale = _on_sale(entries)
    if on_sale is not None and on_sale.lifecycle == "deprecated":
        day = _day(on_sale.deprecation_schedule.date, values)
        return None if day is None else values.clock() < day
    if on_sale is not None:
        return True
    is_known = all(one.outcome is not OfferStatus.UNKNOWN for one in entries if one.aim == "live")
    return False if is_known else None


def lifecycle_of(entries: Sequence[WireSubmission]) -> str:
    """What is said of the offer on sale: `generally_available`, `deprecated` or nothing."""
    on_sale = _on_sale(entries)
    return "" if on_sale is None else on_sale.lifecycle


def steps_of(entries: Sequence[WireSubmission], status: OfferStatus) -> tuple[Step, ...]:
    """The newest submission's way over draft and preview to live."""
    newest = newest_of(entries)
    statuses = {
        "draft": StepStatus.NOT_STARTED if newest is None else StepStatus.COMPLETE,
        "preview": _preview(newest),
        "live": _live(newest, status),
    }
    return tuple(Step(one, one.title(), stage, tells_messages=False) for one, stage in statuses.items())


def _preview(newest: WireSubmission | None) -> StepStatus:
    """Nothing gets to live without having been a preview, be its entry there or gone."""
    if newest is None:
        return StepStatus.NOT_STARTED
    return StepStatus.COMPLETE if newest.aim == "live" else _STEP_STATUS.get(newest.outcome, StepStatus.UNKNOWN)


def _live(newest: WireSubmission | None, status: OfferStatus) -> StepStatus:
    """An older submission may be live; the step is about the newest one."""
    if status is OfferStatus.WAITING_FOR_PUBLISHER_REVIEW:
        return StepStatus.WAITING_FOR_PUBLISHER_REVIEW
    if newest is not None and (newest.aim == "live" or status is OfferStatus.SUCCEEDED):
        return _STEP_STATUS.get(newest.outcome, StepStatus.UNKNOWN)
    return StepStatus.NOT_STARTED
