"""The same offer, told by two APIs at the same moment, is in one state: throughout the whole demo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from exporter.config.settings import Settings, with_sources
from exporter.domain.offers import Offer, OfferStatus
from exporter.simulator import Simulator, demo, serve_in_thread
from exporter.sources.base import OfferQuery
from exporter.sources.connections import Connections
from exporter.sources.deadline import Deadline
from exporter.sources.registry import SOURCES
from exporter.telemetry.metrics import PREFIX, Telemetry
from tests.unit.make import Clock

EPOCH = 1_800_000_000.0
ROUND = 1400
"""Seconds in which the slowest offer of the demo goes through all of its stages, and begins anew."""
MOMENTS = range(0, ROUND, 50)


class World:
    """All three sources over one simulator."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.clock = clock
        self.telemetry = Telemetry()
        fast = {"base_url": url, "requests_per_second": 1000}
        publisher = {"id": "contoso", "sources": [one.name for one in SOURCES]}
        given: dict[str, Any] = {"publishers": [publisher], "auth": {"token": "any-token"}}
        given |= {one.section: fast for one in SOURCES}
        self.connections = Connections(
            with_sources(Settings, SOURCES)(**given),
            telemetry=self.telemetry,
            clock=clock,
            monotonic=lambda: EPOCH,
            wait=lambda _: False,
        )

    def offer(self, source: str, offer_id: str) -> Offer:
        query = OfferQuery("contoso", offer_id)
        return self.connections.sources["default"][source].fetch_offer(query, Deadline(60, lambda: EPOCH)).offer

    def unknown(self) -> float:
        value, fields = (
            self.telemetry.registry.get_sample_value,
            ("offer_status", "step_status", "message_level", "target"),
        )
        return sum(value(f"{PREFIX}unknown_values_total", {"field": one}) or 0 for one in fields)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    clock = Clock(EPOCH)
    with serve_in_thread(Simulator(demo(epoch=EPOCH), clock=clock).app) as server:
        one = World(server.url, clock)
        yield one
        one.connections.close()


@pytest.mark.parametrize(
    ("source", "offer_id"),
    [
        ("product_ingestion", "linux-hardened"),
        ("product_ingestion", "gateway-vm"),
        ("product_ingestion", "ingress"),
        ("product_ingestion", "backup-agent"),
        ("partner_center", "insights"),
        ("partner_center", "landing-zone"),
        ("partner_center", "data-mesh"),
    ],
)
def test_two_sources_agree_all_the_time(world: World, source: str, offer_id: str) -> None:
    seen = set()
    for seconds in MOMENTS:
        world.clock.now = EPOCH + seconds
        portal, other = world.offer("cloud_partner", offer_id), world.offer(source, offer_id)
        assert (seconds, other.status, other.waiting_on) == (seconds, portal.status, portal.waiting_on)
        # From the start each has an earlier version on sale; one of them is deprecated.
        assert (seconds, other.live) == (seconds, offer_id != "backup-agent")
        seen.add(other.status)
    if offer_id in {"linux-hardened", "ingress", "insights"}:
        assert seen == {OfferStatus.RUNNING, OfferStatus.WAITING_FOR_PUBLISHER_REVIEW, OfferStatus.SUCCEEDED}
    assert world.unknown() == 0


def test_real_durations_are_those_of_the_steps(world: World) -> None:
    """What the workflow says of an offer that went all the way fits together, step by step."""
    world.clock.now = EPOCH
    steps = world.offer("partner_center", "landing-zone").steps
    assert len(steps) == 8
    for step in steps:
        assert step.started is not None
        assert step.completed is not None
        assert 0 < step.completed - step.started < ROUND
    assert [one.started for one in steps] == sorted(one.started or 0 for one in steps)
