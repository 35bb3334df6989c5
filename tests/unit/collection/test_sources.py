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
    UpstreamError,
)
from exporter.domain.offers import Offer, OfferStatus
from tests.unit.collection.world import LISTED, LISTED_FOR_NOW, World, unnamed
from tests.unit.make import NOW

RUNNING, LIVE, FAILED = OfferStatus.RUNNING, OfferStatus.SUCCEEDED, OfferStatus.FAILED
HOUR = 3600
FORBIDDEN, GONE, DOWN = ForbiddenError("not for you"), NotFoundError("none here"), UpstreamError("down")
EXPIRED, LATE, REFUSED = CredentialError("expired"), DeadlineError("too late"), RefusedError("conflict")


@pytest.fixture(autouse=True)
def _three_sources(world: World) -> None:
    world.all_sources()


class TestWhoTells:
    def test_the_first_source_that_lists_the_offer(self, world: World) -> None:
        assert world.see(
            0, cloud={"a": RUNNING, "b": RUNNING}, center={"b": LIVE, "c": LIVE}, ingestion={"a": LIVE, "d": LIVE}
        ) == {"a": "cloud running", "b": "cloud running", "c": "center succeeded", "d": "ingestion succeeded"}
        assert (world.center.ids(), world.ingestion.ids()) == (["c"], ["d"])
        assert world.record.listed == 4
        assert world.record.sources == (
            SourceRecord("cloud_partner", ("a", "b"), NOW, is_complete=True),
            SourceRecord("partner_center", ("b", "c"), NOW, is_complete=True),
            SourceRecord("product_ingestion", ("a", "d"), NOW, is_complete=True),
        )

    def test_in_the_order_of_the_settings(self, world: World) -> None:
        world.run(PublisherSettings(id="contoso", sources=("product_ingestion", "cloud_partner")))
        world.center.refusal = AssertionError("not to be asked")
        assert world.see(cloud={"a": RUNNING}, ingestion={"a": LIVE}) == {"a": "ingestion succeeded"}
        assert [one.source for one in world.record.sources] == ["product_ingestion", "cloud_partner"]

    def test_the_next_if_the_first_does_not_serve_it(self, world: World) -> None:
        assert world.see(center={"vm": LISTED}, ingestion={"vm": RUNNING}) == {"vm": "ingestion running"}
        assert world.counted() == {}

    def test_nobody_and_it_is_shown_as_listed(self, world: World) -> None:
        assert world.see(center={"vm": LISTED}) == {"vm": "center listed"}
        assert world.counted() == {}

    def test_the_next_if_the_first_lists_it_and_does_not_know_it(self, world: World) -> None:
        assert world.see(cloud={"a": GONE}, center={"a": RUNNING}) == {"a": "center running"}

    def test_nobody_which_is_a_failure_where_there_is_no_next(self, world: World) -> None:
        assert world.see(cloud={"a": GONE}) == {"a": "(not_found)", "contoso": "not_found"}
        assert world.counted() == {"not_found": 1}

    def test_nobody_if_another_refuses_what_one_only_lists(self, world: World) -> None:
        seen = world.see(center={"vm": LISTED}, ingestion={"vm": FORBIDDEN})
        assert seen == {"vm": "(forbidden)", "contoso": "forbidden"}

    def test_the_next_while_one_that_never_told_it_fails(self, world: World) -> None:
        """One sick API costs only what it alone can tell; its failure is counted."""
        assert world.see(cloud={"a": DOWN}, center={"a": LIVE}) == {"a": "center succeeded"}
        assert world.counted() == {"upstream": 1}

    def test_what_is_only_listed_is_asked_for_again_unless_that_lasts(self, world: World) -> None:
        for _ in range(3):
            seen = world.see(center={"vm": LISTED, "saas": LISTED_FOR_NOW})
            assert seen == {"vm": "center listed", "saas": "center listed"}
        assert sorted(world.center.ids()) == ["saas", "saas", "saas", "vm"]

    def test_one_account_api_by_the_list_of_the_other(self, world: World) -> None:
        """The product's GUID is the same in both; a list that is not there must not hide what can be asked for."""
        seen = world.see(center={"vm": LISTED}, ingestion=(GONE, {"vm": RUNNING}))
        assert seen == {"vm": "ingestion running", "contoso": "not_found"}
        assert [one.listed.product_id for one in world.ingestion.asked if one.listed] == ["guid-of-vm"]

    def test_the_product_is_known_by_whichever_list_told_it_last(self, world: World) -> None:
        """The Cloud Partner API tells no GUIDs, and the page of an offer leads to its product."""
        for center in ({"a": RUNNING}, DOWN):
            assert world.see(cloud={"a": RUNNING}, center=center)["a"] == "cloud running"  # type: ignore[arg-type]  # the story is a parameter
            listed = world.of("a").listed
            assert listed is not None
            assert listed.product_id == "guid-of-a"


class TestOneSourceAsAWhole:
    @pytest.mark.parametrize("error", [FORBIDDEN, GONE, EXPIRED, DOWN, LATE, ZeroDivisionError("a bug")])
    def test_that_cannot_be_read_harms_no_other(self, world: World, error: Exception) -> None:
        reason = getattr(error, "reason", "internal")
        seen = world.see(cloud=error, center={"a": RUNNING})
        assert seen == {"a": "center running", "cloud": reason, "contoso": reason}
        assert world.record.failure is not None
        text = "unexpected ZeroDivisionError, see the log" if reason == "internal" else error
        assert world.record.failure.text == f"cloud_partner: {text}"
        assert (world.record.listed, world.counted()) == (1, {reason: 1})

    def test_keeps_what_it_told_and_when(self, world: World) -> None:
        world.see(0, cloud={"a": RUNNING}, center={"b": RUNNING})
        seen = world.see(60, cloud=DOWN, center={"b": LIVE})
        failed = {"cloud": "upstream", "contoso": "upstream"}
        assert seen == {"b": "center succeeded", "a": "cloud running (upstream)"} | failed
        assert world.record.listed == 2
        assert [(one.last_success, one.listed) for one in world.record.sources[:2]] == [(NOW, 1), (NOW + 60, 1)]

    @pytest.mark.parametrize("error", [FORBIDDEN, GONE, EXPIRED, DOWN])
    def test_keeps_its_offers_for_itself_while_they_are_fresh(self, world: World, error: DeadlineError) -> None:
        """Whatever the list fails for; afterwards another source may tell them, and what it tells alike has its time."""
        failed = {"cloud": error.reason, "contoso": error.reason}
        world.see(0, cloud={"a": FAILED}, center={"a": FAILED})
        since = world.of("a").since
        assert world.see(HOUR - 1, cloud=error) == {"a": f"cloud failed ({error.reason})"} | failed
        assert world.see(1) == {"a": "center failed"} | failed
        assert world.of("a").since == since

    @pytest.mark.parametrize("error", [FORBIDDEN, GONE, REFUSED, DOWN])
    def test_that_refuses_an_offer_which_it_told_is_believed_once_that_is_stale(
        self, world: World, error: DeadlineError
    ) -> None:
        world.see(0, cloud={"a": FAILED}, center={"a": LIVE})
        for _ in range(2):
            seen = world.see(HOUR / 2 - 1, cloud={"a": error})
            assert seen == {"a": f"cloud failed ({error.reason})", "contoso": error.reason}
        assert world.see(2) == {"a": "center succeeded"}
        assert world.see(cloud={"a": FAILED}) == {"a": "cloud failed"}

    def test_that_told_an_offer_never_only_lists_it(self, world: World) -> None:
        """One 404 on its submissions says nothing about that; not even when it is stale and others list it, too."""
        world.see(0, center={"a": FAILED}, ingestion={"a": LISTED})
        since = world.of("a").since
        for later in (60, HOUR):
            seen = world.see(later, center={"a": LISTED})
            assert seen == {"a": "center failed (not_found)", "contoso": "not_found"}
            assert world.of("a").last_success == NOW
        assert world.see(center={"a": FAILED}) == {"a": "center failed"}
        assert world.of("a").since == since

    @pytest.mark.parametrize("later", [60, HOUR, 100 * HOUR])
    def test_does_not_lose_what_others_only_list(self, world: World, later: float) -> None:
        """An entry in a list never takes the place of what was told."""
        world.see(center={"vm": LISTED}, ingestion={"vm": RUNNING})
        failed = {"ingestion": "forbidden", "contoso": "forbidden"}
        assert world.see(later, ingestion=FORBIDDEN) == {"vm": "ingestion running (forbidden)"} | failed

    def test_whose_good_list_lacks_an_offer_leaves_it_to_the_others(self, world: World) -> None:
        """At once to one that tells it, and to one that only lists it when what was told is stale."""
        world.see(cloud={"a": RUNNING, "b": RUNNING}, center={"a": LIVE, "b": LISTED})
        seen = world.see(cloud={})
        assert seen == {"a": "center succeeded", "b": "cloud running (not_found)", "contoso": "not_found"}
        assert world.see(HOUR) == {"a": "center succeeded", "b": "center listed"}

    def test_with_a_good_list_forgets_what_is_not_in_it(self, world: World) -> None:
        world.see(cloud={"a": RUNNING}, center={"b": RUNNING})
        seen = world.see(cloud=DOWN, center={"c": RUNNING})
        assert {one for one in seen if len(one) == 1} == {"a", "c"}

    def test_all_of_them_delete_nothing(self, world: World) -> None:
        world.see(cloud={"a": RUNNING}, center={"b": RUNNING})
        assert world.see(cloud=EXPIRED, center=EXPIRED, ingestion=EXPIRED) == {
            "a": "cloud running (credential)",
            "b": "center running (credential)",
        } | dict.fromkeys(("cloud", "center", "ingestion", "contoso"), "credential")
        assert world.record.listed == 2
        assert world.record.failure is not None
        assert (
            world.record.failure.text == "cloud_partner: expired; partner_center: expired; product_ingestion: expired"
        )

    def test_that_hangs_with_all_its_workers_harms_no_other(self, world: World) -> None:
        release = threading.Event()

        def hang() -> Offer:
            release.wait(10)
            return world.cloud.offer("x", RUNNING)

        world.all_sources(timeout="1s")
        slow, quick = ([f"{kind}-{number}" for number in range(20)] for kind in ("slow", "quick"))
        seen = world.see(cloud=dict.fromkeys(slow, hang), center=dict.fromkeys(quick, RUNNING))
        release.set()
        in_vain, told = dict.fromkeys(slow, "(deadline)"), dict.fromkeys(quick, "center running")
        assert seen == in_vain | told | {"contoso": "deadline"}


class TestNotAvailableHere:
    """Sources that the settings do not name, and that refuse from the start."""

    @pytest.fixture(autouse=True)
    def _unnamed(self, world: World) -> None:
        world.unnamed_sources()
        world.cloud.offers = {"a": RUNNING}

    @pytest.mark.parametrize("error", [EXPIRED, FORBIDDEN, GONE])
    def test_is_no_failure(self, world: World, error: DeadlineError) -> None:
        with capture_logs() as logs:
            for _ in range(2):
                assert world.see(center=error) == {"a": "cloud running", "center": f"away, {error.reason}"}
        assert (world.counted(), world.record.missing) == ({}, ())
        told = [one for one in logs if one["event"] == "source not available here, which is no failure"]
        about = {"publisher_id": "contoso", "source": "partner_center", "reason": error.reason, "error": str(error)}
        assert [about.items() <= one.items() and "publishers[].sources" in one["remedy"] for one in told] == [True]

    def test_not_while_it_fails_otherwise(self, world: World) -> None:
        """An outage is none of a source that was never there, and one of a source that has never refused."""
        well = {"a": "cloud running"}
        seen = world.see(center=DOWN, ingestion=FORBIDDEN)
        assert seen == well | {"center": "upstream", "ingestion": "away, forbidden", "contoso": "upstream"}
        assert world.record.missing == ("partner_center",)
        assert world.see(center={}, ingestion=DOWN) == well | {"ingestion": "away, upstream"}

    def test_not_if_it_was_ever_read(self, world: World) -> None:
        world.see()
        world.unnamed_sources()  # as after a restart, with the state file
        failed = {"center": "forbidden", "contoso": "forbidden"}
        assert world.see(center=FORBIDDEN) == {"a": "cloud running"} | failed

    def test_not_if_no_other_can_be_read(self, world: World) -> None:
        failed = dict.fromkeys(("cloud", "center", "ingestion", "contoso"), "credential")
        assert world.see(cloud=EXPIRED, center=EXPIRED, ingestion=EXPIRED) == failed
        assert world.counted() == {"credential": 3}

    def test_until_it_can_be_read(self, world: World) -> None:
        well = {"a": "cloud running"}
        assert world.see(center=FORBIDDEN) == well | {"center": "away, forbidden"}
        assert world.see(center={}) == well
        assert world.see(center=FORBIDDEN) == well | {"center": "forbidden", "contoso": "forbidden"}

    def test_until_the_settings_name_it(self, world: World) -> None:
        world.see(center=FORBIDDEN)
        world.all_sources()
        assert [one.is_expected for one in world.record.sources] == [True] * 3
        assert world.see() == {"a": "cloud running", "center": "forbidden", "contoso": "forbidden"}

    def test_it_is_not_asked_for_named_offers_without_a_token(self, world: World) -> None:
        world.unnamed_sources("a", "b")
        seen = world.see(cloud={"b": RUNNING}, center=(EXPIRED, {"a": RUNNING}))
        failed = {"center": "away, credential", "contoso": "not_found"}
        assert seen == {"a": "(not_found)", "b": "cloud running"} | failed
        assert world.center.ids() == []

    def test_it_is_available_once_it_tells_a_named_offer(self, world: World) -> None:
        world.unnamed_sources("a", "b")
        seen = world.see(center=(FORBIDDEN, {"b": RUNNING}))
        assert seen == {"a": "cloud running", "b": "center running"}


class TestNamedOffers:
    @pytest.fixture(autouse=True)
    def _named(self, world: World) -> None:
        world.all_sources("a", "b")

    def test_nothing_else_is_asked_for(self, world: World) -> None:
        seen = world.see(cloud={"a": RUNNING, "x": RUNNING}, center={"b": RUNNING, "y": RUNNING})
        assert seen == {"a": "cloud running", "b": "center running"}

    def test_a_source_whose_list_is_forbidden_may_tell_them(self, world: World) -> None:
        seen = world.see(cloud=(FORBIDDEN, {"a": RUNNING}), center={"b": RUNNING})
        assert seen == {"a": "cloud running", "b": "center running"}

    def test_a_source_that_is_forbidden_as_a_whole_leaves_them_to_the_next(self, world: World) -> None:
        seen = world.see(cloud=(FORBIDDEN, {"a": FORBIDDEN, "b": FORBIDDEN}), center={"a": RUNNING, "b": RUNNING})
        assert seen == {"a": "center running", "b": "center running", "cloud": "forbidden"}

    def test_one_that_no_list_has_is_looked_for_everywhere(self, world: World) -> None:
        seen = world.see(cloud={"a": RUNNING}, ingestion=({}, {"b": RUNNING}))
        assert seen == {"a": "cloud running", "b": "ingestion running"}

    def test_one_that_a_list_has_is_not_looked_for_elsewhere(self, world: World) -> None:
        seen = world.see(cloud={"a": GONE, "b": RUNNING})
        assert seen == {"a": "(not_found)", "b": "cloud running", "contoso": "not_found"}
        assert world.center.asked == world.ingestion.asked == []

    def test_one_that_nobody_knows_is_a_failure(self, world: World) -> None:
        seen = world.see(cloud={"a": RUNNING})
        assert seen == {"a": "cloud running", "b": "(not_found)", "contoso": "not_found"}

    def test_a_source_is_told_only_what_it_told_itself(self, world: World) -> None:
        for _ in range(2):
            world.see(center=({}, {"a": OfferStatus.NEVER_PUBLISHED, "b": RUNNING}))
        assert {one.told for one in world.cloud.asked} == {None}
        assert {one.told.source for one in world.center.asked[2:] if one.told} == {"partner_center"}


def test_publishers_that_share_an_account_are_told_so(world: World) -> None:
    """Nothing that the account lists could be shown under the name of both."""
    with capture_logs() as logs:
        world.run(*unnamed("contoso", "fabrikam"))
    assert [one["publisher_id"] for one in logs] == ["contoso", "fabrikam"]
    assert "publishers[].offers" in logs[0]["remedy"]
    world.see()
    assert [one.source for one in world.record.sources] == ["cloud_partner"]
