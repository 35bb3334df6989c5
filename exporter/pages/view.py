"""What the pages show of an offer and of its steps: the domain, seen at one moment. All times are Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from exporter.collection.snapshot import OfferRecord
from exporter.domain.estimates import upper_bound_seconds
from exporter.domain.offers import Message, Offer, OfferStatus, Party, Step, StepStatus
from exporter.domain.plain_text import plain_text
from exporter.pages.palette import Look, look
from exporter.pages.portal import overview_of
from exporter.pages.wording import Moment, duration
from exporter.sources.registry import SOURCES

__all__ = ["MAX_MESSAGES", "Lens", "MessageView", "OfferView", "StepView", "current_step", "messages_of", "offer_path"]

MAX_MESSAGES = 20

_DONE = {StepStatus.COMPLETE, StepStatus.NOT_STARTED, StepStatus.CANCELED}
_WENT_WRONG = {StepStatus.REJECTED, StepStatus.BLOCKED}
_WITH_MICROSOFT = {StepStatus.IN_PROGRESS, StepStatus.WAITING_FOR_APPROVAL}


@dataclass(frozen=True, slots=True)
class Lens:
    """From where things are seen: the present moment, and the age past which the data of an offer is not shown."""

    now: float
    stale_after: float

    def moment(self, at: float | None) -> Moment | None:
        """See an instant from here, if there is one."""
        return None if at is None else Moment(at, self.now)

    def fresh(self, record: OfferRecord) -> Offer | None:
        """The offer of a record if its data is young enough to be shown as the present state."""
        return record.offer if record.is_fresh(self.now, self.stale_after) else None


@dataclass(frozen=True)
class MessageView:
    """One message as text."""

    message: Message
    when: Moment | None

    @property
    def look(self) -> Look:
        """How its level looks."""
        return look(self.message.level)

    @cached_property
    def text(self) -> str:
        """Its words; empty if the source has kept none."""
        return plain_text(self.message.html)


def messages_of(messages: tuple[Message, ...], lens: Lens) -> tuple[MessageView, ...]:
    """The last messages, the newest first."""
    return tuple(MessageView(one, lens.moment(one.timestamp)) for one in reversed(messages[-MAX_MESSAGES:]))


@dataclass(frozen=True)
class StepView:
    """One step of an offer; `position` counts from 1, `since` is when its status was first seen.

    `usual` and `last` are how long it usually takes and took the last time, in seconds.
    """

    step: Step
    position: int
    since: Moment | None
    waiting_on: Party
    is_current: bool
    lens: Lens
    usual: float | None = None
    last: float | None = None

    @property
    def name(self) -> str:
        """What to call it."""
        return self.step.name or self.step.step_id

    @property
    def look(self) -> Look:
        """How its status looks."""
        return look(self.step.status)

    @property
    def percent(self) -> int | None:
        """Its progress, if that is known and says anything."""
        is_told = self.step.progress is not None and self.step.status is not StepStatus.NOT_STARTED
        return round((self.step.progress or 0.0) * 100) if is_told else None

    @cached_property
    def estimate(self) -> float | None:
        """The longest that the API expects the step to take, in seconds."""
        return upper_bound_seconds(self.step.estimated_time_frame)

    @property
    def began(self) -> Moment | None:
        """When it began, according to the API."""
        return self.lens.moment(self.step.started)

    @property
    def ended(self) -> Moment | None:
        """When it ended, according to the API."""
        return self.lens.moment(self.step.completed)

    @property
    def took(self) -> float | None:
        """How long it took from beginning to end, in seconds, if the API tells both."""
        started, completed = self.step.started, self.step.completed
        return None if started is None or completed is None else max(0.0, completed - started)

    @property
    def is_with_microsoft(self) -> bool:
        """True while Microsoft works on it: only then does its estimate say how long that may take."""
        return _is_with_microsoft(self.step, self.waiting_on)

    @property
    def elapsed(self) -> float | None:
        """How long Microsoft has been at work on it, in seconds."""
        since = self.began or self.since
        is_under_way = self.is_with_microsoft and self.step.completed is None
        return max(0.0, since.now - since.at) if since and is_under_way else None

    @property
    def expected(self) -> str:
        """The estimate in the words of the API, while the step is under way or still to come.

        Beside the time since a step ended or stopped it would read as if the two were compared.
        """
        is_ahead = self.is_with_microsoft or self.step.status is StepStatus.NOT_STARTED
        return self.step.estimated_time_frame if is_ahead or self.took is not None else ""

    @property
    def over(self) -> float:
        """By how many seconds Microsoft is over the estimate; 0 if it is not, or if that is not known."""
        return _over(self.step, self.since.at if self.since else None, self.waiting_on, self.lens.now)

    @property
    def over_words(self) -> str:
        """The same in words."""
        return duration(self.over)

    @property
    def messages(self) -> tuple[MessageView, ...]:
        """Its last messages."""
        return messages_of(self.step.messages, self.lens)


@dataclass(frozen=True)
class OfferView:
    """One offer; `offer` is None where there is no data, or none that is fresh.

    An offer that is only listed has no status and waits on no party here, as in the metrics: no source tells them.
    """

    record: OfferRecord
    offer: Offer | None
    lens: Lens

    @property
    def title(self) -> str:
        """What to call it: its name if one is known, else its id."""
        return (self.record.offer.display_name if self.record.offer else "") or self.record.offer_id

    @property
    def path(self) -> str:
        """Where its page is, relative to the root."""
        return offer_path(self.record.publisher_id, self.record.offer_id)

    @property
    def partner_center(self) -> str:
        """Where to act: the offer's own page in Partner Center, if one of its sources tells the product's GUID."""
        known = (one.product_id for one in (self.record.offer, self.record.listed) if one is not None)
        return overview_of(next(filter(None, known), ""))

    @property
    def is_listed_only(self) -> bool:
        """True if no source tells more of it than that it exists."""
        return self.offer is not None and self.offer.is_listed_only

    @property
    def status(self) -> OfferStatus | None:
        """Where it stands, as far as a source tells that."""
        return None if self.offer is None or self.offer.is_listed_only else self.offer.status

    @property
    def look(self) -> Look | None:
        """How its status looks."""
        return look(self.status) if self.status else None

    @property
    def party(self) -> Look | None:
        """How the party looks that has to act."""
        return look(self.waiting_on) if self.waiting_on else None

    @cached_property
    def waiting_on(self) -> Party | None:
        """Who has to act."""
        return None if self.offer is None or self.offer.is_listed_only else self.offer.waiting_on

    @property
    def told_since(self) -> Moment | None:
        """Since when the status holds, according to the API; where it does not tell, there is only when it was first seen."""
        return self.live_since if self.status is OfferStatus.SUCCEEDED else None

    @property
    def since(self) -> Moment | None:
        """When the status was first seen."""
        return self.lens.moment(self.record.since.status if self.record.since and self.status else None)

    @property
    def waiting_since(self) -> Moment | None:
        """When it was first seen that this party has to act."""
        return self.lens.moment(self.record.since.waiting_on if self.record.since and self.status else None)

    @property
    def live_since(self) -> Moment | None:
        """Since when customers can buy it, according to the API."""
        return self.lens.moment(self.offer.live_since) if self.offer and self.offer.live else None

    @property
    def source(self) -> str:
        """What the API is called that tells it; empty if none did."""
        told_by = self.offer.source if self.offer else ""
        return next((one.title for one in SOURCES if one.name == told_by), told_by)

    @property
    def tells_times(self) -> bool:
        """True if the API tells when its steps began or ended."""
        return any(step.began or step.ended for step in self.steps)

    @property
    def tells_estimates(self) -> bool:
        """True if an estimate of how long a step takes is shown."""
        return any(step.expected for step in self.steps)

    @property
    def fetched(self) -> Moment | None:
        """When the data was fetched."""
        return self.lens.moment(self.record.last_success)

    @cached_property
    def steps(self) -> tuple[StepView, ...]:
        """All steps, in the order of the API."""
        if self.offer is None:
            return ()
        current = current_step(self.offer.steps)
        since: Mapping[str, float] = self.record.since.steps if self.record.since else {}
        usual = self.record.outlook.usual if self.record.outlook else {}
        last = self._last_durations
        return tuple(
            StepView(
                step,
                number,
                self.lens.moment(since.get(step.step_id)),
                self.offer.waiting_on,
                step is current,
                self.lens,
                usual[step.step_id].median if step.step_id in usual else None,
                last.get(step.step_id),
            )
            for number, step in enumerate(self.offer.steps, start=1)
        )

    @property
    def _last_durations(self) -> Mapping[str, float]:
        if self.offer is None:
            return {}
        durations = self.record.past.durations(self.offer.source)
        return {step_id: known[-1].seconds for step_id, known in durations.items() if known}

    @property
    def expected(self) -> tuple[Moment, Moment] | None:
        """The days before which it goes live with a probability of 50 % and of 80 %."""
        outlook = self.record.outlook
        if self.offer is None or outlook is None or outlook.expected is None:
            return None
        first, last = outlook.expected
        return Moment(first, self.lens.now), Moment(last, self.lens.now)

    @cached_property
    def current(self) -> StepView | None:
        """The step at which it stands."""
        return next((step for step in self.steps if step.is_current), None)

    @property
    def over(self) -> float:
        """By how many seconds the most overdue of its steps is over its estimate."""
        if self.offer is None or self.record.since is None:
            return 0.0
        since, party, now = self.record.since.steps, self.waiting_on, self.lens.now
        return max((_over(step, since.get(step.step_id), party, now) for step in self.offer.steps), default=0.0)

    @property
    def done(self) -> int:
        """How many of its steps are complete."""
        return sum(step.step.status is StepStatus.COMPLETE for step in self.steps)

    @property
    def went_wrong(self) -> bool:
        """True if the offer failed, or one of its steps was rejected or is blocked."""
        if self.offer is None:
            return False
        return self.offer.status is OfferStatus.FAILED or any(step.status in _WENT_WRONG for step in self.offer.steps)

    @property
    def is_puzzling(self) -> bool:
        """True if the API tells a state, of the offer or of a step, that this exporter does not know."""
        if self.offer is None:
            return False
        is_step = any(step.status is StepStatus.UNKNOWN for step in self.offer.steps)
        return is_step or self.status is OfferStatus.UNKNOWN

    @property
    def has_messages(self) -> bool:
        """True if the API tells a message, of the offer or of a step."""
        return self.offer is not None and bool(self.offer.messages or any(step.messages for step in self.offer.steps))

    @property
    def awaits_signoff(self) -> bool:
        """True if the publisher has to look at the preview and press "Go live", and nothing else stands in the way."""
        if self.offer is None or self.waiting_on is not Party.PUBLISHER or self.went_wrong:
            return False
        is_there = self.current is not None and self.current.step.is_signoff
        return is_there or self.offer.status is OfferStatus.WAITING_FOR_PUBLISHER_REVIEW

    @property
    def messages(self) -> tuple[MessageView, ...]:
        """The last messages of the offer itself."""
        return messages_of(self.offer.messages, self.lens) if self.offer else ()


def _is_with_microsoft(step: Step, waiting_on: Party | None) -> bool:
    return waiting_on is Party.MICROSOFT and step.status in _WITH_MICROSOFT


def _over(step: Step, seen: float | None, waiting_on: Party | None, now: float) -> float:
    since = seen if step.started is None else step.started
    if since is None or not _is_with_microsoft(step, waiting_on):
        return 0.0
    estimate = upper_bound_seconds(step.estimated_time_frame)
    return 0.0 if estimate is None else max(0.0, now - since - estimate)


def current_step(steps: tuple[Step, ...]) -> Step | None:
    """Find the step at which an offer stands: the first that is neither done nor still to come."""
    return next((step for step in steps if step.status not in _DONE), None)


def offer_path(publisher_id: str, offer_id: str) -> str:
    """Write where the page of an offer is, relative to the root; ids may hold any character."""
    return "/".join(("offers", *(quote(one, safe="", errors="replace") for one in (publisher_id, offer_id))))
