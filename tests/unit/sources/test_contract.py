"""What every source does, whichever API is behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from exporter.collection.collector import Collector
from exporter.collection.snapshot import OfferRecord, PublisherRecord, Snapshot
from exporter.collection.workers import Workers
from exporter.config.settings import CollectionSettings, PublisherSettings, SourceName
from exporter.domain.errors import (
    CredentialError,
    DecodeError,
    ForbiddenError,
    NotFoundError,
    SourceError,
    ThrottledError,
    UpstreamError,
)
from exporter.domain.offers import Offer, OfferStatus
from exporter.sources.base import Source

from .canned import Answer, Bench, Canned, serving
from .dialects import BIG, DIALECTS, Dialect, Spec, put_world

MOMENT = 1767607872.1234567  # 2026-01-05T10:11:12.1234567Z


@pytest.fixture(scope="module")
def server() -> Iterator[Canned]:
    with serving() as canned:
        yield canned


@pytest.fixture(params=DIALECTS, ids=lambda one: one.name)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    one: Dialect = request.param
    return one


@dataclass
class World:
    """One source with the API behind it."""

    dialect: Dialect
    bench: Bench
    source: Source

    @property
    def canned(self) -> Canned:
        return self.bench.canned

    def put(self, *specs: Spec) -> None:
        put_world(self.dialect, self.canned, *specs)

    def list_offers(self) -> dict[str, Offer]:
        return {one.offer_id: one for one in self.source.list_offers("contoso", self.bench.deadline())}

    def fetch(self, offer_id: str, listed: Offer | None = None) -> Offer:
        return self.source.fetch_offer("contoso", offer_id, listed, self.bench.deadline())

    def ask(self, offer_id: str) -> Offer:
        """Do what a refresh does: look into the list, then ask for the offer."""
        return self.fetch(offer_id, self.list_offers()[offer_id])

    def odd(self, field: str) -> float:
        return self.bench.counted("unknown_values_total", field=field)


@pytest.fixture
def world(dialect: Dialect, server: Canned) -> World:
    server.asked.clear()
    server._answers.clear()
    bench = Bench(server)
    return World(dialect, bench, dialect.source(bench))


class TestDiscovery:
    def test_lists_every_offer_once_by_the_id_that_people_use(self, world: World) -> None:
        world.put(Spec("gateway", "The Gateway"), Spec("insights", "Insights"))
        offers = world.list_offers()
        assert list(offers) == ["gateway", "insights"]
        assert [one.display_name for one in offers.values()] == ["The Gateway", "Insights"]
        assert {one.source for one in offers.values()} == {world.dialect.name}
        assert {one.publisher_id for one in offers.values()} == {"contoso"}
        assert all(one.offer_type for one in offers.values())

    def test_reads_a_list_without_offers(self, world: World) -> None:
        world.put()
        assert world.list_offers() == {}

    def test_notes_offers_without_an_id_and_those_that_come_twice(self, world: World) -> None:
        world.dialect.put_list(world.canned, [Spec("gateway", "first"), Spec(""), Spec("gateway", "second")])
        offers = world.list_offers()
        assert {offer_id: one.display_name for offer_id, one in offers.items()} == {"gateway": "first"}

    def test_reads_all_pages(self, world: World) -> None:
        world.dialect.put_pages(
            world.canned, [[Spec("one"), Spec("two")], [Spec("three")], [], [Spec("four"), Spec("two", "again")]]
        )
        assert list(world.list_offers()) == ["one", "two", "three", "four"]
        assert len(world.canned.asked) == (4 if world.dialect.pages else 1)

    def test_finds_an_offer_by_its_id_without_the_list(self, world: World) -> None:
        world.put(Spec("gateway"))
        offer = world.fetch("gateway")
        assert offer.offer_id == "gateway"
        assert offer.status is OfferStatus.RUNNING
        assert [one.step_id for one in offer.steps]

    def test_does_not_find_what_is_not_there(self, world: World) -> None:
        world.put(Spec("gateway"))
        with pytest.raises(NotFoundError):
            world.fetch("phantom")


class TestStates:
    @pytest.mark.parametrize("state", ["running", "succeeded"])
    def test_tells_where_the_newest_submission_stands(self, world: World, state: str) -> None:
        world.put(Spec("gateway", state=state))
        assert world.ask("gateway").status == state

    def test_counts_an_unknown_state_once_each_time_it_is_met(self, world: World) -> None:
        world.put(Spec("gateway", state="odd"))
        listed = world.list_offers()["gateway"]
        before = world.odd("offer_status")
        assert world.fetch("gateway", listed).status is OfferStatus.UNKNOWN
        assert world.odd("offer_status") == before + 1

    def test_says_that_it_cannot_tell_rather_than_no(self, world: World) -> None:
        world.put(Spec("gateway", state="odd"))
        assert world.ask("gateway").live is None


class TestValues:
    @pytest.mark.parametrize("written", ["12.1234567Z", "12.123Z", "12Z", "12.123", "12", "12.1234567+00:00"])
    def test_reads_times_of_any_precision_with_and_without_a_zone(self, world: World, written: str) -> None:
        world.put(Spec("gateway", changed=f"2026-01-05T10:11:{written}"))
        changed = world.ask("gateway").changed
        assert changed is not None
        assert changed == pytest.approx(MOMENT, abs=0.13)

    @pytest.mark.parametrize("written", ["0001-01-01T00:00:00", "", None])
    def test_a_time_that_never_was_is_none(self, world: World, written: str | None) -> None:
        world.put(Spec("gateway", changed=written))
        assert world.ask("gateway").changed is None
        assert world.odd("timestamp") == 0

    @pytest.mark.parametrize("written", ["yesterday", 17, "2026-13-45T00:00:00Z", ["2026-01-05T10:11:12Z"]])
    def test_an_unreadable_time_is_noted_and_none(self, world: World, written: Any) -> None:
        world.put(Spec("gateway", changed=written))
        assert world.ask("gateway").changed is None
        assert world.odd("timestamp") >= 1

    def test_64_bit_ids_lose_no_digit(self, world: World) -> None:
        world.put(Spec("gateway", number=BIG))
        offer = world.ask("gateway")
        assert offer.version == {"product_ingestion": None}.get(world.dialect.name, BIG)
        assert [step.step_id for step in offer.steps][-1] == {"partner_center": "live-live"}.get(
            world.dialect.name, "live"
        )


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (401, CredentialError),
            (403, ForbiddenError),
            (404, NotFoundError),
            (429, ThrottledError),
            (503, UpstreamError),
        ],
    )
    def test_names_why_there_is_no_list(self, world: World, status: int, error: type[SourceError]) -> None:
        world.dialect.put_list(world.canned, [], Answer({"error": {"code": "No", "message": "not you"}}, status))
        with pytest.raises(error):
            world.list_offers()

    @pytest.mark.parametrize("body", ["", "<html>maintenance</html>", "null", '{"value": "none"}', "[1]", '{"va'])
    def test_a_list_that_cannot_be_read_is_no_empty_list(self, world: World, body: str) -> None:
        world.dialect.put_list(world.canned, [], Answer(body))
        with pytest.raises(DecodeError):
            world.list_offers()

    @pytest.mark.parametrize("body", ["", "<html>maintenance</html>", "null", "7", '{"value": 3, "steps": 3}'])
    def test_an_offer_that_cannot_be_read_is_a_failure(self, world: World, body: str) -> None:
        world.put(Spec("gateway"))
        listed = world.list_offers()["gateway"]
        world.dialect.put_offer(world.canned, Spec("gateway"), Answer(body))
        with pytest.raises(DecodeError):
            world.fetch("gateway", listed)

    def test_a_refused_token_is_dropped_and_a_new_one_tried(self, world: World) -> None:
        world.put(Spec("gateway"))
        world.dialect.put_list(world.canned, [], Answer(status=401))
        with pytest.raises(CredentialError):
            world.list_offers()
        assert [one.token for one in world.canned.asked] == ["token-1", "token-2"]

    def test_waits_as_long_as_it_is_told_and_goes_on(self, dialect: Dialect, server: Canned) -> None:
        server._answers.clear()
        bench = Bench(server)
        world = World(dialect, bench, dialect.source(bench, retries=2))
        world.put(Spec("gateway"))
        listed = world.list_offers()["gateway"]
        server._answers[_detail(dialect)].insert(0, Answer(status=429, headers={"Retry-After": "7"}))
        assert world.fetch("gateway", listed).status is OfferStatus.RUNNING
        assert bench.clock.waited == [pytest.approx(7, abs=0.1)]
        assert bench.counted("api_throttled_total") == 1


def _detail(dialect: Dialect) -> str:
    """The path of the first request that is about one offer."""
    canned = Canned()
    dialect.put_offer(canned, Spec("gateway"))
    return next(iter(canned._answers))


class Rounds:
    """A collector with nothing but this source."""

    def __init__(self, world: World) -> None:
        self.workers = Workers(2, "test")
        names: tuple[SourceName, ...] = (world.dialect.name,)  # type: ignore[assignment]
        self.collector = Collector(
            publishers=(PublisherSettings(id="contoso", sources=names),),
            sources={world.dialect.name: world.source},
            settings=CollectionSettings(),
            workers=self.workers,
            telemetry=world.bench.telemetry,
            publish=lambda _: None,
            clock=world.bench.clock,
            monotonic=world.bench.clock,
        )
        self.snapshot = self.collector.adopt(Snapshot())

    def next(self) -> PublisherRecord:
        self.snapshot = self.collector.refresh(self.snapshot)
        return self.snapshot.publisher("contoso")

    def offers(self) -> dict[str, OfferRecord]:
        return {one.offer_id: one for one in self.snapshot.publisher("contoso").offers}


@pytest.fixture
def rounds(world: World) -> Iterator[Rounds]:
    one = Rounds(world)
    yield one
    one.workers.close()


class TestRounds:
    def test_one_offer_that_fails_harms_no_other(self, world: World, rounds: Rounds) -> None:
        world.put(Spec("gateway"), Spec("insights"))
        assert rounds.next().up
        world.dialect.put_offer(world.canned, Spec("gateway"), Answer(status=500))
        world.dialect.put_offer(world.canned, Spec("insights", state="succeeded"))
        world.bench.clock.now += 60
        record = rounds.next()
        offers = rounds.offers()
        assert offers["gateway"].failure is not None
        assert offers["gateway"].failure.reason == "upstream"
        assert offers["gateway"].offer is not None
        assert offers["gateway"].offer.status is OfferStatus.RUNNING
        assert offers["insights"].offer is not None
        assert offers["insights"].offer.status is OfferStatus.SUCCEEDED
        assert record.up is False
        assert [(one.source, one.failure) for one in record.sources] == [(world.dialect.name, None)]

    def test_what_is_no_longer_listed_goes(self, world: World, rounds: Rounds) -> None:
        world.put(Spec("gateway"), Spec("insights"))
        rounds.next()
        world.dialect.put_list(world.canned, [Spec("insights")])
        assert rounds.next().listed == 1
        assert list(rounds.offers()) == ["insights"]

    def test_a_list_that_fails_deletes_nothing(self, world: World, rounds: Rounds) -> None:
        world.put(Spec("gateway"), Spec("insights"))
        rounds.next()
        world.dialect.put_list(world.canned, [], Answer(status=502))
        record = rounds.next()
        assert record.listed == 2
        assert {offer_id: one.failure and one.failure.reason for offer_id, one in rounds.offers().items()} == {
            "gateway": "upstream",
            "insights": "upstream",
        }
        assert [one.failure and one.failure.reason for one in record.sources] == ["upstream"]
        assert record.sources[0].last_success == world.bench.clock.now
