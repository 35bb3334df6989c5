"""Each trap of the Cloud Partner Portal API's documentation, from a body to an offer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.domain.errors import DecodeError, NotFoundError
from exporter.domain.offers import Level, Message, Offer, OfferStatus, Party, Step, StepStatus
from exporter.sources.base import OfferList
from exporter.sources.cloud_partner import MAX_MESSAGES, MAX_STEPS, CloudPartnerSource
from tests.unit.make import offer

from .canned import Answer, Bench, Canned, serving

OFFERS = "/api/publishers/contoso/offers"
STATUS = f"{OFFERS}/gateway/status"


@pytest.fixture(scope="module")
def server() -> Iterator[Canned]:
    with serving() as canned:
        yield canned


class Api(Bench):
    def status(self, body: Any, listed: Offer | None = None) -> Offer:
        self.canned.put(STATUS, body)
        return self.fetch(listed)

    def steps(self, *steps: Any) -> tuple[Step, ...]:
        return self.status({"status": "running", "steps": list(steps)}).steps

    def offers(self, body: Any) -> tuple[Offer, ...]:
        self.canned.put(OFFERS, body)
        return tuple(self.list_offers().values())


@pytest.fixture
def api(server: Canned) -> Api:
    return Api(server, CloudPartnerSource)


def test_what_is_asked(api: Api) -> None:
    api.offers([])
    api.status({"status": "running"})
    version = "api-version=2017-10-31"
    assert api.canned.paths() == [f"{OFFERS}?{version}", f"{STATUS}?{version}"]


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
    api.canned.put(f"{OFFERS}/{quoted}/status", {"status": "running"})
    assert api.fetch(offer_id=raw).offer_id == raw
    api.canned.put(f"/api/publishers/{quoted}/offers", [])
    assert api.source.list_offers(raw, api.deadline()) == OfferList(())


ENTRY: dict[str, Any] = {
    "offerTypeId": "microsoft-azure-virtualmachines",
    "publisherId": "contoso",
    "id": "my-vm",
    "status": "waitingForPublisherReview",
    "lockStatus": "none",
    "pcMigrationStatus": "migrated",
    "version": 636576975611768314,
    "definition": {"displayText": "My VM"},
    "changedTime": "2026-01-05T10:11:12Z",
}
MOMENT = datetime(2026, 1, 5, 10, 11, 12, tzinfo=UTC).timestamp()
LISTED = Offer(
    publisher_id="contoso",
    offer_id="my-vm",
    status=OfferStatus.WAITING_FOR_PUBLISHER_REVIEW,
    source="cloud_partner",
    display_name="My VM",
    offer_type="microsoft-azure-virtualmachines",
    version=636576975611768314,
    changed=MOMENT,
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
    assert api.odd() == {}


def test_fields_that_the_list_lacks(api: Api) -> None:
    """Nothing is made up: no version 0, no time 0. An entry without a status is still an offer."""
    bare = Offer("contoso", "vm", OfferStatus.UNKNOWN, "cloud_partner")
    nulls = {"id": "vm", "status": None, "definition": None, "version": None, "changedTime": None}
    assert api.offers([{"id": "vm"}]) == api.offers([nulls]) == (bare,)
    assert api.odd() == {"offer_status": 2}


def test_odd_fields_of_the_list_cost_only_themselves(api: Api) -> None:
    (shown,) = api.offers(
        [ENTRY | {"changedTime": "soon", "version": "v1", "status": "published", "definition": "My VM"}]
    )
    assert shown == Offer(
        "contoso", "my-vm", OfferStatus.UNKNOWN, "cloud_partner", offer_type="microsoft-azure-virtualmachines"
    )
    assert api.odd() == {"timestamp": 1, "number": 1, "offer_status": 1, "entry": 1}


def test_ids_that_cannot_be_used(api: Api) -> None:
    """The first of several wins; dots would lead elsewhere in the path; another case is another offer."""
    ids: list[Any] = ["vm", "vm", "", None, ".", "..", [], "VM"]
    assert [one.offer_id for one in api.offers([ENTRY | {"id": one} for one in ids])] == ["vm", "VM"]
    assert api.odd() == {"offer_id": 6}


@pytest.mark.parametrize("wrapped", [False, True])
def test_status_bare_or_wrapped_in_an_array(api: Api, *, wrapped: bool) -> None:
    step = {
        "id": "certify",
        "stepName": "Certification",
        "description": "It is looked at.",
        "estimatedTimeFrame": "~2-3 days",
        "status": "InProgress",
        "progressPercentage": 40,
        "messages": [{"messageHtml": "<b>no</b>", "level": "Error", "timestamp": "2026-01-05T10:11:12Z"}],
    }
    body = {"status": "Running", "messages": [], "steps": [step], "previewLinks": []}
    assert api.status([body] if wrapped else body) == Offer(
        publisher_id="contoso",
        offer_id="gateway",
        status=OfferStatus.RUNNING,
        source="cloud_partner",
        steps=(
            Step(
                step_id="certify",
                name="Certification",
                status=StepStatus.IN_PROGRESS,
                description="It is looked at.",
                progress=0.4,
                estimated_time_frame="~2-3 days",
                messages=(Message(Level.ERROR, "<b>no</b>", MOMENT),),
            ),
        ),
    )
    assert api.odd() == {}


@pytest.mark.parametrize(
    "body",
    [b"{'status': 'running'}", [], [{"status": "running"}] * 2, {"status": "running", "messages": {}}],
    ids=["no JSON", "none", "two", "an object for a list"],
)
def test_undecodable_status(api: Api, body: Any) -> None:
    with pytest.raises(DecodeError, match=r"^the status of contoso/gateway cannot be read: "):
        api.status(Answer(body))


def test_what_only_the_list_knows_is_kept(api: Api) -> None:
    described: dict[str, Any] = {"display_name": "My VM", "offer_type": "vm", "version": 3, "changed": 5.0}
    expected = Offer("contoso", "gateway", OfferStatus.SUCCEEDED, "cloud_partner", **described)
    assert api.status({"status": "succeeded"}, offer(**described)) == expected
    assert api.fetch(told=offer(**described)) == expected


def test_status_outside_of_the_enumeration(api: Api) -> None:
    body = {"status": "Hibernating", "steps": [{"id": "a", "status": "Completed"}, {"id": "b"}]}
    shown = api.status(body)
    assert (shown.status, {one.status for one in shown.steps}) == (OfferStatus.UNKNOWN, {StepStatus.UNKNOWN})
    assert api.odd() == {"offer_status": 1, "step_status": 2}


@pytest.mark.parametrize(
    ("fields", "progress"),
    [
        ({"progressPercentage": 40}, 0.4),
        ({"processPercentage": 40}, 0.4),
        ({"progressPercentage": 40, "processPercentage": 90}, 0.4),
        ({"progressPercentage": None, "processPercentage": 90}, 0.9),
        ({"progressPercentage": 0, "processPercentage": 90}, 0.0),
        ({"progressPercentage": "40"}, 0.4),
        ({"progressPercentage": 12.5}, 0.125),
        ({"progressPercentage": 120}, 1.0),
        ({"progressPercentage": -5}, 0.0),
        ({}, None),
    ],
)
def test_progress(api: Api, fields: dict[str, Any], progress: float | None) -> None:
    (step,) = api.steps({"id": "a", "status": "inProgress", **fields})
    assert step.progress == progress
    assert api.odd() == {}


@pytest.mark.parametrize("raw", ["forty", "40%", "", "NaN", "inf", [], {}, "1e999", 10**400])
def test_unreadable_progress(api: Api, raw: Any) -> None:
    (step,) = api.steps({"id": "a", "status": "inProgress", "progressPercentage": raw})
    assert step.progress is None
    assert api.odd() == {"number": 1}


def test_progress_is_never_minus_zero(api: Api) -> None:
    (step,) = api.steps({"id": "a", "status": "inProgress", "progressPercentage": -0.0})
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
        {"id": "x" * 1000, "stepName": "Long"},
    ]
    steps = api.steps(*(one | {"status": "complete"} for one in named))
    ids = [one.step_id for one in steps]
    assert ids == ["live", "publisher-signoff", "step-3", "live-2", "live-3", "live-2-2", "long"]
    assert api.odd() == {"step_id": 4}
    assert [one.step_id for one in steps if one.is_signoff] == ["publisher-signoff"]


def test_steps_without_end(api: Api) -> None:
    steps = api.steps(*[{"id": "same", "status": "complete"}] * (MAX_STEPS + 50))
    assert len({one.step_id for one in steps}) == MAX_STEPS


def test_steps_that_are_no_objects_cost_only_themselves(api: Api) -> None:
    steps = api.steps(None, {"id": "live", "status": "complete", "messages": [None, 7, {"level": "error"}]}, "certify")
    assert steps == (Step("live", "", StepStatus.COMPLETE, messages=(Message(Level.ERROR),)),)
    assert api.odd() == {"entry": 4}


def test_messages(api: Api) -> None:
    """Plain texts are of unknown level, which is no surprise; of many all are counted, the newest keep their text."""
    odd = {"level": "shout", "timestamp": "now"}
    many = [{"messageHtml": "x", "level": "error"}] * (MAX_MESSAGES + 2)
    shown = api.status(
        {"status": "failed", "messages": ["Publishing\nfailed.", odd, {}], "steps": [{"messages": many}]}
    )
    assert shown.messages == (
        Message(Level.UNKNOWN, "Publishing failed."),
        Message(Level.UNKNOWN),
        Message(Level.UNKNOWN),
    )
    assert api.odd() == {"message_level": 2, "timestamp": 1, "step_status": 1}
    assert [one.html for one in shown.steps[0].messages] == [""] * 2 + ["x"] * MAX_MESSAGES
    assert {one.level for one in shown.steps[0].messages} == {Level.ERROR}


def test_the_offer_says_running_while_a_step_waits_for_the_publisher(api: Api) -> None:
    body = {"status": "running", "steps": [{"id": "publisher-signoff", "status": "waitingForPublisherReview"}]}
    shown = api.status(body)
    assert (shown.status, shown.waiting_on) == (OfferStatus.RUNNING, Party.PUBLISHER)


def test_never_published_offers_have_no_status_to_find(api: Api) -> None:
    listed = offer(status=OfferStatus.NEVER_PUBLISHED)
    assert api.fetch(listed) is listed
    for other in (None, offer(status=OfferStatus.SUCCEEDED)):
        with pytest.raises(NotFoundError):
            api.fetch(other, told=listed)


def test_titles_with_anything_in_them(api: Api) -> None:
    (shown,) = api.offers(
        Answer(b'[{"id": "vm", "status": "running", "definition": {"displayText": "A \\"b\\" \\\\ \\n \\ud83d"}}]')
    )
    assert shown.display_name == 'A "b" \\ ?'
