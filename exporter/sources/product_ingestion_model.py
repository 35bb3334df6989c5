"""Draft, preview and live: what the entries of the Product Ingestion API say about an offer.

The rules are those of public clients that live with this API. A submission that was promoted stands for preview and live
under one id; during the way to live there are two live entries, the old and the new; after it, the preview entry may stay
or vanish.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.domain.offers import OfferStatus, Step, StepStatus

__all__ = ["Entry", "live_of", "status_of", "steps_of"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One submission for one target; `number` is its id, `created` in Unix seconds, a draft's outcome says nothing."""

    target: str
    number: str
    outcome: OfferStatus
    created: float | None

    def rank(self) -> tuple[bool, float, int, bool]:
        """Give what orders entries by age: what runs is the newest, then times and ids tell, and live comes after preview."""
        created = float("-inf") if self.created is None else self.created
        number = int(self.number) if self.number.isdecimal() else -1
        return self.outcome is OfferStatus.RUNNING, created, number, self.target == "live"


_STEP_STATUS = {
    OfferStatus.NOT_STARTED: StepStatus.NOT_STARTED,
    OfferStatus.RUNNING: StepStatus.IN_PROGRESS,
    OfferStatus.SUCCEEDED: StepStatus.COMPLETE,
    OfferStatus.FAILED: StepStatus.REJECTED,
    OfferStatus.CANCELED: StepStatus.CANCELED,
}


def _newest(entries: Sequence[Entry], *targets: str) -> Entry | None:
    return max((one for one in entries if one.target in targets), key=Entry.rank, default=None)


def status_of(entries: Sequence[Entry]) -> OfferStatus:
    """Tell where the newest submission stands."""
    newest = _newest(entries, "preview", "live")
    if newest is None:
        return OfferStatus.NEVER_PUBLISHED
    if newest.outcome is OfferStatus.SUCCEEDED and _is_to_be_promoted(entries):
        return OfferStatus.WAITING_FOR_PUBLISHER_REVIEW
    return newest.outcome


def _is_to_be_promoted(entries: Sequence[Entry]) -> bool:
    """Tell whether there is a good preview that has not gone on to live; times say nothing about that, ids do."""
    preview = _newest(entries, "preview")
    promoted = {one.number for one in entries if one.target == "live"}
    return preview is not None and preview.outcome is OfferStatus.SUCCEEDED and preview.number not in promoted


def live_of(entries: Sequence[Entry]) -> bool | None:
    """Tell whether something is live, whatever else goes on; None where it cannot be known."""
    outcomes = {one.outcome for one in entries if one.target == "live"}
    if OfferStatus.SUCCEEDED in outcomes:
        return True
    return None if OfferStatus.UNKNOWN in outcomes else False


def steps_of(entries: Sequence[Entry], status: OfferStatus) -> tuple[Step, ...]:
    """Tell the newest submission's way over draft and preview to live."""
    newest = _newest(entries, "preview", "live")
    statuses = {
        "draft": StepStatus.NOT_STARTED if newest is None else StepStatus.COMPLETE,
        "preview": _preview(entries, newest),
        "live": _live(newest, status),
    }
    return tuple(Step(one, one.title(), stage, tells_messages=False) for one, stage in statuses.items())


def _preview(entries: Sequence[Entry], newest: Entry | None) -> StepStatus:
    if newest is None:
        return StepStatus.NOT_STARTED
    if newest.target == "live":
        return StepStatus.COMPLETE  # nothing gets there without having been a preview, be its entry there or gone
    preview = _newest(entries, "preview") or newest
    return _STEP_STATUS.get(preview.outcome, StepStatus.UNKNOWN)


def _live(newest: Entry | None, status: OfferStatus) -> StepStatus:
    """An older submission may be live; the step is about the newest one."""
    if status is OfferStatus.WAITING_FOR_PUBLISHER_REVIEW:
        return StepStatus.WAITING_FOR_PUBLISHER_REVIEW
    if newest is not None and (newest.target == "live" or status is OfferStatus.SUCCEEDED):
        return _STEP_STATUS.get(newest.outcome, StepStatus.UNKNOWN)
    return StepStatus.NOT_STARTED
