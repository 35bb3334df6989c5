"""The Product Ingestion API: from its bodies to an offer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.domain.errors import DecodeError
from exporter.domain.offers import Offer, OfferStatus, Step, StepStatus
from exporter.sources.product_ingestion import ProductIngestionSource

from .canned import Bench, Canned

GUID = "11111111-2222-3333-4444-555555555555"
PRODUCT = "/rp/product-ingestion/product"
SUBMISSION = f"/rp/product-ingestion/submission/{GUID}"
LISTED = Offer("contoso", "gateway", OfferStatus.UNKNOWN, "product_ingestion", "Gateway", "x", product_id=GUID)
FIRST, SECOND, THIRD = 1152921500000000001, 1152921500000000002, 1152921500000000003

DRAFT = {"id": f"submission/{GUID}/0", "target": {"targetType": "draft"}}


def entry(target: str, number: int, outcome: str, day: int = 5, **fields: Any) -> dict[str, Any]:
    """Make an entry; `outcome` is the result of a completed one, else its status."""
    is_over = outcome not in {"notStarted", "running"}
    return {
        "id": f"submission/{GUID}/{number}",
        "target": {"targetType": target},
        "status": "completed" if is_over else outcome,
        "result": outcome if is_over else "pending",
        "created": f"2026-01-{day:02d}T10:00:00.0000000Z",
        "lifecycleState": "generallyAvailable",
    } | fields


class Api(Bench):
    def put(self, *entries: dict[str, Any]) -> None:
        self.canned.put(SUBMISSION, {"value": list(entries)})

    def tell(self, *entries: dict[str, Any]) -> Offer:
        self.put(*entries)
        return self.fetch(LISTED)

    def lists(self, *products: dict[str, Any]) -> dict[str, Offer]:
        self.canned.put(PRODUCT, {"value": list(products)})
        return self.list_offers()


@pytest.fixture
def api(server: Canned) -> Api:
    return Api(server, ProductIngestionSource)


def bare(target: str, outcome: str) -> dict[str, Any]:
    known = entry(target, 0, outcome)
    return {key: known[key] for key in ("target", "status", "result")}


OLD_LIVE = entry("live", FIRST, "succeeded", 1)
PREVIEW = entry("preview", SECOND, "succeeded")
WAITING = "waiting_for_publisher_review"
STORIES: dict[str, tuple[list[dict[str, Any]], str]] = {
    # Entries besides the draft; status, live, the steps preview and live. What is in answers.txt is not told again.
    "preview queued": ([entry("preview", SECOND, "notStarted")], "not_started, False, not_started, not_started"),
    "first time on the way to live": (
        [PREVIEW, entry("live", SECOND, "running", 6)],
        "running, False, complete, in_progress",
    ),
    "failed on the way to live": (
        [OLD_LIVE, PREVIEW, entry("live", SECOND, "failed", 6)],
        "failed, True, complete, rejected",
    ),
    "failed on the way to live, both made at once": (
        [entry("live", SECOND, "failed"), PREVIEW],
        "failed, False, complete, rejected",
    ),
    "live, the preview entry has its id and is younger": (
        [entry("preview", FIRST, "succeeded", 2), OLD_LIVE],
        "succeeded, True, complete, complete",
    ),
    "a preview of another id waits, whatever the times": (
        [entry("live", FIRST, "succeeded", 5), entry("preview", SECOND, "succeeded", 1)],
        f"{WAITING}, True, complete, {WAITING}",
    ),
    "ids that are the same as floats": (
        [entry("live", SECOND, "succeeded"), entry("preview", THIRD, "succeeded")],
        f"{WAITING}, True, complete, {WAITING}",
    ),
    "made at once, with ids that are the same as floats": (
        [entry("live", SECOND, "succeeded"), entry("live", THIRD, "failed")],
        "failed, True, complete, rejected",
    ),
    "anything that runs comes first, whatever the times": (
        [entry("preview", SECOND, "running", 1), entry("live", FIRST, "succeeded", 5)],
        "running, True, in_progress, not_started",
    ),
    "of two previews without ids and times the last of the answer": (
        [bare("live", "succeeded"), bare("preview", "failed"), bare("preview", "succeeded")],
        f"{WAITING}, True, complete, {WAITING}",
    ),
    "a preview before the live one, without ids and times": (
        [bare("preview", "succeeded"), bare("live", "succeeded")],
        "succeeded, True, complete, complete",
    ),
    "a clock of the API that is a year ahead": (
        [OLD_LIVE, entry("preview", SECOND, "failed", created="2028-02-01T00:00:00Z")],
        "failed, True, rejected, not_started",
    ),
    "one without a time is the oldest": (
        [entry("preview", THIRD, "failed", created="0001-01-01T00:00:00"), entry("live", FIRST, "succeeded")],
        "succeeded, True, complete, complete",
    ),
    "unknown result": ([entry("live", SECOND, "underwater")], "unknown, None, complete, unknown"),
    "unknown result beside a live one": (
        [OLD_LIVE, entry("preview", SECOND, "underwater")],
        "unknown, True, unknown, not_started",
    ),
    "canceled": ([entry("preview", SECOND, "canceled")], "canceled, False, canceled, not_started"),
    "canceled with two l": ([entry("preview", SECOND, "cancelled")], "canceled, False, canceled, not_started"),
}


class TestStages:
    @pytest.mark.parametrize("story", STORIES)
    def test_tell_status_live_and_steps(self, api: Api, story: str) -> None:
        entries, expected = STORIES[story]
        offer = api.tell(DRAFT, *entries)
        draft, *others = offer.steps
        assert ", ".join(map(str, (offer.status, offer.live, *(one.status for one in others)))) == expected
        assert draft.status is StepStatus.COMPLETE
        assert api.odd().get("offer_status", 0) == ("unknown" in story)

    def test_do_not_depend_on_the_order_of_the_entries(self, api: Api) -> None:
        for entries in (entries for story, (entries, _) in STORIES.items() if "without ids" not in story):
            assert api.tell(DRAFT, *entries) == api.tell(*reversed([DRAFT, *entries]))

    def test_of_other_kinds_are_passed_over(self, api: Api) -> None:
        """Those that are unknown are counted."""
        others = [entry(one, THIRD, "failed") for one in ("flight", "sandbox", "certification", "retail", "orbit")]
        assert api.tell(DRAFT, *others, OLD_LIVE).status is OfferStatus.SUCCEEDED
        assert api.values.noted == [("target", "orbit")]

    def test_have_no_messages_and_no_times_of_their_own(self, api: Api) -> None:
        """`created` tells when the submission was made, not when anything went live or ended."""
        offer = api.tell(DRAFT, OLD_LIVE, entry("preview", SECOND, "running", 7))
        assert offer == replace(
            LISTED,
            status=OfferStatus.RUNNING,
            changed=1767780000.0,
            steps=(
                Step("draft", "Draft", StepStatus.COMPLETE, tells_messages=False),
                Step("preview", "Preview", StepStatus.IN_PROGRESS, tells_messages=False),
                Step("live", "Live", StepStatus.NOT_STARTED, tells_messages=False),
            ),
            live=True,
            submission=f"{SECOND}/preview/running/pending",
            lifecycle="generally_available",
            tells_messages=False,
        )

    def test_that_were_canceled_are_gone(self, api: Api) -> None:
        """What is left is all there is, although something newer was told before."""
        api.put(DRAFT)
        told = replace(LISTED, submission=f"{SECOND}/preview/running/pending")
        assert api.fetch(LISTED, told=told).status is OfferStatus.NEVER_PUBLISHED

    def test_without_a_status_decide_nothing(self, api: Api) -> None:
        api.put(OLD_LIVE, entry("preview", SECOND, "succeeded", 7, result=None))
        with pytest.raises(DecodeError, match="the newest has no status"):
            api.fetch(LISTED)


class TestDeprecation:
    @pytest.mark.parametrize(
        ("schedule", "is_live", "odd"),
        [
            ({"date": "2027-01-16", "reason": "endOfSupport"}, True, {}),
            ({"date": "2027-01-15T23:00:00Z", "reason": "other"}, False, {}),
            ({"date": "9999-12-31T23:59:59.9999999Z"}, True, {}),
            ({"dateOffset": "P30D"}, None, {}),
            (None, None, {}),
            ({"date": "soon"}, None, {"timestamp": 1}),
            ("tomorrow", None, {"entry": 1}),
        ],
    )
    def test_takes_an_offer_out_of_the_store_on_its_day(
        self, api: Api, schedule: Any, is_live: bool | None, odd: dict[str, float]
    ) -> None:
        offer = api.tell(OLD_LIVE | {"lifecycleState": "deprecated", "deprecationSchedule": schedule})
        assert (offer.status, offer.lifecycle, offer.live) == (OfferStatus.SUCCEEDED, "deprecated", is_live)
        assert api.odd() == odd

    def test_is_that_of_the_offer_on_sale(self, api: Api) -> None:
        offer = api.tell(OLD_LIVE, entry("preview", SECOND, "running", 7, lifecycleState="deprecated"))
        assert (offer.lifecycle, offer.live) == ("generally_available", True)
        assert api.tell(DRAFT | {"lifecycleState": "deprecated"}).lifecycle == ""

    def test_of_another_kind_is_counted(self, api: Api) -> None:
        assert api.tell(OLD_LIVE | {"lifecycleState": "resting"}).lifecycle == ""
        assert api.values.noted == [("lifecycle", "resting")]


class TestProducts:
    def test_are_listed(self, api: Api) -> None:
        product = {"id": f"product/{GUID}", "identity": {"EXTERNALID": "gateway"}, "type": "x", "alias": "Gateway"}
        gone = product | {"identity": {"externalId": "gone"}, "lifecycleState": "deleted"}
        assert api.lists(product, gone) == {"gateway": LISTED}
        assert api.odd() == {}

    @pytest.mark.parametrize("product_id", [None, "a/b/c", "product/..", {"id": 1}])
    def test_without_a_usable_id_are_noted(self, api: Api, product_id: Any) -> None:
        assert api.lists({"id": product_id, "identity": {"externalId": "gateway"}}) == {}
        assert api.odd() == {"offer_id": 1}

    def test_are_asked_for_in_the_wanted_version(self, server: Canned) -> None:
        api = Api(server, ProductIngestionSource, {"version": "2022-03-01-preview2"})
        api.lists()
        api.tell(DRAFT)
        assert [one.query for one in api.canned.asked] == ["$version=2022-03-01-preview2"] * 2
