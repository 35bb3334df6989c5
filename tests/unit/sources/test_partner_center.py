"""The Partner Center submission API: from its bodies to an offer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.domain.errors import NotFoundError, RefusedError, UpstreamError
from exporter.domain.offers import Level, Message, Offer, OfferStatus, Step, StepStatus
from exporter.sources.base import Answer as Told
from exporter.sources.partner_center import TYPES, PartnerCenterSource
from exporter.sources.wire import MAX_MESSAGES, MAX_STEPS

from .canned import Answer, Bench, Canned

GUID = "11111111-2222-3333-4444-555555555555"
PRODUCTS = "/v1.0/ingestion/products"
SUBMISSIONS = f"{PRODUCTS}/{GUID}/submissions"
DETAILS = f"{SUBMISSIONS}/1152921500000000007"
NAMES = ("workflowdetails", "reports", "validations")
LISTED = Offer(
    "contoso", "gateway", OfferStatus.UNKNOWN, "partner_center", "Gateway", "AzureApplication", product_id=GUID
)


class Api(Bench):
    def put(self, *submissions: dict[str, Any]) -> None:
        self.canned.put(SUBMISSIONS, {"value": list(submissions)})

    def tell(self, *submissions: dict[str, Any], **query: Any) -> Offer:
        self.put(*submissions)
        return self.fetch(LISTED, **query)

    def steps(self, *workflows: dict[str, Any]) -> tuple[Step, ...]:
        self.canned.put(f"{DETAILS}/workflowdetails", {"value": list(workflows)})
        return self.tell(RUNNING).steps

    def lists(self, *products: dict[str, Any]) -> dict[str, Offer]:
        self.canned.put(PRODUCTS, {"value": list(products)})
        return self.list_offers()


@pytest.fixture
def api(server: Canned) -> Api:
    return Api(server, PartnerCenterSource)


def submission(number: int = 7, **fields: Any) -> dict[str, Any]:
    return {"id": str(1152921500000000000 + number), "releaseNumber": number} | fields


def pending(status: str, **fields: Any) -> dict[str, Any]:
    return {"pendingUpdateInfo": {"status": status} | fields}


def live(number: int = 6, **fields: Any) -> dict[str, Any]:
    return submission(number, state="Published", substate="InStore", **fields)


def workflow(target: str | None, *steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"type": "Push", "state": "InProgress", "targetEnvironment": target, "workflowSteps": list(steps)} | fields


DRAFT = submission(8, state="InProgress", substate="InDraft")
RUNNING = submission(state="InProgress", substate="Publishing")
FAILED = submission(state="InProgress", substate="Failed")


class TestStatus:
    @pytest.mark.parametrize(
        ("told", "status", "is_live"),
        [
            (("InProgress", "Submitted", None), "running", False),
            (("InProgress", "Publishing", None), "running", False),
            (("InProgress", "Failed", None), "failed", False),
            (("InProgress", "FailedInCertification", None), "failed", False),
            (("InProgress", "ReadyToPublish", None), "waiting_for_publisher_review", False),
            (("Published", "Published", None), "succeeded", True),
            (("published", "IN_STORE", None), "succeeded", True),
            (("Published", None, None), "succeeded", True),
            (("InProgress", "Published", None), "running", False),
            (("InProgress", "InStore", None), "running", False),
            (("InProgress", "Canceled", None), "canceled", False),
            (("InProgress", None, None), "unknown", None),
            (("InProgress", "Underwater", None), "unknown", None),
            (("Published", "完成", None), "unknown", None),
            # A pending update says more than the substate.
            (("InProgress", "InDraft", "Completed"), "never_published", False),
            (("InProgress", "InDraft", "Cancelled"), "never_published", False),
            (("InProgress", "InDraft", "PendingConfirmation"), "never_published", False),
            (("InProgress", "Submitted", "Failed"), "failed", False),
            (("InProgress", "Submitted", "Cancelled"), "canceled", False),
            (("InProgress", "ReadyToPublish", "Running"), "running", False),
            (("InProgress", "ReadyToPublish", "Cancelled"), "waiting_for_publisher_review", False),
        ],
    )
    def test_follows_state_substate_and_pending_update(
        self, api: Api, told: tuple[str, str | None, str | None], status: str, is_live: bool | None
    ) -> None:
        state, substate, update = told
        offer = api.tell(submission(state=state, substate=substate, pendingUpdateInfo={"status": update}))
        assert (offer.status, offer.live) == (status, is_live)
        assert api.values.noted == ([("offer_status", substate or state)] if status == "unknown" else [])

    def test_an_unknown_update_is_counted_and_changes_nothing(self, api: Api) -> None:
        assert api.tell(RUNNING | pending("Paused")).status is OfferStatus.RUNNING
        assert api.values.noted == [("offer_status", "pending update Paused")]

    @pytest.mark.parametrize("submissions", [[], [DRAFT, DRAFT]])
    def test_nothing_but_drafts_was_never_published(self, api: Api, submissions: list[dict[str, Any]]) -> None:
        assert api.tell(*submissions) == replace(LISTED, status=OfferStatus.NEVER_PUBLISHED, live=False)
        assert api.canned.paths() == [SUBMISSIONS]

    def test_of_a_draft_after_a_live_submission_needs_no_details(self, api: Api) -> None:
        offer = api.tell(DRAFT, live(7))
        assert (offer.status, offer.live, offer.version) == (OfferStatus.NOT_STARTED, True, 8)
        assert api.canned.paths() == [SUBMISSIONS]

    @pytest.mark.parametrize("substate", ["ReadyToPublish", "Failed", "Publishing"])
    def test_a_draft_hides_nothing_that_is_not_over(self, api: Api, substate: str) -> None:
        one = submission(7, state="InProgress", substate=substate)
        assert api.tell(DRAFT, one) == api.tell(one)

    def test_the_newest_by_release_number_then_by_id_counts_in_any_order(self, api: Api) -> None:
        newest = submission(10, state="InProgress", substate="Failed")
        without = ({**live(9), "releaseNumber": None}, {**newest, "releaseNumber": None})
        renumbered = (live(9) | {"id": "1152921500000000099"}, newest)
        for old, new in ((live(9), newest), without, renumbered):
            assert api.tell(new, old).status is api.tell(old, new).status is OfferStatus.FAILED
        assert api.tell(*without).version is None

    def test_live_and_failed_are_separate_facts(self, api: Api) -> None:
        offer = api.tell(live(5), live(6, publishedTimeInUtc="2026-01-05T10:00:00Z"), FAILED)
        assert (offer.status, offer.live, offer.live_since) == (OfferStatus.FAILED, True, 1767607200.0)

    def test_since_when_it_is_live_may_be_unknown(self, api: Api) -> None:
        offer = api.tell(live(publishedTimeInUtc="1601-01-01T00:00:00Z"))
        assert (offer.live, offer.live_since) == (True, None)


class TestSteps:
    def test_of_the_way_to_the_preview_come_before_those_to_live(self, api: Api) -> None:
        """Also where the workflow to live is told first, without a start."""
        done = {
            "name": "Automated validation",
            "state": "Success",
            "startDateTimeInUtc": "2026-01-05T10:00:00Z",
            "completeDateTimeInUtc": "2026-01-05T10:20:00.5",
        }
        begun = {"name": "Preview Creation", "state": "InProgress", "startDateTimeInUtc": "2026-01-05T10:20:01"}
        signoff = {"name": "Publisher Signoff", "state": "NotStarted"}
        to_live = workflow("Live", {"name": "Publish", "state": "NotStarted"})
        to_preview = workflow("Preview", done, begun, signoff, startDateTimeInUtc="2026-01-05T10:00:00")
        api.canned.put(f"{DETAILS}/workflowdetails", [to_live, to_preview])
        offer = api.tell(RUNNING)
        assert offer == replace(
            LISTED,
            status=OfferStatus.RUNNING,
            version=7,
            changed=1767608401.0,
            live=False,
            submission="1152921500000000007/inprogress/publishing/",
            steps=tuple(
                Step(step_id, name, status, started=started, completed=completed, tells_messages=False)
                for step_id, name, status, started, completed in (
                    ("preview-automated-validation", done["name"], StepStatus.COMPLETE, 1767607200.0, 1767608400.5),
                    ("preview-preview-creation", begun["name"], StepStatus.IN_PROGRESS, 1767608401.0, None),
                    ("preview-publisher-signoff", signoff["name"], StepStatus.NOT_STARTED, None, None),
                    ("live-publish", "Publish", StepStatus.NOT_STARTED, None, None),
                )
            ),
        )
        assert [one.name for one in offer.steps if one.is_signoff] == ["Publisher Signoff"]

    def test_of_other_ways_come_in_between(self, api: Api) -> None:
        step = {"name": "A", "state": "Running"}
        told = [None, *(workflow(one, step) for one in ("Live", "Sandbox", "Preview"))]
        steps = api.steps(*told)  # type: ignore[arg-type]  # one is no object
        assert [one.step_id for one in steps] == ["preview-a", "sandbox-a", "live-a"]
        assert api.odd() == {"entry": 1}

    @pytest.mark.parametrize(
        ("state", "status"),
        [
            ("Running", "in_progress"),
            ("Completed", "complete"),
            ("Succeeded", "complete"),
            ("Failed", "rejected"),
            ("Failure", "rejected"),
            ("WaitingForApproval", "waiting_for_approval"),
            ("Underwater", "unknown"),
            (7, "unknown"),
        ],
    )
    def test_have_free_states(self, api: Api, state: Any, status: str) -> None:
        assert [one.status for one in api.steps(workflow("preview", {"name": "A", "state": state}))] == [status]
        assert api.odd() == ({"step_status": 1} if status == "unknown" else {})

    def test_of_a_repeated_workflow_are_those_of_the_last_one(self, api: Api) -> None:
        first = workflow("preview", {"name": "A", "state": "Failed"}, startDateTimeInUtc="2026-01-05T10:00:00Z")
        again = workflow("preview", {"name": "A", "state": "Running"}, startDateTimeInUtc="2026-01-06T10:00:00Z")
        for told in ((first, again), (again, first)):
            assert [one.status for one in api.steps(*told)] == [StepStatus.IN_PROGRESS]

    def test_of_one_name_have_ids_of_their_own(self, api: Api) -> None:
        step = {"name": "Validation", "state": "Completed"}
        steps = api.steps(workflow(None, step, step, {"state": "Running"}, *[step] * MAX_STEPS))
        assert [one.step_id for one in steps[:4]] == ["validation", "validation-2", "step", "validation-3"]
        assert len(steps) == MAX_STEPS


class TestMessages:
    def test_are_the_reason_reports_and_findings_by_severity(self, api: Api) -> None:
        reports = [
            {"status": "Failed", "reportTimeInUtc": "2026-01-05T10:00:00Z", "fileUri": "https://x.test/?sig=secret"},
            {"status": "PassedWithNotes"},
            {"status": "Pending"},
            {"status": "Passed"},
            {"status": "Unknown"},
        ]
        findings = [
            {"errorCode": "E1", "severity": "Error", "message": "no logo", "resource": "listing"},
            {"severity": "Warning"},
            {"severity": "Informational", "message": "fine"},
        ]
        api.canned.put(f"{DETAILS}/reports", {"value": reports})
        api.canned.put(f"{DETAILS}/validations", {"value": findings})
        offer = api.tell(
            FAILED | {"substate": "InDraft"} | pending("Failed", failureReason="Active\nvalidation errors")
        )
        assert offer.status is OfferStatus.FAILED
        assert offer.messages == (
            Message(Level.ERROR, "Submission failed: Active validation errors"),
            Message(Level.ERROR, "Certification report: Failed", 1767607200.0),
            Message(Level.WARNING, "Certification report: PassedWithNotes"),
            Message(Level.INFORMATION, "Certification report: Pending"),
            Message(Level.INFORMATION, "Certification report: Passed"),
            Message(Level.UNKNOWN, "Certification report: Unknown"),
            Message(Level.ERROR, "E1: no logo"),
            Message(Level.WARNING),
            Message(Level.INFORMATION, "fine"),
        )
        assert api.odd() == {}

    def test_have_no_reason_of_an_update_that_did_not_fail(self, api: Api) -> None:
        assert api.tell(RUNNING | pending("Running", failureReason="of the last time")).messages == ()

    def test_of_unknown_severity_are_counted(self, api: Api) -> None:
        api.canned.put(f"{DETAILS}/reports", {"value": [{"status": "Underwater"}]})
        api.canned.put(f"{DETAILS}/validations", {"value": [{"severity": "Grave"}]})
        assert [one.level for one in api.tell(RUNNING).messages] == [Level.UNKNOWN, Level.UNKNOWN]
        assert api.odd() == {"message_level": 2}

    def test_are_all_counted_but_not_all_kept(self, api: Api) -> None:
        api.canned.put(f"{DETAILS}/validations", {"value": [{"severity": "Error", "message": "x"}] * 60})
        assert [one.html for one in api.tell(RUNNING).messages] == ["x"] * MAX_MESSAGES + [""] * (60 - MAX_MESSAGES)


STEP = Step("live-certification", "Certification", StepStatus.REJECTED, tells_messages=False)
REPORT = Message(Level.ERROR, "Certification report: Failed")
FINDING = Message(Level.ERROR, "E1: no logo")
BEFORE = replace(
    LISTED,
    status=OfferStatus.FAILED,
    version=7,
    live=False,
    steps=(STEP,),
    messages=(REPORT, FINDING),
    submission="1152921500000000007/inprogress/failed/",
)


class TestDetails:
    def put(self, api: Api, *answers: Any) -> None:
        api.put(FAILED)
        for name, answer in zip(NAMES, answers, strict=True):
            api.canned.put(f"{DETAILS}/{name}", answer)

    def good(self) -> list[Any]:
        return [
            [workflow("Live", {"name": "Certification", "state": "Failed"})],
            [{"status": "Failed"}],
            [{"errorCode": "E1", "severity": "Error", "message": "no logo"}],
        ]

    def test_are_read_anew(self, api: Api) -> None:
        self.put(api, *self.good())
        told = replace(BEFORE, steps=(), messages=())
        for query in ({}, {"told": told}, {"told": None, "may_reuse": True}):
            assert api.ask(LISTED, **query) == Told(BEFORE)

    @pytest.mark.parametrize("missing", range(3))
    @pytest.mark.parametrize(("answer", "reason"), [(Answer("x", 404), "not_found"), (Answer(b"<html>"), "decode")])
    def test_that_cannot_be_read_are_as_they_were(self, api: Api, missing: int, answer: Answer, reason: str) -> None:
        answers = self.good()
        answers[missing] = answer
        self.put(api, *answers)
        told = api.ask(LISTED, told=BEFORE)
        assert told.offer == BEFORE
        assert [one.reason for one in told.gaps] == [reason]

    def test_that_cannot_be_read_are_kept_while_the_submission_goes_on(self, api: Api) -> None:
        """Workflow details have been seen to be 404 just when a preview waits for the publisher."""
        answers = [Answer(status=404)] * 3
        self.put(api, *answers)
        api.put(submission(state="Published", substate="ReadyToPublish"))
        told = api.ask(LISTED, told=BEFORE)
        assert (told.offer.steps, told.offer.messages) == ((STEP,), (REPORT, FINDING))
        assert [type(one) for one in told.gaps] == [NotFoundError] * 3

    def test_that_were_told_of_another_submission_are_not_kept(self, api: Api) -> None:
        self.put(api, *[Answer(status=500)] * 3)
        for told in (None, replace(BEFORE, submission="1152921500000000006/inprogress/failed/")):
            answer = api.ask(LISTED, told=told, may_reuse=True)
            assert answer.offer == replace(BEFORE, steps=(), messages=())
            assert [type(one) for one in answer.gaps] == [UpstreamError] * 3

    @pytest.mark.parametrize("told", [None, replace(BEFORE, steps=(), messages=())])
    def test_that_never_were_there_are_no_gap(self, api: Api, told: Offer | None) -> None:
        api.put(FAILED)
        assert api.ask(LISTED, told=told) == Told(replace(BEFORE, steps=(), messages=()))

    def test_that_there_is_no_time_for_are_a_gap(self, api: Api) -> None:
        self.put(api, *self.good())
        api.canned.put(f"{DETAILS}/reports", Answer(status=429, headers={"Retry-After": "100"}))
        told = api.ask(LISTED, told=BEFORE)
        assert told.offer == BEFORE
        assert [one.reason for one in told.gaps] == ["throttled", "throttled"]

    def test_of_an_unchanged_submission_at_rest_need_not_be_asked_for(self, api: Api) -> None:
        api.put(FAILED)
        assert api.ask(LISTED, told=BEFORE, may_reuse=True) == Told(BEFORE)
        assert api.canned.paths() == [SUBMISSIONS]

    @pytest.mark.parametrize(
        "changed",
        [RUNNING, FAILED | pending("Completed"), live(7), submission(8, state="InProgress", substate="Failed")],
    )
    def test_of_a_changed_submission_are_asked_for(self, api: Api, changed: dict[str, Any]) -> None:
        api.put(changed)
        api.ask(LISTED, told=BEFORE, may_reuse=True)
        assert len(api.canned.asked) == 4

    def test_of_a_submission_without_an_id_cannot_be_asked_for(self, api: Api) -> None:
        offer = api.tell(FAILED | {"id": None}, told=BEFORE)
        assert (offer.status, offer.steps, offer.submission) == (OfferStatus.FAILED, (), "/inprogress/failed/")
        assert api.canned.paths() == [SUBMISSIONS]

    def test_of_a_submission_under_way_are_asked_every_time(self, api: Api) -> None:
        told = api.tell(RUNNING)
        api.tell(RUNNING, told=told, may_reuse=True)
        assert len(api.canned.asked) == 8


ENTRY = {"id": GUID, "externalIds": [{"type": "azureOfferId", "value": "gateway"}], "name": "Gateway"}
UNFILTERED = Answer('ICH50400 - Unable to complete request. {"data":{"ProductTypeFilter[0]":["invalid"]}}', 400)


class TestProducts:
    def test_of_other_stores_are_passed_over(self, api: Api) -> None:
        store = {"id": "1", "resourceType": "Game", "externalIDs": [{"type": "StoreId", "value": "9N"}]}
        offers = api.lists(store, ENTRY | {"externalIds": [None, *ENTRY["externalIds"]]})
        assert offers == {"gateway": replace(LISTED, offer_type="")}
        assert api.odd() == {"entry": 1}

    def test_without_any_id_are_noted(self, api: Api) -> None:
        assert api.lists({"id": GUID, "resourceType": "AzureApplication"}, ENTRY | {"id": None}) == {}
        assert api.odd() == {"offer_id": 2}

    def test_are_found_by_an_id_with_a_quote(self, api: Api) -> None:
        wanted = "externalIDs/Any(i:i/type eq 'AzureOfferId' and i/value eq 'o''brien')"
        entry = {"id": GUID, "externalIDs": [{"type": "AzureOfferId", "value": "o'brien"}]}
        api.canned.put(f"{PRODUCTS}?$filter={wanted}", {"value": [entry]})
        api.put(live())
        assert api.fetch(offer_id="o'brien").status is OfferStatus.SUCCEEDED

    def by_type(self, api: Api, **answers: Any) -> None:
        api.canned.put(PRODUCTS, UNFILTERED)
        for kind in TYPES:
            api.canned.put(f"{PRODUCTS}?$filter=resourceType eq '{kind}'", answers.get(kind, []))

    @pytest.mark.parametrize("said", ["ICH50400 - Unable.", "ProductTypeFilter[0] is invalid"])
    def test_are_asked_for_by_type_where_a_list_of_all_is_refused(self, api: Api, said: str) -> None:
        """A type that is not known there is left out."""
        other = ENTRY | {"externalIds": [{"type": "AzureOfferId", "value": "insights"}]}
        self.by_type(api, AzureApplication=[ENTRY], AzureContainer=UNFILTERED, SoftwareAsAService=[other])
        api.canned.put(PRODUCTS, Answer(said, 400))
        assert list(api.list_offers()) == ["gateway", "insights"]
        assert len(api.canned.asked) == 1 + len(TYPES)
        self.by_type(api, AzureApplication=[None, ENTRY])
        assert not api.source.list_offers("contoso", api.deadline()).is_whole

    @pytest.mark.parametrize(("status", "error"), [(400, RefusedError), (500, UpstreamError)])
    def test_of_which_one_type_fails_are_no_list(self, api: Api, status: int, error: type[Exception]) -> None:
        self.by_type(api, AzureApplication=[ENTRY], AzureContainer=Answer("Sorry", status))
        with pytest.raises(error, match="Sorry"):
            api.list_offers()

    def test_of_which_no_type_is_known_are_no_list(self, api: Api) -> None:
        self.by_type(api, **dict.fromkeys(TYPES, UNFILTERED))
        with pytest.raises(RefusedError, match="ICH50400"):
            api.list_offers()
