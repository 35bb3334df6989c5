"""The Partner Center submission API: from its bodies to an offer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exporter.domain.errors import NotFoundError, RefusedError, UpstreamError
from exporter.domain.offers import Level, Offer, OfferStatus, Party, StepStatus
from exporter.sources.base import NotServedError
from exporter.sources.partner_center import PartnerCenterSource

from .canned import Answer, Bench, Canned, serving

GUID = "11111111-2222-3333-4444-555555555555"
PRODUCTS = "/v1.0/ingestion/products"
SUBMISSIONS = f"{PRODUCTS}/{GUID}/submissions"
LISTED = Offer(
    "contoso", "gateway", OfferStatus.UNKNOWN, "partner_center", "Gateway", "AzureApplication", product_id=GUID
)


@pytest.fixture(scope="module")
def server() -> Iterator[Canned]:
    with serving() as canned:
        yield canned


class Api:
    """The source over a canned API."""

    def __init__(self, canned: Canned, rest: float = 0.0) -> None:
        canned.asked.clear()
        canned._answers.clear()
        self.canned = canned
        self.bench = Bench(canned)
        client = self.bench.client(*PartnerCenterSource.operations)
        self.source = PartnerCenterSource(client, self.bench.telemetry, rest)

    def fetch(self, *submissions: dict[str, Any], listed: Offer | None = LISTED) -> Offer:
        if submissions:
            self.canned.put(SUBMISSIONS, {"value": list(submissions)})
        return self.source.fetch_offer("contoso", "gateway", listed, self.bench.deadline())

    def list_offers(self, *products: dict[str, Any]) -> tuple[Offer, ...]:
        self.canned.put(PRODUCTS, {"value": list(products)})
        return self.source.list_offers("contoso", self.bench.deadline())

    def odd(self, field: str) -> float:
        return self.bench.counted("unknown_values_total", field=field)


@pytest.fixture
def api(server: Canned) -> Api:
    return Api(server)


def submission(number: int = 7, *, scope: str | None = "preview", **fields: Any) -> dict[str, Any]:
    targets = [{"type": "Scope", "value": scope}] if scope else []
    return {"id": str(1152921500000000000 + number), "releaseNumber": number, "targets": targets} | fields


def live(number: int = 6, **fields: Any) -> dict[str, Any]:
    return submission(number, scope="live", state="Published", substate="InStore", **fields)


class TestStatus:
    @pytest.mark.parametrize(
        ("scope", "fields", "status"),
        [
            ("preview", {"state": "InProgress", "substate": "Submitted"}, "running"),
            ("preview", {"state": "InProgress", "substate": "Publishing"}, "running"),
            ("live", {"state": "InProgress", "substate": "Publishing"}, "running"),
            ("preview", {"state": "InProgress", "substate": "Failed"}, "failed"),
            ("preview", {"state": "InProgress", "substate": "FailedInCertification"}, "failed"),
            ("preview", {"state": "InProgress", "substate": "ReadyToPublish"}, "waiting_for_publisher_review"),
            (None, {"state": "InProgress", "substate": "ReadyToPublish"}, "waiting_for_publisher_review"),
            ("live", {"state": "InProgress", "substate": "ReadyToPublish"}, "running"),
            ("preview", {"state": "Published", "substate": "Published"}, "waiting_for_publisher_review"),
            ("live", {"state": "Published", "substate": "Published"}, "succeeded"),
            ("live", {"state": "Published", "substate": "InStore"}, "succeeded"),
            ("live", {"state": "published", "substate": "IN_STORE"}, "succeeded"),
            ("live", {"state": "Published"}, "succeeded"),
            ("preview", {"state": "InProgress", "substate": "Cancelled"}, "canceled"),
            ("preview", {"state": "InProgress", "substate": "Canceled"}, "canceled"),
            ("preview", {"state": "InProgress"}, "unknown"),
            ("preview", {}, "unknown"),
        ],
    )
    def test_follows_the_substate_and_the_scope(
        self, api: Api, scope: str | None, fields: dict[str, Any], status: str
    ) -> None:
        assert api.fetch(submission(scope=scope, **fields)).status == status
        assert api.odd("offer_status") == (status == "unknown")

    @pytest.mark.parametrize(
        ("update", "status"),
        [("Failed", "failed"), ("Running", "running"), ("Completed", "waiting_for_publisher_review")],
    )
    def test_a_pending_update_says_more_than_the_substate(self, api: Api, update: str, status: str) -> None:
        pending = {"updateType": "Promote", "status": update}
        newest = submission(state="InProgress", substate="ReadyToPublish", pendingUpdateInfo=pending)
        assert api.fetch(newest).status == status

    def test_nothing_but_a_draft_was_never_published(self, api: Api) -> None:
        offer = api.fetch(submission(state="InProgress", substate="InDraft"))
        assert offer.status is OfferStatus.NEVER_PUBLISHED
        assert offer.live is False
        assert offer.steps == ()
        assert api.canned.paths() == [SUBMISSIONS]

    def test_no_submission_at_all_was_never_published(self, api: Api) -> None:
        api.canned.put(SUBMISSIONS, {"value": []})
        assert api.fetch().status is OfferStatus.NEVER_PUBLISHED

    def test_a_draft_after_a_live_submission_has_not_started(self, api: Api) -> None:
        offer = api.fetch(submission(8, state="InProgress", substate="InDraft"), live(7))
        assert (offer.status, offer.live, offer.version) == (OfferStatus.NOT_STARTED, True, 8)
        assert offer.waiting_on is Party.NOBODY

    @pytest.mark.parametrize("substate", ["ReadyToPublish", "Failed", "Publishing"])
    def test_a_draft_hides_nothing_that_is_not_over(self, api: Api, substate: str) -> None:
        draft = submission(8, state="InProgress", substate="InDraft")
        alone = api.fetch(submission(7, state="InProgress", substate=substate))
        assert api.fetch(draft, submission(7, state="InProgress", substate=substate)).status is alone.status

    def test_the_newest_by_release_number_counts_in_any_order(self, api: Api) -> None:
        newest = submission(10, state="InProgress", substate="Failed")
        assert api.fetch(newest, live(9)).status is OfferStatus.FAILED
        assert api.fetch(live(9), newest).status is OfferStatus.FAILED

    def test_without_release_numbers_the_ids_count_to_their_last_digit(self, api: Api) -> None:
        old, new = live(1), submission(2, state="InProgress", substate="Failed")
        del old["releaseNumber"], new["releaseNumber"]
        assert api.fetch(new, old).status is OfferStatus.FAILED
        assert api.fetch(old, new).version is None


class TestLive:
    def test_live_and_failed_are_separate_facts(self, api: Api) -> None:
        offer = api.fetch(
            live(6, publishedTimeInUtc="2026-01-05T10:00:00Z"), submission(7, state="InProgress", substate="Failed")
        )
        assert (offer.status, offer.live, offer.live_since) == (OfferStatus.FAILED, True, 1767607200.0)

    def test_a_preview_alone_is_not_live(self, api: Api) -> None:
        offer = api.fetch(
            submission(state="Published", substate="Published", publishedTimeInUtc="2026-01-05T10:00:00Z")
        )
        assert (offer.live, offer.live_since) == (False, None)

    def test_since_when_may_be_unknown(self, api: Api) -> None:
        offer = api.fetch(live())
        assert (offer.live, offer.live_since) == (True, None)

    def test_an_unknown_substate_may_be_live_or_not(self, api: Api) -> None:
        assert api.fetch(submission(scope="live", state="InProgress", substate="Underwater")).live is None


def workflow(target: str, *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "Publish", "state": "Running", "targetEnvironment": target, "workflowSteps": list(steps)} | fields


RUNNING = submission(7, state="InProgress", substate="Publishing")
DETAILS = f"{SUBMISSIONS}/1152921500000000007"


class TestSteps:
    def test_have_real_times(self, api: Api) -> None:
        done = {
            "name": "Certification",
            "state": "Completed",
            "startDateTimeInUtc": "2026-01-05T10:00:00Z",
            "completeDateTimeInUtc": "2026-01-05T10:20:00.5Z",
        }
        open_end = {"name": "Preview creation", "state": "Running", "startDateTimeInUtc": "2026-01-05T10:20:01Z"}
        api.canned.put(f"{DETAILS}/workflowdetails", {"value": [workflow("preview", done, open_end)]})
        offer = api.fetch(RUNNING)
        assert [(one.step_id, one.name, one.status, one.started, one.completed) for one in offer.steps] == [
            ("preview-certification", "Certification", StepStatus.COMPLETE, 1767607200.0, 1767608400.5),
            ("preview-preview-creation", "Preview creation", StepStatus.IN_PROGRESS, 1767608401.0, None),
        ]
        assert offer.changed == 1767608401.0

    @pytest.mark.parametrize(
        ("state", "status"),
        [
            ("NotStarted", "not_started"),
            ("Running", "in_progress"),
            ("InProgress", "in_progress"),
            ("Completed", "complete"),
            ("Succeeded", "complete"),
            ("Failed", "rejected"),
            ("Cancelled", "canceled"),
            ("Blocked", "blocked"),
            ("WaitingForApproval", "waiting_for_approval"),
        ],
    )
    def test_have_free_states_that_are_understood(self, api: Api, state: str, status: str) -> None:
        api.canned.put(f"{DETAILS}/workflowdetails", [workflow("preview", {"name": "Certification", "state": state})])
        assert [one.status for one in api.fetch(RUNNING).steps] == [status]
        assert api.odd("step_status") == 0

    @pytest.mark.parametrize("state", ["Underwater", None, 7])
    def test_have_free_states_that_are_not_understood(self, api: Api, state: Any) -> None:
        api.canned.put(f"{DETAILS}/workflowdetails", [workflow("preview", {"name": "Certification", "state": state})])
        assert [one.status for one in api.fetch(RUNNING).steps] == [StepStatus.UNKNOWN]
        assert api.odd("step_status") == 1

    def test_of_two_workflows_come_in_the_order_of_their_starts(self, api: Api) -> None:
        step = {"name": "Validation", "state": "Completed"}
        api.canned.put(
            f"{DETAILS}/workflowdetails",
            [
                workflow("live", step, startDateTimeInUtc="2026-01-06T10:00:00Z"),
                workflow("preview", step, startDateTimeInUtc="2026-01-05T10:00:00Z"),
            ],
        )
        assert [one.step_id for one in api.fetch(RUNNING).steps] == ["preview-validation", "live-validation"]

    def test_of_a_repeated_workflow_are_those_of_the_last_one(self, api: Api) -> None:
        api.canned.put(
            f"{DETAILS}/workflowdetails",
            [
                workflow("preview", {"name": "A", "state": "Running"}, startDateTimeInUtc="2026-01-06T10:00:00Z"),
                workflow("preview", {"name": "A", "state": "Failed"}, startDateTimeInUtc="2026-01-05T10:00:00Z"),
            ],
        )
        assert [one.status for one in api.fetch(RUNNING).steps] == [StepStatus.IN_PROGRESS]

    def test_of_a_repeated_workflow_stand_where_the_last_one_began(self, api: Api) -> None:
        api.canned.put(
            f"{DETAILS}/workflowdetails",
            [
                workflow("preview", {"name": "A", "state": "Failed"}, startDateTimeInUtc="2026-01-05T10:00:00Z"),
                workflow("live", {"name": "A", "state": "Running"}, startDateTimeInUtc="2026-01-06T10:00:00Z"),
                workflow("preview", {"name": "A", "state": "Running"}, startDateTimeInUtc="2026-01-07T10:00:00Z"),
            ],
        )
        assert [one.step_id for one in api.fetch(RUNNING).steps] == ["live-a", "preview-a"]

    def test_of_one_name_have_ids_of_their_own(self, api: Api) -> None:
        step = {"name": "Validation", "state": "Completed"}
        other = workflow("", step, step, {"state": "Running"}, targetEnvironment=None)
        api.canned.put(f"{DETAILS}/workflowdetails", [other])
        assert [one.step_id for one in api.fetch(RUNNING).steps] == ["validation", "validation-2", "step"]


class TestMessages:
    def test_are_reports_and_findings_by_severity(self, api: Api) -> None:
        reports = [
            {"status": "Failed", "reportTimeInUtc": "2026-01-05T10:00:00Z", "fileUri": "https://x.test/?sig=secret"},
            {"status": "PassedWithNotes"},
            {"status": "Pending"},
            {"status": "Unknown"},
        ]
        findings = [
            {"errorCode": "E1", "severity": "Error", "message": "no logo", "resource": "listing"},
            {"severity": "Warning"},
            {"severity": "Information", "message": "fine"},
        ]
        api.canned.put(f"{DETAILS}/reports", {"value": reports})
        api.canned.put(f"{DETAILS}/validations", {"value": findings})
        messages = api.fetch(RUNNING).messages
        assert [(one.level, one.html, one.timestamp) for one in messages] == [
            (Level.ERROR, "Certification report: Failed", 1767607200.0),
            (Level.WARNING, "Certification report: PassedWithNotes", None),
            (Level.INFORMATION, "Certification report: Pending", None),
            (Level.UNKNOWN, "Certification report: Unknown", None),
            (Level.ERROR, "E1: no logo", None),
            (Level.WARNING, "", None),
            (Level.INFORMATION, "fine", None),
        ]
        assert api.odd("message_level") == 0

    def test_of_unknown_severity_are_counted(self, api: Api) -> None:
        api.canned.put(f"{DETAILS}/reports", {"value": [{"status": "Underwater"}]})
        api.canned.put(f"{DETAILS}/validations", {"value": [{"severity": "Grave"}]})
        assert [one.level for one in api.fetch(RUNNING).messages] == [Level.UNKNOWN, Level.UNKNOWN]
        assert api.odd("message_level") == 2


class TestDetails:
    @pytest.mark.parametrize("status", [400, 404, 409])
    def test_that_do_not_exist_are_no_failure(self, api: Api, status: int) -> None:
        for one in ("workflowdetails", "reports", "validations"):
            api.canned.put(f"{DETAILS}/{one}", Answer("x", status))
        offer = api.fetch(RUNNING)
        assert (offer.status, offer.steps, offer.messages) == (OfferStatus.RUNNING, (), ())

    def test_that_cannot_be_had_are_one(self, api: Api) -> None:
        api.canned.put(f"{DETAILS}/workflowdetails", Answer("x", 500))
        with pytest.raises(UpstreamError):
            api.fetch(RUNNING)

    def test_of_a_submission_at_rest_are_asked_again_only_after_a_while(self, server: Canned) -> None:
        api = Api(server, rest=3600)
        api.canned.put(f"{SUBMISSIONS}/1152921500000000006/workflowdetails", [workflow("live", {"name": "Live"})])
        first = api.fetch(live())
        assert len(api.canned.asked) == 4
        assert api.fetch(live()) == first
        assert len(api.canned.asked) == 5
        api.fetch(live(publishedTimeInUtc="2026-01-05T10:00:00Z"))
        assert len(api.canned.asked) == 9
        api.bench.clock.now += 3600
        api.fetch(live(publishedTimeInUtc="2026-01-05T10:00:00Z"))
        assert len(api.canned.asked) == 13

    def test_of_a_submission_under_way_are_asked_every_time(self, server: Canned) -> None:
        api = Api(server, rest=3600)
        api.fetch(RUNNING)
        api.fetch(RUNNING)
        assert len(api.canned.asked) == 8


class TestProducts:
    def test_without_submissions_are_told_as_listed_only(self, api: Api) -> None:
        with pytest.raises(NotServedError) as caught:
            api.fetch()
        listed = caught.value.listed
        assert (listed.display_name, listed.offer_type, listed.product_id) == ("Gateway", "AzureApplication", GUID)
        assert listed.is_listed_only
        assert listed.waiting_on is Party.NOBODY

    def test_without_submissions_are_asked_again_only_after_a_while(self, server: Canned) -> None:
        api = Api(server, rest=3600)
        for expected in (1, 1):
            with pytest.raises(NotServedError):
                api.fetch()
            assert len(api.canned.asked) == expected
        api.bench.clock.now += 3600
        with pytest.raises(NotServedError):
            api.fetch()
        assert len(api.canned.asked) == 2

    @pytest.mark.parametrize(
        ("kind", "error"), [("AzureContainer", NotServedError), ("AzureApplication", RefusedError)]
    )
    def test_of_another_api_may_be_refused(self, api: Api, kind: str, error: type[Exception]) -> None:
        api.canned.put(SUBMISSIONS, Answer("not for this type", 400))
        known = Offer("contoso", "gateway", OfferStatus.UNKNOWN, offer_type=kind, product_id=GUID)
        with pytest.raises(error):
            api.fetch(listed=known)

    def test_of_other_stores_are_passed_over(self, api: Api) -> None:
        offers = api.list_offers(
            {"id": "1", "resourceType": "Game", "externalIDs": [{"type": "StoreId", "value": "9N"}]},
            {"id": GUID, "externalIds": [{"type": "azureOfferId", "value": "gateway"}], "name": "Gateway"},
        )
        assert [(one.offer_id, one.product_id) for one in offers] == [("gateway", GUID)]
        assert api.odd("offer_id") == 0

    def test_without_any_id_are_noted(self, api: Api) -> None:
        assert api.list_offers({"id": GUID, "resourceType": "AzureApplication"}) == ()
        assert api.odd("offer_id") == 1

    def test_are_found_by_an_id_with_a_quote(self, api: Api) -> None:
        wanted = "externalIDs/Any(i:i/type eq 'AzureOfferId' and i/value eq 'o''brien')"
        entry = {"id": GUID, "externalIDs": [{"type": "AzureOfferId", "value": "o'brien"}]}
        api.canned.put(f"{PRODUCTS}?$filter={wanted}", {"value": [entry]})
        api.canned.put(SUBMISSIONS, {"value": [live()]})
        offer = api.source.fetch_offer("contoso", "o'brien", None, api.bench.deadline())
        assert offer.status is OfferStatus.SUCCEEDED

    def test_that_only_resemble_the_wanted_one_are_not_taken(self, api: Api) -> None:
        entry = {"id": GUID, "externalIDs": [{"type": "AzureOfferId", "value": "gateway-2"}]}
        api.canned.put(PRODUCTS, {"value": [entry]})
        with pytest.raises(NotFoundError):
            api.fetch(listed=None)
