"""Three sources: who tells an offer, and what is held while one of them cannot be read."""

from __future__ import annotations

import threading

import pytest
from structlog.testing import capture_logs

from exporter.collection.snapshot import SourceRecord
from exporter.config.settings import PublisherSettings
from exporter.domain.errors import (
    CredentialError,
    DeadlineError,
    ForbiddenError,
    NotFoundError,
    RefusedError,
    SourceError,
    UpstreamError,
)
from exporter.domain.offers import Offer, OfferStatus
from tests.unit.collection.world import World, unnamed
from tests.unit.make import NOW

RUNNING, LIVE, FAILED = OfferStatus.RUNNING, OfferStatus.SUCCEEDED, OfferStatus.FAILED
HOUR = 3600


@pytest.fixture(autouse=True)
def _three_sources(world: World) -> None:
    world.all_sources()


class TestPreference:
    def test_each_offer_comes_from_the_first_source_that_lists_it(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING, "b": RUNNING}
        world.center.offers = {"b": LIVE, "c": LIVE}
        world.ingestion.offers = {"a": LIVE, "c": LIVE, "d": LIVE}
        record = world.refresh(0)
        assert world.shown() == {
            "a": "cloud_partner running",
            "b": "cloud_partner running",
            "c": "partner_center succeeded",
            "d": "product_ingestion succeeded",
        }
        assert record.up
        assert record.listed == 4
        assert record.sources == (
            SourceRecord("cloud_partner", ("a", "b"), NOW, is_complete=True),
            SourceRecord("partner_center", ("b", "c"), NOW, is_complete=True),
            SourceRecord("product_ingestion", ("a", "c", "d"), NOW, is_complete=True),
        )

    def test_no_offer_is_asked_for_twice(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.center.offers = {"a": RUNNING}
        world.refresh(0)
        assert world.center.asked == []

    def test_the_order_is_that_of_the_settings(self, world: World) -> None:
        world.run(PublisherSettings(id="contoso", sources=("product_ingestion", "cloud_partner")))
        world.cloud.offers = {"a": RUNNING}
        world.ingestion.offers = {"a": LIVE}
        world.center.refusal = AssertionError("not to be asked")
        world.refresh(0)
        assert world.told_by() == {"a": "product_ingestion"}
        assert list(world.sources()) == ["product_ingestion", "cloud_partner"]

    def test_shards_split_the_offers_of_all_sources(self, world: World) -> None:
        names = [f"offer-{number}" for number in range(20)]
        world.cloud.offers = dict.fromkeys(names[:10], RUNNING)
        world.center.offers = dict.fromkeys(names[5:], RUNNING)
        seen: list[str] = []
        for ordinal in (0, 1):
            world.all_sources(shard=f"{ordinal}/2")
            assert world.refresh(0).listed == 20
            seen += world.told_by()
        assert sorted(seen) == sorted(names)


class TestWhoServes:
    def test_what_one_source_does_not_serve_is_left_to_the_next(self, world: World) -> None:
        world.center.does_not_serve("vm")
        world.ingestion.offers = {"vm": RUNNING}
        assert world.refresh(0).up
        assert world.told_by() == {"vm": "product_ingestion"}
        assert world.reasons() == {}
        assert world.counted() == {}

    def test_what_nobody_serves_is_shown_as_listed(self, world: World) -> None:
        world.center.does_not_serve("vm")
        assert world.refresh(0).up
        (record,) = world.record.offers
        assert record.offer is not None
        assert record.offer.is_listed_only
        assert record.offer.display_name == "vm in partner_center"
        assert world.counted() == {}

    def test_a_source_that_lists_an_offer_and_cannot_tell_it_leaves_it_to_the_next(self, world: World) -> None:
        world.cloud.offers = {"a": NotFoundError("migrated")}
        world.center.offers = {"a": RUNNING}
        assert world.refresh(0).up
        assert world.told_by() == {"a": "partner_center"}

    def test_it_is_a_failure_where_there_is_no_next(self, world: World) -> None:
        world.cloud.offers = {"a": NotFoundError("migrated")}
        assert world.refresh(0).up is False
        assert world.reasons() == {"a": "not_found"}
        assert world.counted() == {"not_found": 1}

    def test_a_listed_offer_that_is_refused_is_no_quiet_one(self, world: World) -> None:
        world.center.does_not_serve("vm")
        world.ingestion.offers = {"vm": ForbiddenError("not yours")}
        world.refresh(0)
        assert world.reasons() == {"vm": "forbidden"}

    def test_while_one_that_never_told_it_fails_the_next_is_asked(self, world: World) -> None:
        """One sick API costs only what it alone can tell; its failure is counted."""
        world.cloud.offers = {"a": UpstreamError("sick")}
        world.center.offers = {"a": LIVE}
        assert world.refresh(0).up
        assert world.shown() == {"a": "partner_center succeeded"}
        assert world.counted() == {"upstream": 1}

    def test_what_is_only_listed_is_asked_for_again_unless_that_lasts(self, world: World) -> None:
        world.center.does_not_serve("vm")
        world.center.does_not_serve("saas", is_lasting=False)
        for _ in range(3):
            assert world.refresh(60).up
        assert sorted(world.center.ids()) == ["saas", "saas", "saas", "vm"]

    def test_the_list_of_one_account_api_serves_the_other(self, world: World) -> None:
        """The product's GUID is the same in both; a list that is not there must not hide what can be asked for."""
        world.center.does_not_serve("vm")
        world.ingestion.refusal = NotFoundError("no such list")
        world.ingestion.hidden = {"vm": RUNNING}
        world.refresh(0)
        assert world.told_by() == {"vm": "product_ingestion"}
        assert [one.listed.product_id for one in world.ingestion.asked if one.listed] == ["guid-of-vm"]

    def test_the_product_is_known_by_whichever_list_told_it_last(self, world: World) -> None:
        """The Cloud Partner API tells no GUIDs, and the page of an offer leads to its product."""
        world.cloud.offers = {"a": RUNNING}
        world.center.offers = {"a": RUNNING}
        for refusal in (None, UpstreamError("down")):
            world.center.refusal = refusal
            record = world.refresh(0).offers[0]
            assert (record.told_by, record.listed and record.listed.product_id) == ("cloud_partner", "guid-of-a")


class TestOneSourceAsAWhole:
    @pytest.mark.parametrize("error", [ForbiddenError, NotFoundError, CredentialError, UpstreamError, DeadlineError])
    def test_that_cannot_be_read_harms_no_other(self, world: World, error: type[SourceError]) -> None:
        world.cloud.refusal = error("not today")
        world.center.offers = {"a": RUNNING}
        record = world.refresh(0)
        assert world.told_by() == {"a": "partner_center"}
        assert world.reasons() == {}
        assert world.sources() == {"cloud_partner": error.reason, "partner_center": "up", "product_ingestion": "up"}
        assert record.up is False
        assert record.failure is not None
        assert record.failure.text == "cloud_partner: not today"
        assert record.listed == 1
        assert world.counted() == {error.reason: 1}

    def test_that_breaks_harms_no_other(self, world: World) -> None:
        world.cloud.refusal = ZeroDivisionError("a bug")
        world.center.offers = {"a": RUNNING}
        world.refresh(0)
        assert world.told_by() == {"a": "partner_center"}
        assert world.sources()["cloud_partner"] == "internal"

    def test_keeps_what_it_told_and_when(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.center.offers = {"b": RUNNING}
        world.refresh(0)
        world.cloud.refusal = UpstreamError("down")
        world.center.offers = {"b": LIVE}
        record = world.refresh(60)
        assert world.shown() == {"b": "partner_center succeeded", "a": "cloud_partner running"}
        assert world.reasons() == {"a": "upstream"}
        assert record.listed == 2
        assert (record.sources[0].last_success, record.sources[0].listed) == (NOW, 1)
        assert record.sources[1].last_success == NOW + 60

    @pytest.mark.parametrize("error", [ForbiddenError, NotFoundError, CredentialError, UpstreamError])
    def test_keeps_its_offers_for_itself_while_they_are_fresh(self, world: World, error: type[SourceError]) -> None:
        """Whatever the list fails for; afterwards another source may tell them, and what it tells alike has its time."""
        world.cloud.offers = {"a": FAILED}
        world.center.offers = {"a": FAILED}
        world.refresh(0)
        since = world.of("a").since
        world.cloud.refusal = error("down")
        world.refresh(HOUR - 1)
        assert (world.shown(), world.reasons()) == ({"a": "cloud_partner failed"}, {"a": error.reason})
        world.refresh(1)
        assert (world.shown(), world.reasons()) == ({"a": "partner_center failed"}, {})
        assert world.of("a").since == since

    @pytest.mark.parametrize("error", [ForbiddenError, NotFoundError, RefusedError, UpstreamError])
    def test_that_refuses_an_offer_which_it_told_is_believed_once_that_is_stale(
        self, world: World, error: type[SourceError]
    ) -> None:
        world.cloud.offers = {"a": FAILED}
        world.center.offers = {"a": LIVE}
        world.refresh(0)
        world.cloud.offers = {"a": error("passing")}
        for _ in range(2):
            assert world.refresh(HOUR / 2 - 1).up is False
            assert (world.shown(), world.reasons()) == ({"a": "cloud_partner failed"}, {"a": error.reason})
        world.refresh(2)
        assert (world.shown(), world.reasons()) == ({"a": "partner_center succeeded"}, {})
        world.cloud.offers = {"a": FAILED}
        world.refresh(0)
        assert world.shown() == {"a": "cloud_partner failed"}

    def test_that_told_an_offer_never_only_lists_it(self, world: World) -> None:
        """One 404 on its submissions says nothing about that; not even when it is stale and others list it, too."""
        world.center.offers = {"a": FAILED}
        world.ingestion.does_not_serve("a")
        world.refresh(0)
        since = world.of("a").since
        world.center.does_not_serve("a")
        for later in (60, HOUR):
            world.refresh(later)
            assert (world.shown(), world.reasons()) == ({"a": "partner_center failed"}, {"a": "not_found"})
            assert world.of("a").last_success == NOW
        world.center.offers = {"a": FAILED}
        assert world.refresh(0).up
        assert world.of("a").since == since

    @pytest.mark.parametrize("later", [60, HOUR, 100 * HOUR])
    def test_does_not_lose_what_others_only_list(self, world: World, later: float) -> None:
        """An entry in a list never takes the place of what was told."""
        world.center.does_not_serve("vm")
        world.ingestion.offers = {"vm": RUNNING}
        world.refresh(0)
        world.ingestion.refusal = ForbiddenError("no longer")
        world.refresh(later)
        assert (world.shown(), world.reasons()) == ({"vm": "product_ingestion running"}, {"vm": "forbidden"})

    def test_whose_good_list_lacks_an_offer_leaves_it_to_the_others(self, world: World) -> None:
        """At once to one that tells it, and to one that only lists it when what was told is stale."""
        world.cloud.offers = {"a": RUNNING, "b": RUNNING}
        world.center.offers = {"a": LIVE}
        world.center.does_not_serve("b")
        world.refresh(0)
        world.cloud.offers = {}
        world.refresh(60)
        assert world.told_by() == {"a": "partner_center", "b": "cloud_partner"}
        assert world.reasons() == {"b": "not_found"}
        world.refresh(HOUR)
        assert (world.told_by(), world.reasons()) == ({"a": "partner_center", "b": "partner_center"}, {})

    def test_with_a_good_list_forgets_what_is_not_in_it(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.center.offers = {"b": RUNNING}
        world.refresh(0)
        world.cloud.refusal = UpstreamError("down")
        world.center.offers = {"c": RUNNING}
        world.refresh(0)
        assert set(world.told_by()) == {"a", "c"}

    def test_all_of_them_delete_nothing(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.center.offers = {"b": RUNNING}
        world.refresh(0)
        for one in (world.cloud, world.center, world.ingestion):
            one.refusal = CredentialError("expired")
        record = world.refresh(0)
        assert world.reasons() == {"a": "credential", "b": "credential"}
        assert record.listed == 2
        assert set(world.sources().values()) == {"credential"}
        assert record.failure is not None
        assert record.failure.text == ("cloud_partner: expired; partner_center: expired; product_ingestion: expired")


class TestNotAvailableHere:
    """Sources that the settings do not name, and that refuse from the start."""

    @pytest.fixture(autouse=True)
    def _unnamed(self, world: World) -> None:
        world.unnamed_sources()
        world.cloud.offers = {"a": RUNNING}

    def expected(self, world: World) -> list[str]:
        return [one.source for one in world.record.sources if one.is_expected]

    @pytest.mark.parametrize("error", [CredentialError, ForbiddenError, NotFoundError])
    def test_is_no_failure(self, world: World, error: type[SourceError]) -> None:
        world.center.refusal = error("not for you")
        with capture_logs() as logs:
            for _ in range(2):
                assert world.refresh().up
        assert world.sources() == {"cloud_partner": "up", "partner_center": error.reason, "product_ingestion": "up"}
        assert self.expected(world) == ["cloud_partner", "product_ingestion"]
        assert (world.counted(), world.record.missing) == ({}, ())
        told = [one for one in logs if one["event"] == "source not available here, which is no failure"]
        assert [(one["source"], one["error"]) for one in told] == [("partner_center", "not for you")]

    def test_not_while_it_fails_otherwise(self, world: World) -> None:
        """An outage is none of a source that was never there, and one of a source that has never refused."""
        world.center.refusal, world.ingestion.refusal = UpstreamError("down"), ForbiddenError("no")
        assert world.refresh().up is False
        assert self.expected(world) == ["cloud_partner", "partner_center"]
        assert world.record.missing == ("partner_center",)
        world.center.refusal, world.ingestion.refusal = None, UpstreamError("down")
        assert world.refresh().up
        assert self.expected(world) == ["cloud_partner", "partner_center"]

    def test_not_if_it_was_ever_read(self, world: World) -> None:
        world.refresh()
        world.center.refusal = ForbiddenError("no longer")
        world.unnamed_sources()  # as after a restart, with the state file
        assert world.refresh().up is False
        assert self.expected(world) == list(world.sources())

    def test_not_if_no_other_can_be_read(self, world: World) -> None:
        for one in (world.cloud, world.center, world.ingestion):
            one.refusal = CredentialError("expired")
        record = world.refresh()
        assert record.failure is not None
        assert record.failure.text == "cloud_partner: expired; partner_center: expired; product_ingestion: expired"
        assert world.counted() == {"credential": 3}
        assert self.expected(world) == list(world.sources())

    def test_until_it_can_be_read(self, world: World) -> None:
        world.center.refusal = ForbiddenError("not yet")
        world.refresh()
        world.center.refusal = None
        world.refresh()
        assert self.expected(world) == list(world.sources())
        world.center.refusal = ForbiddenError("no longer")
        assert world.refresh().up is False

    def test_until_the_settings_name_it(self, world: World) -> None:
        world.center.refusal = ForbiddenError("not for you")
        world.refresh()
        world.all_sources()
        assert self.expected(world) == list(world.sources())
        assert world.refresh().up is False

    def test_it_is_not_asked_for_named_offers_without_a_token(self, world: World) -> None:
        world.unnamed_sources("a", "b")
        world.cloud.offers = {"b": RUNNING}
        world.center.refusal, world.center.hidden = CredentialError("no such scope"), {"a": RUNNING}
        world.refresh()
        assert (world.reasons(), world.center.ids()) == ({"a": "not_found"}, [])

    def test_it_is_available_once_it_tells_a_named_offer(self, world: World) -> None:
        world.unnamed_sources("a", "b")
        world.center.refusal, world.center.hidden = ForbiddenError("no lists for you"), {"b": RUNNING}
        assert world.refresh().up
        assert self.expected(world) == list(world.sources())


class TestNamedOffers:
    @pytest.fixture(autouse=True)
    def _named(self, world: World) -> None:
        world.all_sources("a", "b")

    def test_nothing_else_is_asked_for(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING, "x": RUNNING}
        world.center.offers = {"b": RUNNING, "y": RUNNING}
        world.refresh(0)
        assert world.told_by() == {"a": "cloud_partner", "b": "partner_center"}

    def test_a_source_whose_list_is_forbidden_may_tell_them(self, world: World) -> None:
        world.cloud.refusal = ForbiddenError("no lists for you")
        world.cloud.hidden = {"a": RUNNING}
        world.center.offers = {"b": RUNNING}
        record = world.refresh(0)
        assert world.told_by() == {"a": "cloud_partner", "b": "partner_center"}
        assert record.up
        assert world.sources()["cloud_partner"] == "up"

    def test_a_source_that_is_forbidden_as_a_whole_leaves_them_to_the_next(self, world: World) -> None:
        world.cloud.refusal = ForbiddenError("nothing for you")
        world.cloud.hidden = dict.fromkeys(("a", "b"), ForbiddenError("nothing for you"))
        world.center.offers = {"a": RUNNING, "b": RUNNING}
        world.refresh(0)
        assert world.told_by() == {"a": "partner_center", "b": "partner_center"}
        assert world.reasons() == {}
        assert world.sources()["cloud_partner"] == "forbidden"

    def test_one_that_no_list_has_is_looked_for_everywhere(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.ingestion.hidden = {"b": RUNNING}
        world.refresh(0)
        assert world.told_by() == {"a": "cloud_partner", "b": "product_ingestion"}

    def test_one_that_a_list_has_is_not_looked_for_elsewhere(self, world: World) -> None:
        world.cloud.offers = {"a": NotFoundError("gone"), "b": RUNNING}
        world.refresh(0)
        assert world.reasons() == {"a": "not_found"}
        assert world.center.asked == world.ingestion.asked == []

    def test_one_that_nobody_knows_is_a_failure(self, world: World) -> None:
        world.cloud.offers = {"a": RUNNING}
        world.refresh(0)
        assert world.reasons() == {"b": "not_found"}

    def test_a_source_is_told_only_what_it_told_itself(self, world: World) -> None:
        world.center.hidden = {"a": OfferStatus.NEVER_PUBLISHED, "b": RUNNING}
        world.refresh(0)
        world.refresh(0)
        assert {one.told for one in world.cloud.asked} == {None}
        assert {one.told.source for one in world.center.asked[2:] if one.told} == {"partner_center"}


def test_publishers_that_share_an_account_are_told_so(world: World) -> None:
    """Nothing that the account lists could be shown under the name of both."""
    with capture_logs() as logs:
        world.run(*unnamed("contoso", "fabrikam"))
    assert [one["publisher_id"] for one in logs] == ["contoso", "fabrikam"]
    assert "publishers[].offers" in logs[0]["remedy"]
    world.refresh()
    assert list(world.sources()) == ["cloud_partner"]


def test_adopts_only_sources_that_are_still_in_use(world: World) -> None:
    world.refresh(0)
    assert len(world.record.sources) == 3
    world.run(PublisherSettings(id="contoso", sources=("partner_center",)))
    assert [one.source for one in world.record.sources] == ["partner_center"]


def test_sources_are_worked_off_side_by_side(world: World) -> None:
    """A source that hangs, and all its workers with it, leaves no offer of another one without data."""
    release = threading.Event()

    def hang() -> Offer:
        release.wait(10)
        return world.cloud.offer("x", RUNNING)

    world.all_sources(timeout="300ms")
    world.cloud.offers = {f"slow-{number}": hang for number in range(20)}
    world.center.offers = {f"quick-{number}": RUNNING for number in range(20)}
    world.refresh(0)
    release.set()
    assert {one for one, reason in world.reasons().items() if reason == "deadline"} == set(world.cloud.offers)


class TestProbes:
    def probe(self, world: World, target: str, source: str | None = None) -> str:
        assert world.engine is not None
        record = world.engine.prober.probe(target, source).result(10)
        return record.offer.source if record.offer else f"failed: {record.failure.reason}" if record.failure else ""

    def test_ask_the_source_that_they_name(self, world: World) -> None:
        for source in (world.cloud, world.center, world.ingestion):
            source.offers = {"a": RUNNING}
            assert self.probe(world, "contoso/a", source.name) == source.name

    def test_ask_the_source_that_told_the_offer_last_else_the_preferred_one(self, world: World) -> None:
        world.center.does_not_serve("vm")
        world.ingestion.offers = {"vm": RUNNING}
        world.cloud.hidden = {"vm": RUNNING}
        assert self.probe(world, "contoso/vm") == "cloud_partner"
        world.refresh(0)
        assert self.probe(world, "contoso/vm") == "product_ingestion"
        assert world.ingestion.asked[-1].listed is not None
        world.run(PublisherSettings(id="contoso", sources=("cloud_partner",)))
        assert self.probe(world, "contoso/vm") == "cloud_partner"

    def test_of_what_is_only_listed_fail(self, world: World) -> None:
        world.center.does_not_serve("vm")
        assert self.probe(world, "contoso/vm", "partner_center") == "failed: not_found"
