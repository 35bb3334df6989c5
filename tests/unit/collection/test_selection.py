"""Whether all offers of a publisher are known, whatever has changed in the settings or failed upstream."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.collection.snapshot import PublisherRecord
from exporter.collection.targets import targets
from exporter.config.selection import Selection
from exporter.config.settings import PublisherSettings
from exporter.config.shards import Shard
from exporter.domain.errors import (
    CredentialError,
    DeadlineError,
    ForbiddenError,
    NotFoundError,
    SourceError,
    UpstreamError,
)
from exporter.domain.offers import OfferStatus
from tests.unit.collection.world import World

RUNNING = OfferStatus.RUNNING
NAMES = tuple(f"offer-{number}" for number in range(8))
BOTH = ("cloud_partner", "partner_center")
ERRORS = [UpstreamError("down"), ForbiddenError("no"), NotFoundError("none"), DeadlineError("late")]


class House:
    """What is known, and the sources from which more can be had; each `run` has settings of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cloud, self.center = world.cloud, world.center
        self.cloud.offers, self.center.offers = dict.fromkeys(NAMES, RUNNING), {"center-1": RUNNING}

    def run(self, *offers: str, shard: str = "0/1", sources: tuple[str, ...] = BOTH[:1]) -> PublisherRecord:
        """Adopt what is known, as after a restart or a reload, and refresh once."""
        self.world.run(PublisherSettings(id="contoso", offers=offers, sources=sources), shard=shard)
        self.adopted = self.world.record
        return self.world.refresh(0)

    def known(self, *offers: str, **settings: Any) -> tuple[tuple[str, ...], list[str]]:
        """The lists that are missing and the targets, which are the same from the start as after the refresh."""
        refreshed = self.run(*offers, **settings)
        before, after = ((one.missing, ids(one)) for one in (self.adopted, refreshed))
        assert before == after
        return after


@pytest.fixture
def house(world: World) -> House:
    return House(world)


def ids(publisher: PublisherRecord) -> list[str]:
    return [one.offer_id for one in targets(publisher)]


@pytest.mark.parametrize("error", ERRORS)
def test_every_source_has_to_give_its_list_once(house: House, error: SourceError) -> None:
    """One after the other will do, and a list that fails later takes nothing away."""
    house.cloud.refusal = house.center.refusal = error
    assert house.known(sources=BOTH) == (BOTH, [])
    house.cloud.refusal = None
    assert house.run(sources=BOTH).missing == BOTH[1:]
    house.center.refusal, house.cloud.refusal = None, error
    publisher = house.run(sources=BOTH)
    assert (publisher.missing, sorted(ids(publisher))) == ((), ["center-1", *NAMES])
    house.center.refusal = error
    assert house.known(sources=BOTH)[0] == ()
    assert sorted(ids(house.world.record)) == ["center-1", *NAMES]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"offers": NAMES[:1]}, {}),
        ({"shard": "0/2"}, {}),
        ({"shard": "0/2"}, {"shard": "1/2"}),
        ({"shard": "0/2"}, {"shard": "0/3"}),
        ({}, {"sources": BOTH}),
        ({"sources": BOTH[1:]}, {}),
    ],
)
def test_a_list_that_was_asked_for_other_offers_does_not_count(
    house: House, before: dict[str, Any], after: dict[str, Any]
) -> None:
    settings = dict(before)
    first = house.run(*settings.pop("offers", ()), **settings)
    house.cloud.refusal = house.center.refusal = UpstreamError("down")
    wanted = after.get("sources", BOTH[:1])
    assert house.known(**after)[0] == wanted
    kept = first.listed if set(wanted) & {one.source for one in first.sources} else None
    assert house.run(**after).listed == kept, "which is what the last good list told all the same"
    house.cloud.refusal = house.center.refusal = None
    assert house.run(**after).missing == ()


@pytest.mark.parametrize("error", [None, *ERRORS])
def test_offers_that_the_settings_name_need_no_list(house: House, error: SourceError | None) -> None:
    """A name that is new is there at once, in the metrics, too, though nothing can be asked."""
    house.run("offer-1")
    house.cloud.refusal = error
    assert house.known("offer-1", "phantom", "offer-1") == ((), ["offer-1", "phantom"])
    for offers in (house.world.record.offers, targets(house.world.record)):
        assert [one.offer is None for one in offers] == [False, True]


@pytest.mark.parametrize("named", [(), NAMES])
def test_a_shard_knows_its_own(house: House, named: tuple[str, ...]) -> None:
    """Of all sources; the length of the lists is that of the whole."""
    for number, one in enumerate((house.cloud, house.center)):
        one.offers = dict.fromkeys(NAMES[number : len(NAMES) - 1 + number], RUNNING)
    publishers = [house.run(*named, shard=f"{ordinal}/2", sources=BOTH) for ordinal in (0, 1)]
    assert [one.listed for one in publishers] == [len(NAMES)] * 2
    shards = [ids(one) for one in publishers]
    assert all(shards)
    assert sorted(shards[0] + shards[1]) == [*NAMES]


def test_a_shard_may_have_none_of_the_named(house: House) -> None:
    """And must not take that for having to list all."""
    ordinal = next(one for one in (0, 1) if not Shard(one, 2).has("contoso", "offer-1"))
    assert house.known("offer-1", shard=f"{ordinal}/2") == ((), [])


def test_the_default_is_what_no_settings_say() -> None:
    assert Selection() != Selection.of(PublisherSettings(id="contoso"), Shard(0, 1))


@pytest.mark.parametrize("error", [None, CredentialError("no token")])
@pytest.mark.parametrize("named", [(), NAMES])
@pytest.mark.parametrize("ordinal", [0, 1])
def test_offers_of_other_shards_are_let_go(
    house: House, error: SourceError | None, named: tuple[str, ...], ordinal: int
) -> None:
    """As when a single instance's state file is given to one of two."""
    mine = [one for one in NAMES if Shard(ordinal, 2).has("contoso", one)]
    house.run(*named)
    house.cloud.refusal = error
    publisher = house.run(*named, shard=f"{ordinal}/2")
    assert [one.offer_id for one in house.adopted.offers] == [one.offer_id for one in publisher.offers] == mine


def test_what_the_settings_name_no_more_is_let_go(house: House) -> None:
    house.run(sources=BOTH)
    house.cloud.refusal = CredentialError("no token")
    assert house.known(*NAMES[:2])[1] == [*NAMES[:2]]
    assert [one.source for one in house.adopted.sources] == ["cloud_partner"]
