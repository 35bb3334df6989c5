"""The record of the past: how publications of an offer ended, and how long their steps took.

A record is kept packed in text, for 10,000 offers have a long past: a time or duration is a whole number of seconds in base 36,
`DURATIONS` of them stand in one string, the newest last. What a source tells counts as told, all else as observed; what began
or ended while nobody watched has no duration.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from exporter.domain.offers import Offer, OfferStatus, Step, StepStatus

__all__ = ["ACTIVE", "OUTCOMES", "Duration", "Past", "PastPublication", "Pool", "UnderWay", "added", "pooled", "track"]

OUTCOMES = (OfferStatus.SUCCEEDED, OfferStatus.FAILED, OfferStatus.CANCELED)
PUBLICATIONS = 20
OWN_DURATIONS = 8
DURATIONS = 200
MAX_POOLS = 500
"""Of all sources, offer types and steps together; whoever makes up step ids must not fill the memory."""

ACTIVE = frozenset({OfferStatus.RUNNING, OfferStatus.WAITING_FOR_PUBLISHER_REVIEW})
_WITH_PUBLISHER = frozenset({StepStatus.WAITING_FOR_PUBLISHER_REVIEW, StepStatus.REJECTED, StepStatus.BLOCKED})
_NOT_BEGUN = frozenset({StepStatus.NOT_STARTED, StepStatus.CANCELED, StepStatus.UNKNOWN})
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Duration(NamedTuple):
    """How long a step took, in seconds, and when it ended in Unix seconds."""

    ended: int
    seconds: int
    is_told: bool

    def packed(self) -> str:
        """As `ended:seconds`, with `!` at the end where it was told."""
        return f"{_base36(self.ended)}:{_base36(self.seconds)}{'!' if self.is_told else ''}"

    @classmethod
    def unpacked(cls, text: str) -> Duration:
        """Read what `packed` wrote."""
        ended, _, seconds = text.partition(":")
        return cls(int(ended, 36), int(seconds.rstrip("!"), 36), seconds.endswith("!"))


class PastPublication(NamedTuple):
    """One that has ended; `begun` is None where nobody saw that, `version` where the API tells none."""

    begun: int | None
    ended: int
    outcome: OfferStatus
    version: int | None
    is_told: bool

    @property
    def seconds(self) -> int | None:
        """How long it took."""
        return None if self.begun is None else self.ended - self.begun

    def packed(self) -> str:
        """As `begun:ended:outcome:version`, with `!` at the end where the times were told."""
        begun = "" if self.begun is None else _base36(self.begun)
        version = "" if self.version is None else str(self.version)
        return f"{begun}:{_base36(self.ended)}:{OUTCOMES.index(self.outcome)}:{version}{'!' if self.is_told else ''}"

    @classmethod
    def unpacked(cls, text: str) -> PastPublication:
        """Read what `packed` wrote."""
        begun, ended, outcome, version = text.rstrip("!").split(":")
        return cls(
            int(begun, 36) if begun else None,
            int(ended, 36),
            OUTCOMES[int(outcome)],
            int(version) if version else None,
            text.endswith("!"),
        )


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A publication that has not ended; times in Unix seconds.

    `steps` are those of `source` that have begun, with None where that was not seen or they have also been with the publisher.
    """

    source: str
    begun: float | None
    steps: Mapping[str, float | None] = field(default_factory=dict)
    done: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Past:
    """The past of one offer: its last publications, the last durations of its steps, and how many ended how.

    `publications` and `steps` are packed, the steps as JSON by source and step id; `counts` is in the order of `OUTCOMES`.
    """

    publications: str = ""
    steps: str = ""
    counts: tuple[int, int, int] = (0, 0, 0)
    under_way: UnderWay | None = None

    def ended(self) -> tuple[PastPublication, ...]:
        """The last publications, the newest last."""
        return tuple(map(PastPublication.unpacked, self.publications.split()))

    @property
    def last(self) -> PastPublication | None:
        """The publication that ended last."""
        newest = self.publications.rpartition(" ")[2]
        return PastPublication.unpacked(newest) if newest else None

    def durations(self, source: str) -> Mapping[str, tuple[Duration, ...]]:
        """How long each step took the last times, the newest last."""
        return {step_id: unpacked(text) for step_id, text in self._series().get(source, {}).items()}

    def all_durations(self) -> Iterator[tuple[str, str, Duration]]:
        """All of them, with their source and step id."""
        for source, steps in self._series().items():
            yield from ((source, step_id, one) for step_id, text in steps.items() for one in unpacked(text))

    def _series(self) -> dict[str, dict[str, str]]:
        known: dict[str, dict[str, str]] = json.loads(self.steps) if self.steps else {}
        return known

    def with_duration(self, source: str, step_id: str, one: Duration) -> Past:
        """With one more, unless it is known: another source may have told the offer in between."""
        series = self._series()
        known = series.setdefault(source, {})
        if any(one.ended == other.ended for other in unpacked(known.get(step_id, ""))):
            return self
        known[step_id] = _appended(known.get(step_id, ""), one.packed(), OWN_DURATIONS)
        return replace(self, steps=json.dumps(series, separators=(",", ":")))

    def with_end(self, one: PastPublication) -> Past:
        """With one more that has ended."""
        succeeded, failed, canceled = (
            count + (one.outcome is outcome) for count, outcome in zip(self.counts, OUTCOMES, strict=True)
        )
        publications = _appended(self.publications, one.packed(), PUBLICATIONS)
        return Past(publications, self.steps, (succeeded, failed, canceled))

    def until(self, now: float) -> Past:
        """Without what ended later than `now`, which a clock that was ahead has left behind."""
        series = {
            source: {step_id: _until(text, now, Duration) for step_id, text in steps.items()}
            for source, steps in self._series().items()
        }
        under_way = self.under_way
        if under_way is not None and max(filter(None, (under_way.begun, *under_way.steps.values())), default=0) > now:
            under_way = replace(under_way, begun=None, steps=dict.fromkeys(under_way.steps))
        steps = json.dumps(series, separators=(",", ":")) if series else ""
        return Past(_until(self.publications, now, PastPublication), steps, self.counts, under_way)


@dataclass(frozen=True, slots=True)
class Pool:
    """How long a step took the last times for all offers of a type; `durations` are packed, the newest last."""

    source: str
    offer_type: str
    step_id: str
    durations: str

    def unpacked(self) -> tuple[Duration, ...]:
        """The durations."""
        return unpacked(self.durations)

    def until(self, now: float) -> Pool:
        """Without what ended later than `now`."""
        return replace(self, durations=_until(self.durations, now, Duration))


def unpacked(text: str) -> tuple[Duration, ...]:
    """Read many durations."""
    return tuple(map(Duration.unpacked, text.split()))


def _until(text: str, now: float, kind: type[Duration | PastPublication]) -> str:
    return " ".join(one for one in text.split() if kind.unpacked(one).ended <= now)


def _appended(text: str, one: str, limit: int) -> str:
    return " ".join([*text.split()[1 - limit :], one]) if text else one


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits or "0"


def added(before: Past, after: Past, source: str) -> Iterator[tuple[str, Duration]]:
    """The durations that `after` has and `before` has not, with the ids of their steps."""
    if before.steps == after.steps:
        return
    known = before.durations(source)
    for step_id, durations in after.durations(source).items():
        yield from ((step_id, one) for one in durations if one not in known.get(step_id, ()))


def pooled(pools: Sequence[Pool], new: Iterable[tuple[str, str, str, Duration]]) -> tuple[Pool, ...]:
    """The pools with new durations; each comes with its source, offer type and step id."""
    series = {(one.source, one.offer_type, one.step_id): one.durations for one in pools}
    for source, offer_type, step_id, one in sorted(new, key=lambda entry: entry[-1]):
        key = source, offer_type, step_id
        series[key] = _appended(series.pop(key, ""), one.packed(), DURATIONS)  # at the end: the last to go
    return tuple(Pool(*key, durations) for key, durations in list(series.items())[-MAX_POOLS:])


def track(past: Past, old: Offer | None, new: Offer, now: float, *, is_watched: bool) -> Past:
    """What the past is after a look at `now`; `is_watched` if the look before, which saw `old`, was a short while ago."""
    if new == old or new.is_listed_only or new.status is OfferStatus.UNKNOWN:
        return past
    is_seen = is_watched and old is not None and not old.is_listed_only and old.status is not OfferStatus.UNKNOWN
    if new.status in ACTIVE:
        if past.under_way is not None and _starts_anew(old, new):
            past = _ended(past, past.under_way, new, OfferStatus.CANCELED, now, is_seen=is_seen)
        if past.under_way is None:
            past = replace(past, under_way=UnderWay(new.source, now if is_seen else None))
            old = None
        return _stepped(past, old, new, now, is_seen=is_seen)
    if past.under_way is None:
        return _with_told(past, new, now)
    past = _stepped(past, old, new, now, is_seen=is_seen)
    assert past.under_way is not None  # noqa: S101 - stepping does not end it
    return _ended(past, past.under_way, new, _outcome(new, past.under_way), now, is_seen=is_seen)


def _starts_anew(old: Offer | None, new: Offer) -> bool:
    """Whether its first step is not complete any more: it was submitted again between two looks."""
    if old is None or not old.steps or not new.steps:
        return False
    first, before = new.steps[0], old.steps[0]
    is_same = (old.source, before.step_id) == (new.source, first.step_id)
    return is_same and before.status is StepStatus.COMPLETE and first.status in _NOT_BEGUN | {StepStatus.IN_PROGRESS}


def _outcome(offer: Offer, under_way: UnderWay) -> OfferStatus:
    """A draft may show as soon as a publication has ended: then only what is live tells how."""
    if offer.status in OUTCOMES:
        return offer.status
    is_new = offer.live_since is not None and under_way.begun is not None and offer.live_since >= under_way.begun
    return OfferStatus.SUCCEEDED if is_new else OfferStatus.CANCELED


def _stepped(past: Past, old: Offer | None, new: Offer, now: float, *, is_seen: bool) -> Past:
    """Follow the steps; `old` is None where the publication has just begun."""
    under_way = past.under_way
    assert under_way is not None  # noqa: S101 - there is one
    is_same = under_way.source == new.source and (old is None or old.source == new.source)
    begun = dict(under_way.steps) if is_same else {}
    done = set(under_way.done) if is_same else set()
    for step in new.steps:
        if step.status in _NOT_BEGUN or step.step_id in done or step.is_signoff:
            continue
        if step.status in _WITH_PUBLISHER:
            if step.step_id in begun:
                begun[step.step_id] = None
            continue
        begun.setdefault(step.step_id, now if is_seen and is_same else None)
        if step.status is StepStatus.COMPLETE:
            done.add(step.step_id)
            duration = _told(step, now) or _observed(begun[step.step_id], now, is_seen=is_seen)
            if duration is not None:
                past = past.with_duration(new.source, step.step_id, duration)
    return replace(past, under_way=UnderWay(new.source, under_way.begun, begun, tuple(sorted(done))))


def _told(step: Step, now: float) -> Duration | None:
    if step.started is None or step.completed is None or step.is_signoff or step.status is not StepStatus.COMPLETE:
        return None
    is_sound = 0 <= step.started <= step.completed <= now
    return Duration(round(step.completed), round(step.completed - step.started), is_told=True) if is_sound else None


def _observed(begun: float | None, now: float, *, is_seen: bool) -> Duration | None:
    if not is_seen or begun is None or begun > now:
        return None
    return Duration(round(now), round(now - begun), is_told=False)


def _with_told(past: Past, offer: Offer, now: float) -> Past:
    """With the durations of a publication that ended before anybody watched: the API tells them all the same."""
    for step in offer.steps:
        duration = _told(step, now)
        if duration is not None:
            past = past.with_duration(offer.source, step.step_id, duration)
    return past


def _ended(past: Past, under_way: UnderWay, offer: Offer, outcome: OfferStatus, now: float, *, is_seen: bool) -> Past:
    """With the end of the publication; the API's own times count if it tells both."""
    started = [step.started for step in offer.steps if step.started is not None]
    completed = [step.completed for step in offer.steps if step.completed is not None]
    is_told = outcome is offer.status is OfferStatus.SUCCEEDED and bool(started) and len(completed) == len(offer.steps)
    if is_told and 0 <= min(started) <= max(completed) <= now:
        return past.with_end(
            PastPublication(round(min(started)), round(max(completed)), outcome, offer.version, is_told=True)
        )
    begun = round(under_way.begun) if is_seen and under_way.begun is not None and under_way.begun <= now else None
    return past.with_end(PastPublication(begun, round(now), outcome, offer.version, is_told=False))
