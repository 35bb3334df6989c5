"""How honest the forecast is: simulated publications, seen and recorded as a refresh does it, against what was forecast of them."""

from __future__ import annotations

import heapq
import math
import random
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from exporter.collection.forecast import Outlooks
from exporter.collection.history import trace
from exporter.collection.record import Pool, added, pooled, track
from exporter.collection.snapshot import OfferRecord
from exporter.domain.estimates import bounds_seconds
from exporter.domain.offers import Offer, OfferStatus, Step, StepStatus
from exporter.domain.workdays import advanced
from tests.benchmarks.measure import table

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
START = 1_750_000_000.0
INTERVAL = 300.0
"""Seconds between two refreshes."""


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline: its typical duration in seconds, what Microsoft says of it, and whether people do it."""

    step_id: str
    typical: float
    estimate: str
    by_people: bool = False


STAGES = (
    Stage("validate", 12 * MINUTE, "< 15 min"),
    Stage("certify", 2 * DAY, "~2-3 days", by_people=True),
    Stage("provision", 16 * HOUR, "< 1 day"),
    Stage("package", 40 * MINUTE, "< 1 hour"),
    Stage("live", 2 * DAY, "~2-5 days", by_people=True),
)
Draw = Callable[[random.Random, Stage, "Submission"], float]


@dataclass(frozen=True)
class Submission:
    """One publication: its offer, its type, when it begins, and by how much all of it is slower than usual."""

    offer: int
    offer_type: str
    begun: float
    factor: float = 1.0
    progress: float = 0.0


@dataclass(frozen=True)
class Kind:
    """A world: so many offers, and how long a step takes; all that is drawn comes from one seed."""

    name: str
    offers: int
    draw: Draw
    rests: bool = False
    new_types: bool = False
    begin_anew_after: int = 0
    of_offer: float = 0.0
    of_publication: float = 0.0


def lognormal(sigma: float) -> Draw:
    """Spread evenly on a scale of factors."""
    return lambda rng, stage, one: stage.typical * one.factor * rng.lognormvariate(0.0, sigma)


def heavy(rng: random.Random, stage: Stage, one: Submission) -> float:
    """One in ten is as bad as 3 times, one in a hundred as bad as 10 times the typical one or worse."""
    return stage.typical * one.factor * (0.7 * rng.lognormvariate(0.0, 0.2) + 0.3 * rng.paretovariate(1.6))


def regime(rng: random.Random, stage: Stage, one: Submission) -> float:
    """From the middle on people need two and a half times as long."""
    slower = 2.5 if stage.by_people and one.progress >= 0.5 else 1.0
    return slower * stage.typical * rng.lognormvariate(0.0, 0.25)


KINDS = (
    Kind("steady", 8, lognormal(0.15)),
    Kind("heavy tails", 8, heavy),
    Kind("weekends", 8, lognormal(0.3), rests=True),
    Kind("regime change", 8, regime),
    Kind("few data", 2, lognormal(0.3), begin_anew_after=6),
    Kind("new types of offers", 60, lognormal(0.3), new_types=True),
    Kind("many offers", 150, lognormal(0.25), of_offer=0.4),
    Kind("hard and easy releases", 8, lognormal(0.2), of_publication=0.25),
)
"""With `rests` people do not work at weekends; with `begin_anew_after` all records are lost after so many publications; offers, and
publications, may differ from each other in all their steps."""


@dataclass
class Forecast:
    """What was said of a publication that ended at `ended`; `progress` is its place among those of its kind."""

    median: float
    late: float
    ended: float
    microsoft: float
    last: float | None
    progress: float
    at_begin: bool


@dataclass
class World:
    """The offers of one kind, and what is on record of them; `took` is how long the last publication of each took."""

    kind: Kind
    records: dict[int, OfferRecord] = field(default_factory=dict)
    pools: tuple[Pool, ...] = ()
    took: dict[int, float] = field(default_factory=dict)

    def see(self, event: Event) -> None:
        """Refresh the offer; before a publication only if it was never seen."""
        one, done = event.submission, event.done
        if done >= 0 or one.offer not in self.records:
            status = OfferStatus.RUNNING if 0 <= done < len(STAGES) else OfferStatus.SUCCEEDED
            self.look(one, status, done if done >= 0 else len(STAGES), event.time)
        if done == len(STAGES):
            self.took[one.offer] = event.ended - one.begun

    def ask(self, event: Event) -> Iterator[Forecast]:
        """Forecast it, if it has been seen and not ended."""
        one, now = event.submission, event.time
        record = self.records[one.offer]
        outlook = Outlooks(self.pools, now).seen(record).outlook
        if event.ended <= now or outlook is None or outlook.expected is None:
            return
        last = self.took.get(one.offer)
        yield Forecast(
            *outlook.expected,
            event.ended,
            now + _upper_bounds(event.done),
            None if last is None else max(now, one.begun + last),
            one.progress,
            not event.is_question,
        )

    def look(self, submission: Submission, status: OfferStatus, done: int, now: float) -> OfferRecord:
        """Refresh one offer of which so many steps are done."""
        offer_id = f"offer-{submission.offer}"
        before = self.records.get(submission.offer, OfferRecord("contoso", offer_id))
        steps = tuple(_step(stage, place, done, status) for place, stage in enumerate(STAGES))
        offer = Offer("contoso", offer_id, status, "cloud_partner", offer_type=submission.offer_type, steps=steps)
        past = track(before.past, before.offer, offer, now, is_watched=True)
        new = [("cloud_partner", offer.offer_type, *one) for one in added(before.past, past, offer.source)]
        self.pools = pooled(self.pools, new) if new else self.pools
        record = replace(before, offer=offer, since=trace(offer, before, now), past=past, last_success=now)
        self.records[submission.offer] = record
        return record


def _step(stage: Stage, place: int, done: int, status: OfferStatus) -> Step:
    busy = StepStatus.IN_PROGRESS if place == done and status is OfferStatus.RUNNING else StepStatus.NOT_STARTED
    return Step(
        stage.step_id,
        stage.step_id,
        StepStatus.COMPLETE if place < done else busy,
        estimated_time_frame=stage.estimate,
    )


def submissions(kind: Kind, total: int, rng: random.Random) -> Iterable[Submission]:
    """In turn, each offer every three weeks or so."""
    of_offer = [rng.lognormvariate(0.0, kind.of_offer) for _ in range(kind.offers)]
    due = [(START + rng.uniform(0, 21 * DAY), offer) for offer in range(kind.offers)]
    heapq.heapify(due)
    for number in range(total):
        begun, offer = heapq.heappop(due)
        factor = of_offer[offer] * rng.lognormvariate(0.0, kind.of_publication)
        yield Submission(offer, f"type-{number}" if kind.new_types else "vm", begun, factor, number / total)
        heapq.heappush(due, (begun + rng.uniform(20, 45) * DAY * max(1.0, factor), offer))


class Event(NamedTuple):
    """Something to see of a submission of which so many steps are done, -1 before it begins; or a question about it."""

    time: float
    number: int
    submission: Submission
    done: int
    ended: float
    is_question: bool = False


def events(kind: Kind, total: int, rng: random.Random) -> list[Event]:
    """All that happens, and one question for each publication at some moment on its way."""
    made: list[Event] = []
    for one in submissions(kind, total, rng):
        instants = [one.begun]
        for stage in STAGES:
            seconds, begun = kind.draw(rng, stage, one), instants[-1]
            instants.append(advanced(begun, seconds) if kind.rests and stage.by_people else begun + seconds)
        ended = instants[-1]
        seen = [(_seen(one.begun - HOUR), -1, False), *((_seen(at), done, False) for done, at in enumerate(instants))]
        asked = rng.uniform(one.begun, ended)
        question = (_seen(asked), sum(at <= asked for at in instants) - 1, True)
        for time, done, is_question in (*seen, question):
            made.append(Event(time, len(made), one, done, ended, is_question))
    return sorted(made)


def play(kind: Kind, total: int, seed: int = 1) -> list[Forecast]:
    """Let all publications of a kind happen, and forecast each twice: at its begin and at some moment on its way."""
    if kind.begin_anew_after:
        once = replace(kind, begin_anew_after=0)
        rounds = range(total // kind.begin_anew_after + 1)
        return [one for number in rounds for one in play(once, kind.begin_anew_after, 1000 * seed + number)]
    rng = random.Random(f"{seed} {kind.name}")
    world = World(kind)
    made: list[Forecast] = []
    for event in events(kind, total, rng):
        if not event.is_question:
            world.see(event)
        if event.is_question or event.done == 0:
            made += world.ask(event)
    return made


def _seen(instant: float) -> float:
    """The refresh that sees it."""
    return math.ceil(instant / INTERVAL) * INTERVAL


def _upper_bounds(done: int) -> float:
    return sum((bounds_seconds(stage.estimate) or (0.0, 0.0))[1] for stage in STAGES[done:])


def covered(made: Sequence[Forecast]) -> float:
    """The share that ended before the 80 % date."""
    return sum(one.ended <= one.late for one in made) / len(made)


def forecast(total: int = 2000, seed: int = 1) -> str:
    """The table of docs/forecast.md."""
    rows = []
    each = total // len(KINDS) + 1
    for kind in KINDS:
        warm = 0.0 if kind.new_types or kind.begin_anew_after else 0.15
        made = [one for one in play(kind, each, seed) if one.progress >= warm]
        rows.append((kind.name, *_figures(made)))
    head = (
        "kind",
        "ended before the 80 % date: asked at the begin",
        "asked on the way",
        "median error of the 50 % date, days",
        "from the 50 % to the 80 % date, days",
        "Microsoft's upper bounds: ended before",
        "median error, days",
        "as long as the last one: ended before",
        "median error, days",
    )
    return "## Forecast\n\n" + table(head, rows) + "\n" + recovery(seed)


def recovery(seed: int, worlds: int = 10) -> str:
    """How soon the forecast is right again after a change of regime, in publications of all eight offers together."""
    kind = next(one for one in KINDS if one.name == "regime change")
    total = 160
    made = [one for number in range(worlds) for one in play(kind, total, 1000 * seed + number) if one.at_begin]
    rows = []
    for first, last in ((-40, -1), (0, 7), (8, 15), (16, 23), (24, 39), (40, 79)):
        told = [one for one in made if first <= round((one.progress - 0.5) * total) <= last]
        row = f"{covered(told):.0%}", _days(abs(one.median - one.ended) for one in told)
        rows.append((f"{first + 1} to {last + 1}" if first >= 0 else "before", *row))
    head = ("publications since the change", "ended before the 80 % date", "median error of the 50 % date, days")
    return "## After a change\n\n" + table(head, rows)


def _figures(made: Sequence[Forecast]) -> tuple[str, ...]:
    begin = [one for one in made if one.at_begin]
    way = [one for one in made if not one.at_begin]
    last = [(one, one.last) for one in made if one.last is not None]
    return (
        f"{covered(begin):.0%}",
        f"{covered(way):.0%}",
        _days(abs(one.median - one.ended) for one in made),
        _days(one.late - one.median for one in made),
        f"{sum(one.ended <= one.microsoft for one in made) / len(made):.0%}",
        _days(abs(one.microsoft - one.ended) for one in made),
        f"{sum(one.ended <= known for one, known in last) / len(last):.0%}" if last else "-",
        _days(abs(known - one.ended) for one, known in last) if last else "-",
    )


def _days(seconds: Iterable[float]) -> str:
    return f"{statistics.median(seconds) / DAY:.2f}"
