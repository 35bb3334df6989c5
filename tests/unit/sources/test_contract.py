"""What every source does, whichever API is behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from exporter.domain.errors import (
    DecodeError,
    NotFoundError,
    RefusedError,
    SourceError,
    ThrottledError,
    UpstreamError,
)
from exporter.domain.offers import Offer, OfferStatus

from .canned import Answer, Bench, Canned
from .dialects import DIALECTS, Dialect, Spec, put_world

MOMENT = 1767607872.1234567  # 2026-01-05T10:11:12.1234567Z


@pytest.fixture(params=DIALECTS, ids=lambda one: one.kind.name)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    one: Dialect = request.param
    return one


@dataclass
class World:
    """One source with the API behind it."""

    dialect: Dialect
    bench: Bench

    @property
    def canned(self) -> Canned:
        return self.bench.canned

    @property
    def name(self) -> str:
        return self.dialect.kind.name

    def put(self, *specs: Spec) -> None:
        put_world(self.dialect, self.canned, *specs)

    def list_offers(self) -> dict[str, Offer]:
        return self.bench.list_offers()

    def ask(self, offer_id: str = "gateway", **query: Any) -> Offer:
        """Do what a refresh does: look into the list, then ask for the offer."""
        return self.bench.fetch(self.list_offers()[offer_id], offer_id, **query)


@pytest.fixture
def world(dialect: Dialect, server: Canned) -> World:
    return World(dialect, Bench(server, dialect.kind))


class TestDiscovery:
    def test_lists_every_offer_once_by_the_id_that_people_use(self, world: World) -> None:
        world.put(Spec("gateway", "The Gateway"), Spec("insights", "Insights"))
        offers = world.list_offers()
        assert list(offers) == ["gateway", "insights"]
        assert [one.display_name for one in offers.values()] == ["The Gateway", "Insights"]
        assert {one.source for one in offers.values()} == {world.name}
        assert {one.publisher_id for one in offers.values()} == {"contoso"}
        assert all(one.offer_type for one in offers.values())
        assert world.bench.odd() == {}

    def test_reads_a_list_without_offers(self, world: World) -> None:
        world.put()
        assert world.list_offers() == {}

    def test_notes_offers_without_an_id_and_those_that_come_twice(self, world: World) -> None:
        world.dialect.put_list(world.canned, [Spec("gateway", "first"), Spec(""), Spec("gateway", "second")])
        offers = world.list_offers()
        assert {offer_id: one.display_name for offer_id, one in offers.items()} == {"gateway": "first"}
        assert world.bench.odd() == {"offer_id": 2}

    def test_a_list_is_whole_unless_an_entry_cannot_be_used(self, world: World) -> None:
        for second, is_whole in (("gateway", True), ("", False)):
            world.dialect.put_list(world.canned, [Spec("gateway"), Spec(second), Spec("gateway")])
            assert world.bench.source.list_offers("contoso", world.bench.deadline()).is_whole is is_whole

    def test_keeps_long_ids_apart_and_refuses_those_that_are_too_long(self, world: World) -> None:
        """The first 255 characters of all are the same."""
        alike = "x" * 400
        world.dialect.put_list(world.canned, [Spec(alike + "a"), Spec(alike + "b"), Spec(alike * 2), Spec("bell\a")])
        assert list(world.list_offers()) == [alike + "a", alike + "b"]
        assert world.bench.odd() == {"offer_id": 2}

    def test_one_entry_that_is_no_object_costs_only_itself(self, world: World, dialect: Dialect) -> None:
        entries = [dialect.entry(Spec(one)) for one in ("gateway", "insights")]
        world.canned.put(dialect.listing, [entries[0], None, "gateway", 7, [], entries[1]])
        assert list(world.list_offers()) == ["gateway", "insights"]
        assert world.bench.odd() == {"entry": 4}
        assert not world.bench.source.list_offers("contoso", world.bench.deadline()).is_whole

    def test_reads_all_pages_however_small(self, world: World) -> None:
        world.dialect.put_pages(
            world.canned, [[Spec("one"), Spec("two")], [Spec("three")], [], [Spec("four"), Spec("two", "again")]]
        )
        assert list(world.list_offers()) == ["one", "two", "three", "four"]
        assert len(world.canned.asked) == 4

    def test_finds_an_offer_by_its_id_without_the_list(self, world: World) -> None:
        world.put(Spec("gateway"))
        offer = world.bench.fetch()
        assert (offer.offer_id, offer.status) == ("gateway", OfferStatus.RUNNING)
        assert [one.step_id for one in offer.steps]

    def test_counts_its_requests_under_the_operations_that_it_declares(self, world: World) -> None:
        world.put(Spec("gateway"))
        world.ask()
        assert set(world.bench.operations()) == set(world.dialect.kind.operations)

    def test_does_not_find_what_is_not_there(self, world: World) -> None:
        world.put(Spec("gateway"))
        with pytest.raises(NotFoundError):
            world.bench.fetch(offer_id="phantom")

    def test_being_known_from_before_proves_nothing(self, world: World) -> None:
        """An offer that was deleted is not found, whatever was told of it last."""
        world.put(Spec("gateway"))
        told = world.ask()
        world.canned.clear()
        world.put()
        for status in OfferStatus:
            with pytest.raises(NotFoundError) as caught:
                world.bench.fetch(told=replace(told, status=status))
            assert type(caught.value) is NotFoundError


class TestStates:
    @pytest.mark.parametrize("state", ["running", "succeeded"])
    def test_tells_where_the_newest_submission_stands(self, world: World, state: str) -> None:
        world.put(Spec("gateway", state=state))
        assert world.ask().status == state

    def test_counts_an_unknown_state_once_each_time_it_is_met(self, world: World) -> None:
        world.put(Spec("gateway", state="odd"))
        listed = world.list_offers()["gateway"]
        world.bench.values.noted.clear()
        assert world.bench.fetch(listed).status is OfferStatus.UNKNOWN
        ((field, raw),) = world.bench.values.noted
        assert (field, "underwater" in raw.lower()) == ("offer_status", True)

    def test_says_that_it_cannot_tell_rather_than_no(self, world: World) -> None:
        world.put(Spec("gateway", state="odd"))
        assert world.ask().live is None


class TestValues:
    @pytest.mark.parametrize(
        "written", ["yesterday", 17, "2026-13-45T00:00:00Z", ["2026-01-05T10:11:12Z"], "2027-01-15T08:05:01Z"]
    )
    def test_an_unreadable_time_and_one_that_is_yet_to_come_is_noted_and_none(self, world: World, written: Any) -> None:
        world.put(Spec("gateway", changed=written))
        assert world.ask().changed is None
        assert world.bench.odd()["timestamp"] >= 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "error"),
        [(302, RefusedError), (400, RefusedError), (404, NotFoundError), (429, ThrottledError), (503, UpstreamError)],
    )
    def test_names_why_there_is_no_list_and_no_offer(self, world: World, status: int, error: type[SourceError]) -> None:
        world.put(Spec("gateway"))
        listed = world.list_offers()["gateway"]
        refusal = Answer({"error": {"code": "No", "message": "not you"}}, status)
        world.dialect.put_list(world.canned, [], refusal)
        with pytest.raises(error, match=f"{status}: No: not you"):
            world.list_offers()
        world.canned.put(world.dialect.path("gateway"), refusal)
        with pytest.raises(error, match=f"{status}: No: not you"):
            world.bench.fetch(listed)

    @pytest.mark.parametrize(
        "body", [b"", b"<html>maintenance</html>", None, {"value": "none"}, [1], [None], b'{"va', {}, {"error": {}}]
    )
    def test_a_list_that_cannot_be_read_is_no_empty_list(self, world: World, body: Any) -> None:
        world.dialect.put_list(world.canned, [], Answer(body))
        with pytest.raises(DecodeError):
            world.list_offers()

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>maintenance</html>",
            None,
            7,
            {},
            {"error": {"code": "X"}},
            {"value": None, "status": None},
            {"value": 3, "status": "running", "steps": 3},
            {"status": 7},
            {"status": " "},
        ],
    )
    def test_an_offer_that_cannot_be_read_is_a_failure(self, world: World, body: Any) -> None:
        world.put(Spec("gateway"))
        listed = world.list_offers()["gateway"]
        world.canned.put(world.dialect.path("gateway"), body)
        with pytest.raises(DecodeError):
            world.bench.fetch(listed)
