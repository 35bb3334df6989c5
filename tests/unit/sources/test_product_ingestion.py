"""The Product Ingestion API: from its bodies to an offer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exporter.domain.errors import NotFoundError, RefusedError
from exporter.domain.offers import Offer, OfferStatus, Party, StepStatus
from exporter.sources.base import NotServedError
from exporter.sources.product_ingestion import ProductIngestionSource

from .canned import Answer, Bench, Canned, serving

GUID = "11111111-2222-3333-4444-555555555555"
PRODUCT = "/rp/product-ingestion/product"
SUBMISSION = f"/rp/product-ingestion/submission/{GUID}"
LISTED = Offer("contoso", "gateway", OfferStatus.UNKNOWN, "product_ingestion", "Gateway", "x", product_id=GUID)
FIRST, SECOND, THIRD = 1152921500000000001, 1152921500000000002, 1152921500000000003

DRAFT = {"id": f"submission/{GUID}/0", "product": f"product/{GUID}", "target": {"targetType": "draft"}}


def entry(target: str, number: int, outcome: str, day: int = 5, **fields: Any) -> dict[str, Any]:
    """Make an entry; `outcome` is the result of a completed one, else its status."""
    is_over = outcome in {"succeeded", "failed", "underwater"}
    return {
        "$schema": "https://schema.mp.microsoft.com/schema/submission/2022-03-01-preview2",
        "id": f"submission/{GUID}/{number}",
        "product": f"product/{GUID}",
        "target": {"targetType": target},
        "status": "completed" if is_over else outcome,
        "result": outcome if is_over else "pending",
        "created": f"2026-01-{day:02d}T10:00:00.0000000Z",
        "lifecycleState": "generallyAvailable",
    } | fields


@pytest.fixture(scope="module")
def server() -> Iterator[Canned]:
    with serving() as canned:
        yield canned


class Api:
    """The source over a canned API."""

    def __init__(self, canned: Canned, version: str = "2022-07-01") -> None:
        canned.asked.clear()
        canned._answers.clear()
        self.canned = canned
        self.bench = Bench(canned)
        client = self.bench.client(*ProductIngestionSource.operations)
        self.source = ProductIngestionSource(client, self.bench.telemetry, version)

    def fetch(self, *entries: dict[str, Any], listed: Offer | None = LISTED) -> Offer:
        if entries:
            self.canned.put(SUBMISSION, {"value": list(entries)})
        return self.source.fetch_offer("contoso", "gateway", listed, self.bench.deadline())

    def list_offers(self, *products: dict[str, Any]) -> tuple[Offer, ...]:
        self.canned.put(PRODUCT, {"value": list(products)})
        return self.source.list_offers("contoso", self.bench.deadline())

    def odd(self, field: str) -> float:
        return self.bench.counted("unknown_values_total", field=field)


@pytest.fixture
def api(server: Canned) -> Api:
    return Api(server)


OLD_LIVE = entry("live", FIRST, "succeeded", 1)
STORIES: dict[str, tuple[list[dict[str, Any]], str, bool | None, str, str]] = {
    # entries besides the draft, status, live, preview step, live step
    "nothing submitted": ([], "never_published", False, "not_started", "not_started"),
    "preview queued": ([entry("preview", SECOND, "notStarted")], "not_started", False, "not_started", "not_started"),
    "preview running": ([entry("preview", SECOND, "running")], "running", False, "in_progress", "not_started"),
    "preview failed": ([entry("preview", SECOND, "failed")], "failed", False, "rejected", "not_started"),
    "first preview waits for consent": (
        [entry("preview", SECOND, "succeeded")],
        "waiting_for_publisher_review",
        False,
        "complete",
        "waiting_for_publisher_review",
    ),
    "next preview waits for consent": (
        [OLD_LIVE, entry("preview", SECOND, "succeeded")],
        "waiting_for_publisher_review",
        True,
        "complete",
        "waiting_for_publisher_review",
    ),
    "next preview running": (
        [entry("preview", SECOND, "running"), OLD_LIVE],
        "running",
        True,
        "in_progress",
        "not_started",
    ),
    "next preview failed": ([OLD_LIVE, entry("preview", SECOND, "failed")], "failed", True, "rejected", "not_started"),
    "first time on the way to live": (
        [entry("preview", SECOND, "succeeded"), entry("live", SECOND, "running", 6)],
        "running",
        False,
        "complete",
        "in_progress",
    ),
    "two live entries while one replaces the other": (
        [OLD_LIVE, entry("preview", SECOND, "succeeded"), entry("live", SECOND, "running", 6)],
        "running",
        True,
        "complete",
        "in_progress",
    ),
    "failed on the way to live": (
        [OLD_LIVE, entry("preview", SECOND, "succeeded"), entry("live", SECOND, "failed", 6)],
        "failed",
        True,
        "complete",
        "rejected",
    ),
    "failed on the way to live, both made at once": (
        [entry("live", SECOND, "failed"), entry("preview", SECOND, "succeeded")],
        "failed",
        False,
        "complete",
        "rejected",
    ),
    "live, the preview entry is gone": ([OLD_LIVE], "succeeded", True, "complete", "complete"),
    "live, the preview entry has its id": (
        [entry("preview", FIRST, "succeeded", 1), OLD_LIVE],
        "succeeded",
        True,
        "complete",
        "complete",
    ),
    "live, the preview entry has its id and is younger": (
        [entry("preview", FIRST, "succeeded", 2), OLD_LIVE],
        "succeeded",
        True,
        "complete",
        "complete",
    ),
    "a preview of another id waits, whatever the times": (
        [entry("live", FIRST, "succeeded", 5), entry("preview", SECOND, "succeeded", 1)],
        "waiting_for_publisher_review",
        True,
        "complete",
        "waiting_for_publisher_review",
    ),
    "ids that are the same as floats": (
        [entry("live", SECOND, "succeeded"), entry("preview", THIRD, "succeeded")],
        "waiting_for_publisher_review",
        True,
        "complete",
        "waiting_for_publisher_review",
    ),
    "anything that runs comes first, whatever the times": (
        [entry("preview", SECOND, "running", 1), entry("live", FIRST, "succeeded", 5)],
        "running",
        True,
        "in_progress",
        "not_started",
    ),
    "made at once, with ids that are the same as floats": (
        [entry("live", SECOND, "succeeded"), entry("live", THIRD, "failed")],
        "failed",
        True,
        "complete",
        "rejected",
    ),
    "unknown result": ([entry("live", SECOND, "underwater")], "unknown", None, "complete", "unknown"),
    "unknown result beside a live one": (
        [OLD_LIVE, entry("preview", SECOND, "underwater")],
        "unknown",
        True,
        "unknown",
        "not_started",
    ),
    "canceled": (
        [entry("preview", SECOND, "failed", result="cancelled")],
        "canceled",
        False,
        "canceled",
        "not_started",
    ),
}


class TestStages:
    @pytest.mark.parametrize("story", STORIES)
    def test_tell_status_live_and_steps(self, api: Api, story: str) -> None:
        entries, status, live, preview_step, live_step = STORIES[story]
        offer = api.fetch(DRAFT, *entries)
        assert (offer.status, offer.live) == (status, live)
        draft_step = "complete" if entries else "not_started"
        assert [(one.step_id, str(one.status)) for one in offer.steps] == [
            ("draft", draft_step),
            ("preview", preview_step),
            ("live", live_step),
        ]
        assert api.odd("offer_status") == ("unknown" in story)

    def test_do_not_depend_on_the_order_of_the_entries(self, api: Api) -> None:
        for entries, *_ in STORIES.values():
            forth, back = api.fetch(DRAFT, *entries), api.fetch(*reversed([DRAFT, *entries]))
            assert forth == back

    def test_say_whose_turn_it_is(self, api: Api) -> None:
        assert api.fetch(DRAFT, entry("preview", SECOND, "succeeded")).waiting_on is Party.PUBLISHER
        assert api.fetch(DRAFT, entry("preview", SECOND, "running")).waiting_on is Party.MICROSOFT
        assert api.fetch(DRAFT, OLD_LIVE).waiting_on is Party.NOBODY

    def test_of_other_kinds_are_passed_over(self, api: Api) -> None:
        offer = api.fetch(DRAFT, entry("flight", THIRD, "failed"), entry("sandbox", THIRD, "running"), OLD_LIVE)
        assert offer.status is OfferStatus.SUCCEEDED
        assert api.odd("target") == 0

    def test_of_unknown_kinds_are_counted(self, api: Api) -> None:
        assert api.fetch(DRAFT, entry("orbit", THIRD, "failed"), OLD_LIVE).status is OfferStatus.SUCCEEDED
        assert api.odd("target") == 1

    def test_have_no_times_of_their_own(self, api: Api) -> None:
        """`created` tells when the submission was made, not when anything went live or ended."""
        offer = api.fetch(DRAFT, OLD_LIVE, entry("preview", SECOND, "running", 7))
        assert {(one.started, one.completed) for one in offer.steps} == {(None, None)}
        assert offer.live_since is None
        assert offer.changed == 1767780000.0

    def test_have_no_messages(self, api: Api) -> None:
        offer = api.fetch(DRAFT, OLD_LIVE)
        assert not offer.tells_messages
        assert not any(one.tells_messages for one in offer.steps)

    def test_are_read_from_a_bare_list_too(self, api: Api) -> None:
        api.canned.put(SUBMISSION, [DRAFT, OLD_LIVE])
        assert api.fetch().steps[-1].status is StepStatus.COMPLETE


class TestProducts:
    @pytest.mark.parametrize("key", ["externalId", "externalID", "externalid"])
    @pytest.mark.parametrize("host", ["schema.mp.microsoft.com", "product-ingestion.azureedge.net"])
    def test_are_read_in_every_spelling(self, api: Api, key: str, host: str) -> None:
        offers = api.list_offers(
            {
                "$schema": f"https://{host}/schema/product/2022-03-01-preview3",
                "id": f"product/{GUID}",
                "identity": {key: "gateway"},
                "type": "azureVirtualMachine",
                "alias": "Gateway",
            }
        )
        assert offers == (
            Offer(
                "contoso",
                "gateway",
                OfferStatus.UNKNOWN,
                "product_ingestion",
                "Gateway",
                "azureVirtualMachine",
                product_id=GUID,
            ),
        )

    @pytest.mark.parametrize("product_id", [None, "", "a/b/c", {"id": 1}])
    def test_without_a_usable_id_are_noted(self, api: Api, product_id: Any) -> None:
        assert api.list_offers({"id": product_id, "identity": {"externalId": "gateway"}}) == ()
        assert api.odd("offer_id") == 1

    def test_are_asked_for_in_the_wanted_version(self, server: Canned) -> None:
        api = Api(server, "2022-03-01-preview2")
        api.list_offers()
        api.fetch(DRAFT)
        assert [one.query for one in api.canned.asked] == ["$version=2022-03-01-preview2"] * 2

    def test_that_have_no_submissions_here_are_told_as_listed_only(self, api: Api) -> None:
        with pytest.raises(NotServedError) as caught:
            api.fetch()
        assert caught.value.listed.is_listed_only
        assert caught.value.listed.source == "product_ingestion"

    @pytest.mark.parametrize(
        ("kind", "error"), [("AzureApplication", NotServedError), ("azureVirtualMachine", RefusedError)]
    )
    def test_of_a_type_that_is_not_supported_may_be_refused(self, api: Api, kind: str, error: type[Exception]) -> None:
        api.canned.put(SUBMISSION, Answer({"error": {"code": "badRequest", "message": "unsupported"}}, 400))
        known = Offer("contoso", "gateway", OfferStatus.UNKNOWN, offer_type=kind, product_id=GUID)
        with pytest.raises(error):
            api.fetch(listed=known)

    def test_that_only_resemble_the_wanted_one_are_not_taken(self, api: Api) -> None:
        api.canned.put(PRODUCT, {"value": [{"id": f"product/{GUID}", "identity": {"externalId": "gateway-2"}}]})
        with pytest.raises(NotFoundError):
            api.fetch(listed=None)
