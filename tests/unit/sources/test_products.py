"""What both APIs of an account do with the products in their lists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporter.domain.errors import DecodeError, NotFoundError, RefusedError
from exporter.domain.offers import Offer, OfferStatus, Party
from exporter.sources.base import NotServedError
from exporter.sources.partner_center import PartnerCenterSource
from exporter.sources.product_ingestion import ProductIngestionSource

from .canned import Answer, Bench, Canned
from .dialects import BIG, DIALECTS, Dialect, Spec, guid_of, put_world

TYPES = {PartnerCenterSource: "AzureContainer", ProductIngestionSource: "azureApplication"}
"""One that belongs to another API by documentation."""


@pytest.fixture(params=[one for one in DIALECTS if one.kind.is_account], ids=lambda one: one.kind.name)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    one: Dialect = request.param
    return one


class World(Bench):
    dialect: Dialect

    def refuse(self, answer: Answer) -> None:
        self.canned.put(self.dialect.path("gateway"), answer)

    def listed(self, kind: str = "x", source: str = "") -> Offer:
        known = ("contoso", "gateway", OfferStatus.UNKNOWN, source or self.kind.name, "Gateway", kind)
        return Offer(*known, product_id=guid_of("gateway"))

    def submissions(self) -> Any:
        answer = self.canned.answer(self.dialect.path("gateway"), "")
        assert isinstance(answer, Answer)
        return answer.body["value"]


@pytest.fixture
def world(server: Canned, dialect: Dialect) -> World:
    one = World(server, dialect.kind)
    one.dialect = dialect
    return one


def test_what_is_listed_without_submissions_is_not_served_here(world: World) -> None:
    """That may pass, unless Microsoft says so of the type."""
    with pytest.raises(NotServedError) as caught:
        world.fetch(world.listed())
    assert caught.value.listed == replace(world.listed(), is_listed_only=True, tells_messages=False)
    assert caught.value.listed.waiting_on is Party.NOBODY
    assert not caught.value.is_lasting
    with pytest.raises(NotServedError) as caught:
        world.fetch(world.listed(TYPES[world.kind]))
    assert caught.value.is_lasting


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "badRequest", "message": "The product type 'x' is not supported."}},
        "The API you have called is not applicable for this product",
        {"error": {"code": "BadRequest", "message": "AzureApplication is an unsupported type"}},
    ],
)
@pytest.mark.parametrize("status", [400, 404])
def test_what_the_answer_itself_says_lasts(world: World, body: Any, status: int) -> None:
    world.refuse(Answer(body, status))
    with pytest.raises(
        NotServedError, match=r"_\w+ tells no submissions of gateway: \w+ was answered with 40"
    ) as caught:
        world.fetch(world.listed())
    assert caught.value.is_lasting


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "x-ms-publisherId is a required header"),
        (400, "The version 2022-07-01 is not supported for type submission"),
        (409, "Conflict"),
        (302, ""),
    ],
)
def test_any_other_refusal_is_a_failure(world: World, status: int, said: str) -> None:
    world.refuse(Answer(said, status))
    for kind in ("x", TYPES[world.kind]):
        with pytest.raises(RefusedError):
            world.fetch(world.listed(kind))


def test_what_only_the_other_api_lists_is_not_found(world: World) -> None:
    with pytest.raises(NotFoundError) as caught:
        world.fetch(world.listed(source="cousin"))
    assert type(caught.value) is NotFoundError


def test_what_the_other_api_lists_is_asked_for_by_the_same_id(world: World) -> None:
    put_world(world.dialect, world.canned, Spec("gateway"))
    assert world.fetch(world.listed(source="cousin")).status is OfferStatus.RUNNING
    assert not any("filter" in one or "externalId" in one for one in world.canned.paths())


def test_what_is_in_no_list_is_asked_for_where_it_was_last(world: World) -> None:
    world.dialect.put_offer(world.canned, Spec("gateway"))
    assert world.fetch(told=world.listed()).status is OfferStatus.RUNNING


def test_what_is_not_there_any_more_may_have_been_made_anew(world: World) -> None:
    put_world(world.dialect, world.canned, Spec("gateway"))
    told = replace(world.listed(), product_id="00000000-0000-0000-0000-000000000000", source=world.kind.name)
    assert world.fetch(told=told).product_id == guid_of("gateway")
    assert f"{world.dialect.listing}?{world.dialect.search('gateway')}" in world.canned.paths()


def test_what_only_resembles_the_wanted_one_is_not_found(world: World) -> None:
    world.dialect.put_list(world.canned, [Spec("gateway-2")])
    with pytest.raises(NotFoundError, match=r"has no product with the offer id gateway$"):
        world.fetch()


@pytest.mark.parametrize("odd", [None, {}])
def test_an_odd_submission_never_brings_an_older_one_back(world: World, odd: Any) -> None:
    """It costs only itself; but if it stands where the one told last should be, nothing can be said."""
    put_world(world.dialect, world.canned, Spec("gateway", state="succeeded"))
    told = world.fetch(world.listed())
    world.submissions().append(odd)
    assert world.fetch(world.listed()) == told
    assert world.fetch(world.listed(), told=told) == told
    with pytest.raises(DecodeError, match="the submissions of gateway cannot be read: the one told before"):
        world.fetch(world.listed(), told=replace(told, submission=f"{BIG + 1}/failed"))


def test_the_newest_submission_must_have_a_status(world: World) -> None:
    put_world(world.dialect, world.canned, Spec("gateway"))
    for key in ("state", "substate", "status"):
        world.submissions()[-1].pop(key, None)
    for told in (None, world.listed()):
        with pytest.raises(DecodeError, match="the submissions of gateway cannot be read: the newest has no status"):
            world.fetch(world.listed(), told=told)
