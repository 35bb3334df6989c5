"""When an offer that is being published will be live, by the record of the past.

Each step that is left takes as long as it took before: for the same offer, else for its type, else for all, wherever there are at
least `ENOUGH` durations since they last changed their nature; else as long as Microsoft estimates. The step under way takes longer
than has passed already. Steps of the publisher count as done at once. Where the record shows that a step does not end at weekends,
it is reckoned in working time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from zlib import crc32

from exporter.collection.record import ACTIVE, DURATIONS, Duration, Past, Pool
from exporter.collection.snapshot import OfferRecord, Outlook, Usual
from exporter.domain.estimates import bounds_seconds
from exporter.domain.offers import Offer, OfferStatus, Step, StepStatus
from exporter.domain.spread import Estimated, Recorded, changed_at
from exporter.domain.workdays import advanced, is_weekend, worked

__all__ = ["Outlooks"]

ENOUGH = 5
POINTS = 61
"""How many ways it may go are looked at; a prime."""
GENERATOR = 18
"""Multiples of its powers, modulo `POINTS`, pair the durations of the steps evenly (the lattice rule of Korobov)."""
WEEKEND_ENDS = 4.0
"""Ends at weekends that chance would bring before their absence says anything, and the factor by which they must be fewer."""

HOLD, FAR = 1800, 6
"""Seconds after which a forecast is made anew although nothing has happened, unless it is nearer than so many times that."""

_STUCK = frozenset({StepStatus.REJECTED, StepStatus.BLOCKED})
_OVER = frozenset({StepStatus.COMPLETE, StepStatus.CANCELED})
_RUNNING = frozenset({StepStatus.IN_PROGRESS, StepStatus.WAITING_FOR_APPROVAL})


@dataclass(frozen=True)
class Basis:
    """What is known of how long a step takes; with `in_working_time` weekends do not count. `usual` is in plain seconds."""

    spread: Estimated | Recorded
    in_working_time: bool = False
    usual: Usual | None = None

    @cached_property
    def _durations(self) -> list[float]:
        """One for each way that it may go, the shortest first."""
        return [self.spread.quantile((point + 0.5) / POINTS) for point in range(POINTS)]

    def ends(self, begun: Sequence[float], order: Sequence[int]) -> list[float]:
        """When it ends that begins then, with durations in this order."""
        return [self._later(time, self._durations[point]) for time, point in zip(begun, order, strict=True)]

    def ends_after(self, begun: float, now: float, order: Sequence[int]) -> list[float]:
        """When it ends that began then and is still under way."""
        elapsed = worked(begun, now) if self.in_working_time else now - begun
        durations = (self.spread.after(elapsed, (point + 0.5) / POINTS) for point in order)
        return [max(now, self._later(begun, one)) for one in durations]

    def _later(self, time: float, seconds: float) -> float:
        return advanced(time, seconds) if self.in_working_time else time + seconds


@dataclass(frozen=True)
class Record:
    """Past durations of a step since they last changed their nature, in the time that fits them; `name` tells whose."""

    name: str
    since: float
    in_working_time: bool
    durations: tuple[Duration, ...]

    @classmethod
    def of(cls, name: str, durations: Sequence[Duration], context: Record | None = None) -> Record:
        """Learn from durations, the newest last; those of one offer are seen in the context of those of its type."""
        rests = _rests_at_weekends(durations) if context is None else context.in_working_time
        known = [one for one in durations if context is None or one.ended >= context.since]
        place = changed_at([_seconds(one, in_working_time=rests) for one in known], ENOUGH)
        return cls(name, known[place].ended if place else float("-inf"), rests, tuple(known[place:]))

    @cached_property
    def basis(self) -> Basis | None:
        """What is known by it, if it is long enough."""
        if len(self.durations) < ENOUGH:
            return None
        plain = Recorded([one.seconds for one in self.durations])
        working = [_seconds(one, in_working_time=True) for one in self.durations] if self.in_working_time else ()
        usual = Usual(float(round(plain.quantile(0.5))), float(round(plain.quantile(0.95))), self.name)
        return Basis(Recorded(working) if working else plain, self.in_working_time, usual)


def _seconds(one: Duration, *, in_working_time: bool) -> float:
    return worked(one.ended - one.seconds, one.ended) if in_working_time else one.seconds


def _rests_at_weekends(durations: Sequence[Duration]) -> bool:
    """Whether ends at weekends are missing: as many would be there as the steps ran at weekends, were all days alike."""
    expected = sum(1 - worked(one.ended - one.seconds, one.ended) / one.seconds for one in durations if one.seconds)
    ended = sum(is_weekend(one.ended) for one in durations if one.seconds)
    return expected >= WEEKEND_ENDS and ended <= expected / WEEKEND_ENDS


class Outlooks:
    """The forecasts of one publisher at one moment, in Unix seconds; what its offers share is worked out once."""

    def __init__(self, pools: Sequence[Pool], now: float) -> None:
        self._now = now
        self._pools = {(one.source, one.offer_type, one.step_id): one for one in pools}
        self._of_type: dict[tuple[str, str, str], Record] = {}
        self._of_all: dict[tuple[str, str], Record] = {}

    def seen(self, record: OfferRecord, before: OfferRecord | None = None) -> OfferRecord:
        """The record with its outlook, which may be that of `before`: None for an offer that is not being published or of which nothing can be said."""
        offer = record.offer
        if offer is None or offer.is_listed_only or offer.status not in ACTIVE:
            return record if record.outlook is None else replace(record, outlook=None)
        if before is not None and self._holds(record, before):
            return replace(record, outlook=before.outlook)
        own = record.past.durations(offer.source)
        to_come = (Step(one, "", StepStatus.NOT_STARTED) for one in self._to_come(record.past, offer, own))
        steps = (*offer.steps, *to_come)
        bases = {step.step_id: self._basis(offer, step, own.get(step.step_id, ())) for step in steps}
        usual = {step_id: one.usual for step_id, one in bases.items() if one is not None and one.usual is not None}
        expected = self._expected(record, steps, bases)
        return replace(record, outlook=Outlook(expected, usual, self._now) if expected or usual else None)

    def _holds(self, record: OfferRecord, before: OfferRecord) -> bool:
        """Whether the last outlook still does: nothing has happened, it is far off, and it is not this offer's turn."""
        outlook = before.outlook
        if outlook is None or outlook.expected is None:
            return False
        is_same = record.offer is before.offer and record.past is before.past
        turn = crc32(record.offer_id.encode("utf-8", "replace")) % HOLD
        is_turn = (self._now + turn) // HOLD != (outlook.made + turn) // HOLD
        return is_same and not is_turn and outlook.expected[0] - self._now > FAR * HOLD

    def _to_come(self, past: Past, offer: Offer, own: Mapping[str, Sequence[Duration]]) -> tuple[str, ...]:
        """Steps that the API will only show once they begin: those of the last publication or, without one, of the type."""
        shown = {step.step_id for step in offer.steps}
        last = next((one for one in reversed(past.ended()) if one.outcome is OfferStatus.SUCCEEDED), None)
        if last is not None and last.begun is not None:
            known = {step_id for step_id, durations in own.items() if durations and durations[-1].ended >= last.begun}
        else:
            counts = {
                step_id: one.durations.count(" ") + 1
                for (source, offer_type, step_id), one in self._pools.items()
                if (source, offer_type) == (offer.source, offer.offer_type)
            }
            known = {step_id for step_id, count in counts.items() if 2 * count >= max(counts.values())}
        return tuple(sorted(known - shown))

    def _basis(self, offer: Offer, step: Step, own: Sequence[Duration]) -> Basis | None:
        of_type = self._type(offer.source, offer.offer_type, step.step_id)
        of_offer = Record.of("offer", own, of_type)
        return of_offer.basis or of_type.basis or self._all(offer.source, step.step_id).basis or _estimated(step)

    def _type(self, source: str, offer_type: str, step_id: str) -> Record:
        if (source, offer_type, step_id) not in self._of_type:
            pool = self._pools.get((source, offer_type, step_id))
            self._of_type[source, offer_type, step_id] = Record.of("type", pool.unpacked() if pool else ())
        return self._of_type[source, offer_type, step_id]

    def _all(self, source: str, step_id: str) -> Record:
        if (source, step_id) not in self._of_all:
            pools = (one for key, one in self._pools.items() if (key[0], key[2]) == (source, step_id))
            durations = sorted(chain.from_iterable(one.unpacked() for one in pools))
            self._of_all[source, step_id] = Record.of("all", durations[-DURATIONS:])
        return self._of_all[source, step_id]

    def _expected(
        self, record: OfferRecord, steps: Sequence[Step], bases: Mapping[str, Basis | None]
    ) -> tuple[float, float] | None:
        """When it is live with a probability of 0.5 and 0.8: what runs now side by side, then the others in turn."""
        left = [one for one in steps if one.status not in _OVER and not one.is_signoff]
        known = [(step, bases[step.step_id]) for step in left[: len(_ORDERS)]]
        if not known or any(step.status in _STUCK or basis is None for step, basis in known):
            return None
        ends = [self._now] * POINTS
        since = record.since.steps if record.since else {}
        orders = iter(_ORDERS)
        for step, basis in known:
            if step.status in _RUNNING and basis is not None:
                begun = min(self._now, step.started or since.get(step.step_id, self._now))
                ends = list(map(max, ends, basis.ends_after(begun, self._now, next(orders))))
        for step, basis in known:
            if step.status not in _RUNNING and basis is not None:
                ends = basis.ends(ends, next(orders))
        ends.sort()
        return float(round(ends[POINTS // 2])), float(round(ends[POINTS * 4 // 5]))


def _estimated(step: Step) -> Basis | None:
    bounds = bounds_seconds(step.estimated_time_frame)
    return None if bounds is None else Basis(Estimated(*bounds))


def _orders() -> Iterator[tuple[int, ...]]:
    """For one step after the other the numbers of all ways that it may go, each time in another order."""
    for step in range(POINTS - 1):
        factor = pow(GENERATOR, step, POINTS)
        yield tuple((point * factor + step * (POINTS // 3)) % POINTS for point in range(POINTS))


_ORDERS = tuple(_orders())
