"""The domain: offers, their publishing steps and messages, and who has to act.

Everything here is frozen and free of I/O. The states are those of the Cloud Partner Portal API, page "Retrieve offer
status" (api-version 2017-10-31), in lower snake case, plus `unknown` for anything that Microsoft adds later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

__all__ = ["Level", "Message", "Offer", "OfferStatus", "Party", "Step", "StepStatus", "fold", "parse_state", "slug"]


class OfferStatus(StrEnum):
    """Where the newest submission of an offer stands."""

    NEVER_PUBLISHED = "never_published"
    NOT_STARTED = "not_started"
    WAITING_FOR_PUBLISHER_REVIEW = "waiting_for_publisher_review"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def is_terminal(self) -> bool:
        """True if nothing changes until somebody submits the offer again."""
        return self in _TERMINAL


class StepStatus(StrEnum):
    """Where one publishing step stands."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    WAITING_FOR_PUBLISHER_REVIEW = "waiting_for_publisher_review"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    BLOCKED = "blocked"
    REJECTED = "rejected"
    COMPLETE = "complete"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


class Level(StrEnum):
    """How serious a message is."""

    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"
    UNKNOWN = "unknown"


class Party(StrEnum):
    """Who has to act next."""

    PUBLISHER = "publisher"
    MICROSOFT = "microsoft"
    NOBODY = "nobody"


_TERMINAL = frozenset(
    {
        OfferStatus.NEVER_PUBLISHED,
        OfferStatus.NOT_STARTED,
        OfferStatus.SUCCEEDED,
        OfferStatus.CANCELED,
        OfferStatus.FAILED,
    }
)
_AT_REST = _TERMINAL - {OfferStatus.FAILED}
_ASKS_PUBLISHER = frozenset({StepStatus.WAITING_FOR_PUBLISHER_REVIEW, StepStatus.REJECTED, StepStatus.BLOCKED})

State = TypeVar("State", OfferStatus, StepStatus, Level)


def parse_state(kind: type[State], raw: object) -> State:
    """Read a state the way Microsoft may spell it: any case, any separators, one or two l in "canceled".

    Whatever is not in the enumeration is its `unknown` member; it is the caller's part to count and log that.
    """
    return kind(_SPELLINGS[kind].get(fold(raw), kind.UNKNOWN))


def fold(value: object) -> str:
    """A name or state without its case and separators, "canceled" with one l; empty for what is no text."""
    folded = "".join(one for one in value.lower() if one.isalnum()) if isinstance(value, str) else ""
    return folded.replace("cancelled", "canceled")


_SPELLINGS = {kind: {fold(state): state.value for state in kind} for kind in (OfferStatus, StepStatus, Level)}


def slug(name: str) -> str:
    """Turn a display name into the shape of a step id: "Publisher signoff" is `publisher-signoff`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an offer or a step; `html` is untrusted text, `timestamp` is in Unix seconds."""

    level: Level
    html: str = ""
    timestamp: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One publishing step; `progress` is a ratio from 0 to 1, `estimated_time_frame` the API's own friendly text.

    `started` and `completed` are in Unix seconds. Without `tells_messages` the source knows none of its messages.
    """

    step_id: str
    name: str
    status: StepStatus
    description: str = ""
    progress: float | None = None
    estimated_time_frame: str = ""
    messages: tuple[Message, ...] = ()
    started: float | None = None
    completed: float | None = None
    tells_messages: bool = True

    @property
    def is_signoff(self) -> bool:
        """True for the step in which the publisher has to press "Go live": known by its id, else by its name."""
        return "publisher-signoff" in {self.step_id, slug(self.name)}


@dataclass(frozen=True, slots=True)
class Offer:
    """One offer as a source tells it; times are in Unix seconds, what the source cannot tell is None or empty.

    `status` is that of the newest submission, `live` tells whether an earlier or the same one is on sale, and `live_since`
    since when. `product_id` is the GUID by which the Partner Center APIs know the offer, `submission` the state of its newest
    submission in the API's own words: while that is the same, so are its details once it is over. `lifecycle` is what the
    source says of the offer on sale, such as `deprecated`. With `is_listed_only` the source tells no more than that the
    offer exists, without `tells_messages` none of its messages.
    """

    publisher_id: str
    offer_id: str
    status: OfferStatus
    source: str = ""
    display_name: str = ""
    offer_type: str = ""
    version: int | None = None
    changed: float | None = None
    steps: tuple[Step, ...] = ()
    messages: tuple[Message, ...] = ()
    live: bool | None = None
    live_since: float | None = None
    product_id: str = ""
    submission: str = ""
    lifecycle: str = ""
    is_listed_only: bool = False
    tells_messages: bool = True

    def reuses(self, before: Offer) -> bool:
        """True if it is about the same submission in the same state as one that was told before."""
        return bool(self.submission) and (self.source, self.submission) == (before.source, before.submission)

    @property
    def waiting_on(self) -> Party:
        """Who has to act next.

        An offer at rest waits on nobody, whatever its steps say, and so does one that is only listed. A failed one, one that
        waits for review, and one with a step that waits for review, is rejected or is blocked, waits on the publisher. All
        others are with Microsoft, those of unknown status among them.
        """
        if self.status in _AT_REST or self.is_listed_only:
            return Party.NOBODY
        if self.status in {OfferStatus.FAILED, OfferStatus.WAITING_FOR_PUBLISHER_REVIEW}:
            return Party.PUBLISHER
        if any(step.status in _ASKS_PUBLISHER for step in self.steps):
            return Party.PUBLISHER
        return Party.MICROSOFT
