"""Each trap of the API's documentation, from a body to an offer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from exporter.domain.errors import DecodeError, ForbiddenError, NotFoundError
from exporter.domain.offers import Level, Offer, OfferStatus, Party, StepStatus
from exporter.sources.cloud_partner import MAX_MESSAGES, MAX_STEPS, CloudPartnerSource
from exporter.sources.deadline import Deadline
from exporter.sources.http import ApiClient
from exporter.telemetry.metrics import Telemetry
from tests.unit.make import Clock, offer

FIXTURES = Path(__file__).parent / "fixtures"


@dataclass
class FakeClient:
    """Answers with a body, or raises, and notes what it was asked."""

    answer: bytes | Exception = b"[]"
    asked: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)

    def get(self, operation: str, path: str, *, params: Mapping[str, str], deadline: Deadline) -> bytes:
        assert deadline.remaining() > 0
        self.asked.append((operation, path, params))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Api:
    """The source over a fake client."""

    def __init__(self) -> None:
        self.telemetry = Telemetry()
        self.client = FakeClient()
        self.source = CloudPartnerSource(cast("ApiClient", self.client), self.telemetry)
        self.deadline = Deadline(60, Clock())

    def status(self, body: Any, listed: Offer | None = None) -> Offer:
        self.client.answer = body if isinstance(body, bytes | Exception) else json.dumps(body).encode()
        return self.source.fetch_offer("contoso", "vm", listed, self.deadline)

    def offers(self, body: Any) -> tuple[Offer, ...]:
        self.client.answer = body if isinstance(body, bytes | Exception) else json.dumps(body).encode()
        return self.source.list_offers("contoso", self.deadline)

    def odd(self, name: str) -> float | None:
        return self.telemetry.registry.get_sample_value(
            "azure_marketplace_exporter_unknown_values_total", {"field": name}
        )


@pytest.fixture
def api() -> Api:
    return Api()


def test_documented_sample_is_a_decode_error(api: Api) -> None:
    """It lacks a quote and has a comma too many."""
    with pytest.raises(DecodeError, match=r"^the status of contoso/vm cannot be read: "):
        api.status((FIXTURES / "status_as_documented.txt").read_bytes())


def test_corrected_sample_is_read_completely(api: Api) -> None:
    """It contradicts itself (live is complete while certification has not started): all is taken as it stands."""
    shown = api.status((FIXTURES / "status_corrected.json").read_bytes())
    assert (shown.publisher_id, shown.offer_id, shown.source) == ("contoso", "vm", "cloud_partner")
    assert shown.status is OfferStatus.SUCCEEDED
    assert shown.messages == ()
    assert [(one.step_id, one.name, one.status, one.progress, one.estimated_time_frame) for one in shown.steps] == [
        ("displaydummycertify", "Check prerequisites", "complete", 1.0, "< 15 min"),
        ("displaycertify", "Certify", "not_started", 0.0, "~2-3 days"),
        ("displayprovision", "Provision", "not_started", 0.0, "< 1 day"),
        ("displaypackage", "Package", "not_started", 0.0, "< 1 hour"),
        ("publisher-signoff", "Publisher signoff", "complete", 0.0, "< 1 hour"),
        ("live", "Live", "complete", 0.0, "~2-5 days"),
    ]
    assert shown.steps[0].description == "The settings of the offer are looked at."
    (message,) = shown.steps[0].messages
    assert (message.level, message.html) == (Level.INFORMATION, "All settings are fine.")
    assert message.timestamp == pytest.approx(datetime(2018, 3, 16, 17, 50, 45, 721566, UTC).timestamp(), abs=1e-5)
    assert [one.step_id for one in shown.steps if one.is_signoff] == ["publisher-signoff"]
    assert shown.waiting_on is Party.NOBODY
    assert sum(api.odd(name) or 0 for name in ("offer_status", "step_status", "timestamp", "number", "step_id")) == 0


def test_what_is_asked(api: Api) -> None:
    api.offers([])
    api.status({"status": "running"})
    version = {"api-version": "2017-10-31"}
    assert api.client.asked == [
        ("list_offers", "/api/publishers/contoso/offers", version),
        ("offer_status", "/api/publishers/contoso/offers/vm/status", version),
    ]
    assert {operation for operation, *_ in api.client.asked} == set(CloudPartnerSource.operations)


@pytest.mark.parametrize(
    ("raw", "quoted"),
    [
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("a?b=c&d#e", "a%3Fb%3Dc%26d%23e"),
        ("50%", "50%25"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("a-b_c.d~e", "a-b_c.d~e"),
    ],
)
def test_ids_are_quoted(api: Api, raw: str, quoted: str) -> None:
    api.client.answer = b'{"status": "running"}'
    assert api.source.fetch_offer(raw, raw, None, api.deadline).key == (raw, raw)
    api.client.answer = b"[]"
    api.source.list_offers(raw, api.deadline)
    assert [path for _, path, _ in api.client.asked] == [
        f"/api/publishers/{quoted}/offers/{quoted}/status",
        f"/api/publishers/{quoted}/offers",
    ]


ENTRY: dict[str, Any] = {
    "offerTypeId": "microsoft-azure-virtualmachines",
    "publisherId": "contoso",
    "id": "my-vm",
    "status": "waitingForPublisherReview",
    "lockStatus": "none",
    "pcMigrationStatus": "migrated",
    "version": 636576975611768314,
    "definition": {"displayText": "My VM"},
    "changedTime": "2026-01-05T10:11:12.1234567Z",
}
LISTED = Offer(
    publisher_id="contoso",
    offer_id="my-vm",
    status=OfferStatus.WAITING_FOR_PUBLISHER_REVIEW,
    source="cloud_partner",
    display_name="My VM",
    offer_type="microsoft-azure-virtualmachines",
    version=636576975611768314,
    changed=pytest.approx(datetime(2026, 1, 5, 10, 11, 12, 123456, UTC).timestamp(), abs=1e-5),  # type: ignore[arg-type]
)


@pytest.mark.parametrize(
    "body",
    [
        [ENTRY],
        {"value": [ENTRY]},
        {"Value": [ENTRY], "@nextLink": None},
        [{key[0].upper() + key[1:]: value for key, value in ENTRY.items()}],
        [{key.upper(): value for key, value in ENTRY.items()}],
        [ENTRY | {"version": "636576975611768314"}],
    ],
    ids=["bare", "wrapped", "wrapped, other case", "pascal case", "upper case", "version as text"],
)
def test_list(api: Api, body: Any) -> None:
    assert api.offers(body) == (LISTED,)


@pytest.mark.parametrize("body", [[], {"value": []}])
def test_empty_list(api: Api, body: Any) -> None:
    assert api.offers(body) == ()


def test_fields_that_the_list_lacks(api: Api) -> None:
    """Nothing is made up: no version 0, no time 0; a status that is not told is unknown."""
    assert api.offers([{"id": "vm"}]) == (
        Offer("contoso", "vm", OfferStatus.UNKNOWN, "cloud_partner", version=None, changed=None),
    )
    assert api.offers(
        [{"id": "vm", "status": "running", "definition": None, "version": None, "changedTime": None}]
    ) == (Offer("contoso", "vm", OfferStatus.RUNNING, "cloud_partner"),)


def test_ids_that_are_missing_or_come_twice(api: Api) -> None:
    """The first of several wins; the others are counted."""
    body = [ENTRY, ENTRY | {"status": "failed"}, {"status": "running"}, {"id": ""}, {"id": None}, {"id": "other"}]
    assert [(one.offer_id, one.status) for one in api.offers(body)] == [
        ("my-vm", OfferStatus.WAITING_FOR_PUBLISHER_REVIEW),
        ("other", OfferStatus.UNKNOWN),
    ]
    assert api.odd("offer_id") == 4


def test_ids_in_different_case_are_different(api: Api) -> None:
    assert [one.offer_id for one in api.offers([{"id": "vm"}, {"id": "VM"}])] == ["vm", "VM"]


@pytest.mark.parametrize("offer_id", [".", ".."])
def test_ids_that_would_lead_elsewhere_in_the_path(api: Api, offer_id: str) -> None:
    assert api.offers([{"id": offer_id}]) == ()
    assert api.odd("offer_id") == 1


def test_status_outside_of_the_enumeration(api: Api) -> None:
    """The documentation's own list says `published`."""
    assert api.offers([ENTRY | {"status": "published"}])[0].status is OfferStatus.UNKNOWN
    assert api.status({"status": "Hibernating", "steps": [{"id": "a", "status": "Completed"}]}).status == "unknown"
    assert (api.odd("offer_status"), api.odd("step_status")) == (2, 1)


@pytest.mark.parametrize("raw", ["soon", 12, "2026-99-99T00:00:00Z"])
def test_odd_fields_of_the_list(api: Api, raw: Any) -> None:
    (shown,) = api.offers([ENTRY | {"changedTime": raw, "version": "v1"}])
    assert (shown.changed, shown.version) == (None, None)
    assert (api.odd("timestamp"), api.odd("number")) == (1, 1)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"error": {}}', b"[1]", b"null", b'[{"id": "a", "definition": "x"}]'])
def test_undecodable_list(api: Api, body: bytes) -> None:
    with pytest.raises(DecodeError, match=r"^the list of offers cannot be read: "):
        api.offers(body)


@pytest.mark.parametrize("wrapped", [False, True])
def test_status_bare_or_wrapped_in_an_array(api: Api, *, wrapped: bool) -> None:
    body = {"status": "Running", "steps": [{"id": "live", "stepName": "Live", "status": "InProgress"}]}
    shown = api.status([body] if wrapped else body)
    assert (shown.status, [one.status for one in shown.steps]) == (OfferStatus.RUNNING, [StepStatus.IN_PROGRESS])


@pytest.mark.parametrize("count", [0, 2])
def test_not_one_status(api: Api, count: int) -> None:
    with pytest.raises(DecodeError, match=f"is a list of {count} answers"):
        api.status([{"status": "running"}] * count)


@pytest.mark.parametrize(
    "body", [b"", b"null", b'"running"', b'{"steps": "none"}', b'{"steps": [1]}', b'{"messages": {}}']
)
def test_undecodable_status(api: Api, body: bytes) -> None:
    with pytest.raises(DecodeError, match=r"^the status of contoso/vm cannot be read: "):
        api.status(body)


def test_what_only_the_list_knows_is_kept(api: Api) -> None:
    shown = api.status({"status": "succeeded"}, offer(display_name="My VM", offer_type="vm", version=3, changed=5.0))
    assert (shown.display_name, shown.offer_type, shown.version, shown.changed) == ("My VM", "vm", 3, 5.0)
    assert shown.status is OfferStatus.SUCCEEDED


def test_an_offer_that_the_list_does_not_have(api: Api) -> None:
    assert api.status({"status": "running"}) == Offer("contoso", "vm", OfferStatus.RUNNING, "cloud_partner")


@pytest.mark.parametrize(
    ("fields", "progress"),
    [
        ({"progressPercentage": 40}, 0.4),
        ({"ProgressPercentage": 40}, 0.4),
        ({"processPercentage": 40}, 0.4),
        ({"progressPercentage": 40, "processPercentage": 90}, 0.4),
        ({"progressPercentage": None, "processPercentage": 90}, 0.9),
        ({"progressPercentage": 0, "processPercentage": 90}, 0.0),
        ({"progressPercentage": "40"}, 0.4),
        ({"progressPercentage": 12.5}, 0.125),
        ({"progressPercentage": 120}, 1.0),
        ({"progressPercentage": -5}, 0.0),
        ({"progressPercentage": 100}, 1.0),
        ({}, None),
    ],
)
def test_progress(api: Api, fields: dict[str, Any], progress: float | None) -> None:
    (step,) = api.status({"status": "running", "steps": [{"id": "a", "status": "inProgress", **fields}]}).steps
    assert step.progress == progress
    assert api.odd("number") == 0


@pytest.mark.parametrize("raw", ["forty", "40%", "", "NaN", "inf", [], {}, "1e999", 10**400])
def test_unreadable_progress(api: Api, raw: Any) -> None:
    (step,) = api.status({"steps": [{"id": "a", "status": "inProgress", "progressPercentage": raw}]}).steps
    assert step.progress is None
    assert api.odd("number") == 1


def test_progress_is_never_minus_zero(api: Api) -> None:
    (step,) = api.status(b'{"steps": [{"id": "a", "status": "inProgress", "progressPercentage": -0.0}]}').steps
    assert str(step.progress) == "0.0"


def test_steps_without_an_id_or_with_the_same(api: Api) -> None:
    """An id is made from the name, else from the place; a repeated one gets a number."""
    named = [
        {"id": "live", "stepName": "Live"},
        {"stepName": "Publisher signoff"},
        {},
        {"id": "live", "stepName": "Live again"},
        {"id": "live"},
        {"id": "live-2"},
    ]
    shown = api.status({"steps": [one | {"status": "complete"} for one in named]})
    ids = [one.step_id for one in shown.steps]
    assert ids == ["live", "publisher-signoff", "step-3", "live-2", "live-3", "live-2-2"]
    assert api.odd("step_id") == 3
    assert shown.steps[1].is_signoff


def test_steps_without_end(api: Api) -> None:
    shown = api.status({"steps": [{"id": "same", "status": "complete"}] * (MAX_STEPS + 50)})
    assert len({one.step_id for one in shown.steps}) == MAX_STEPS


def test_messages(api: Api) -> None:
    """Of the offer and of a step; all are counted, only the newest keep their text."""
    message = {"MessageHtml": "<b>no</b>", "Level": "Error", "Timestamp": "2026-01-05T10:11:12Z"}
    shown = api.status(
        {
            "status": "failed",
            "messages": [message, {"level": "shout", "timestamp": "now"}, {}],
            "steps": [{"id": "a", "status": "blocked", "messages": [message] * (MAX_MESSAGES + 2)}],
        }
    )
    moment = datetime(2026, 1, 5, 10, 11, 12, tzinfo=UTC).timestamp()
    assert [(one.level, one.html, one.timestamp) for one in shown.messages] == [
        (Level.ERROR, "<b>no</b>", moment),
        (Level.UNKNOWN, "", None),
        (Level.UNKNOWN, "", None),
    ]
    assert (api.odd("message_level"), api.odd("timestamp")) == (2, 1)
    (step,) = shown.steps
    assert [bool(one.html) for one in step.messages] == [False] * 2 + [True] * MAX_MESSAGES
    assert {one.level for one in step.messages} == {Level.ERROR}


def test_missing_fields_of_a_step(api: Api) -> None:
    (step,) = api.status({"status": "running", "steps": [{"id": "publisher-signoff", "status": "complete"}]}).steps
    assert (step.name, step.description, step.progress, step.estimated_time_frame, step.messages) == (
        "",
        "",
        None,
        "",
        (),
    )


def test_null_everywhere(api: Api) -> None:
    nothing = {"id": None, "stepName": None, "status": None, "messages": None, "progressPercentage": None}
    shown = api.status({"status": None, "messages": None, "steps": [nothing]})
    assert shown.status is OfferStatus.UNKNOWN
    assert [(one.step_id, one.status) for one in shown.steps] == [("step-1", StepStatus.UNKNOWN)]


def test_the_offer_says_running_while_a_step_waits_for_the_publisher(api: Api) -> None:
    body = {"status": "running", "steps": [{"id": "publisher-signoff", "status": "waitingForPublisherReview"}]}
    shown = api.status(body)
    assert (shown.status, shown.waiting_on) == (OfferStatus.RUNNING, Party.PUBLISHER)


def test_never_published_offers_have_no_status_to_find(api: Api) -> None:
    listed = offer(status=OfferStatus.NEVER_PUBLISHED)
    assert api.status(NotFoundError("404"), listed) is listed


@pytest.mark.parametrize("listed", [None, offer(status=OfferStatus.SUCCEEDED)])
def test_any_other_offer_that_is_not_found(api: Api, listed: Offer | None) -> None:
    with pytest.raises(NotFoundError):
        api.status(NotFoundError("404"), listed)


Ask = Callable[[Api], object]


@pytest.mark.parametrize(
    "ask", [lambda api: api.status(ForbiddenError("403")), lambda api: api.offers(ForbiddenError("403"))]
)
def test_failures_of_the_client_pass(api: Api, ask: Ask) -> None:
    with pytest.raises(ForbiddenError):
        ask(api)


def test_titles_with_anything_in_them(api: Api) -> None:
    (shown,) = api.offers(
        b'[{"id": "vm", "status": "running", "definition": {"displayText": "A \\"b\\" \\\\ \\n \\ud83d"}}]'
    )
    assert shown.display_name == 'A "b" \\ ?'
