"""Each trap of the Cloud Partner Portal API's documentation, from a body to an offer; more of them in answers.txt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.domain.errors import DecodeError, NotFoundError
from exporter.domain.offers import Level, Message, Offer, OfferStatus, Step, StepStatus
from exporter.sources.base import OfferList
from exporter.sources.wire import MAX_MESSAGES, MAX_STEPS
from tests.unit.make import offer

from .canned import Bench, Canned

OFFERS = "/api/publishers/contoso/offers"
STATUS = f"{OFFERS}/gateway/status"


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
    return Api(server)


@pytest.mark.parametrize(
    ("raw", "quoted"),
    [
        ("a-b_c.d~e", "a-b_c.d~e"),
        ("a b/50%", "a%20b%2F50%25"),
        ("a?b=c&d#e", "a%3Fb%3Dc%26d%23e"),
        ("größe", "gr%C3%B6%C3%9Fe"),
    ],
)
def test_what_is_asked(api: Api, raw: str, quoted: str) -> None:
    api.canned.put(f"{OFFERS}/{quoted}/status", {"status": "running"})
    assert api.fetch(offer_id=raw).offer_id == raw
    api.canned.put(f"/api/publishers/{quoted}/offers", [])
    assert api.source.list_offers(raw, api.deadline()) == OfferList(())
    assert {one.query for one in api.canned.asked} == {"api-version=2017-10-31"}


ENTRY: dict[str, Any] = {
    "offerTypeId": "microsoft-azure-virtualmachines",
    "publisherId": "contoso",
    "id": "my-vm",
    "status": "waitingForPublisherReview",
    "pcMigrationStatus": "migrated",
    "version": 636576975611768314,
    "definition": {"displayText": "My VM"},
    "changedTime": "2026-01-05T10:11:12Z",
}
MOMENT = 1767607872.0
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
        {"Value": [ENTRY], "@nextLink": None},
        [{key.upper(): value for key, value in ENTRY.items()}],
        [ENTRY | {"version": "636576975611768314"}],
    ],
    ids=["bare", "wrapped", "upper case", "version as text"],
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
    odd = {"changedTime": "soon", "version": "v1", "status": "published", "definition": "My VM"}
    left = replace(LISTED, status=OfferStatus.UNKNOWN, display_name="", version=None, changed=None)
    assert api.offers([ENTRY | odd]) == (left,)
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
        "description": "x" * 300,
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
                description="x" * 300,
                progress=0.4,
                estimated_time_frame="~2-3 days",
                messages=(Message(Level.ERROR, "<b>no</b>", MOMENT),),
            ),
        ),
    )
    assert api.odd() == {}


@pytest.mark.parametrize("body", [b"{'status': 'running'}", [], [{"status": "running"}] * 2, {"messages": {}}])
def test_undecodable_status(api: Api, body: Any) -> None:
    with pytest.raises(DecodeError, match=r"^the status of contoso/gateway cannot be read: "):
        api.status(body)


def test_what_only_the_list_knows_is_kept(api: Api) -> None:
    described: dict[str, Any] = {"display_name": "My VM", "offer_type": "vm", "version": 3, "changed": 5.0}
    expected = Offer("contoso", "gateway", OfferStatus.SUCCEEDED, "cloud_partner", **described)
    assert api.status({"status": "succeeded"}, offer(**described)) == expected
    assert api.fetch(told=offer(**described)) == expected


@pytest.mark.parametrize(
    ("fields", "progress"),
    [
        ({"progressPercentage": 40, "processPercentage": 90}, "0.4"),
        ({"progressPercentage": None, "processPercentage": 90}, "0.9"),
        ({"progressPercentage": 0, "processPercentage": 90}, "0.0"),
        ({"progressPercentage": "40"}, "0.4"),
        ({"progressPercentage": 12.5}, "0.125"),
        ({"progressPercentage": 120}, "1.0"),
        ({"progressPercentage": -5}, "0.0"),
        ({"progressPercentage": -0.0}, "0.0"),
        ({}, "None"),
    ],
)
def test_progress(api: Api, fields: dict[str, Any], progress: str) -> None:
    (step,) = api.steps({"id": "a", "status": "inProgress", **fields})
    assert str(step.progress) == progress
    assert api.odd() == {}


@pytest.mark.parametrize("raw", ["40%", "", "NaN", "inf", [], {}, "1e999", 10**400])
def test_unreadable_progress(api: Api, raw: Any) -> None:
    (step,) = api.steps({"id": "a", "status": "inProgress", "progressPercentage": raw})
    assert step.progress is None
    assert api.odd() == {"number": 1}


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
    assert api.values.noted == [
        ("step_id", "live"),
        ("step_id", "live"),
        ("step_id", "live-2"),
        ("step_id", "x" * 255 + "…"),
    ]
    assert [one.step_id for one in steps if one.is_signoff] == ["publisher-signoff"]


def test_steps_without_end(api: Api) -> None:
    steps = api.steps(*[{"id": "same", "status": "complete"}] * (MAX_STEPS + 50))
    assert len({one.step_id for one in steps}) == MAX_STEPS


def test_messages(api: Api) -> None:
    """Plain texts are of unknown level, which is no surprise; of many all are counted, the newest keep their text."""
    odd = {"level": "shout", "timestamp": "now"}
    many = [{"messageHtml": "x", "level": "error"}] * (MAX_MESSAGES + 2)
    steps = [{"messages": many, "status": "Completed"}]
    shown = api.status({"status": "failed", "messages": ["Publishing\nfailed.", odd, {}], "steps": steps})
    plain = Message(Level.UNKNOWN, "Publishing failed.")
    assert shown.messages == (plain, Message(Level.UNKNOWN), Message(Level.UNKNOWN))
    assert api.odd() == {"message_level": 2, "timestamp": 1, "step_status": 1}
    assert [one.html for one in shown.steps[0].messages] == [""] * 2 + ["x"] * MAX_MESSAGES
    assert {one.level for one in shown.steps[0].messages} == {Level.ERROR}


def test_never_published_offers_have_no_status_to_find(api: Api) -> None:
    listed = offer(status=OfferStatus.NEVER_PUBLISHED)
    assert api.fetch(listed) is listed
    for other in (None, offer(status=OfferStatus.SUCCEEDED)):
        with pytest.raises(NotFoundError):
            api.fetch(other, told=listed)
