"""The collection as a whole, over real HTTP against the simulator."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from exporter.collection.engine import Engine
from exporter.collection.snapshot import Snapshot
from exporter.config.settings import ApiSettings, AuthSettings, CollectionSettings, PublisherSettings, Settings
from exporter.domain.errors import ConfigError
from exporter.simulator import serve_in_thread
from exporter.telemetry.metrics import PREFIX, Telemetry
from tests.faults import FaultySimulator, empty
from tests.unit.make import Clock

OFFER: dict[str, Any] = {"status": "running", "steps": [{"id": "live", "stepName": "Live", "status": "inProgress"}]}


class World:
    """A simulator with one offer, and engines that watch it."""

    def __init__(self, url: str, simulator: FaultySimulator) -> None:
        self.url = url
        self.simulator = simulator
        self.simulator.put("contoso", "vm", OFFER)
        self.clock = Clock()
        self.monotonic = Clock(0)
        self.telemetry = Telemetry()
        self.shown = [Snapshot()]
        self.saved: list[Snapshot] = []
        self.changed = threading.Condition()

    def engine(self, token: str = "sesame", **collection: Any) -> Engine:
        return Engine(
            Settings(
                publishers=(PublisherSettings(id="contoso"),),
                api=ApiSettings(base_url=self.url, max_retries=0),
                auth=AuthSettings(token=SecretStr(token)),
                collection=CollectionSettings(**collection),
            ),
            telemetry=self.telemetry,
            publish=self.publish,
            save=self.saved.append,
            clock=self.clock,
            monotonic=self.monotonic,
        )

    def publish(self, snapshot: Snapshot) -> None:
        with self.changed:
            self.shown.append(snapshot)
            self.changed.notify_all()

    def wait_until_up(self) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.shown[-1].publisher("contoso").up is not None, 10)


@pytest.fixture
def world() -> Iterator[World]:
    simulator = FaultySimulator(empty("contoso"), tokens=["sesame"])
    with serve_in_thread(simulator.app) as server:
        yield World(server.url, simulator)


def test_refresh_here_and_now(world: World) -> None:
    engine = world.engine()
    engine.adopt(world.shown[-1])
    assert world.shown[-1].publisher("contoso").up is None
    snapshot = engine.refresh()
    assert snapshot.publisher("contoso").up
    assert world.shown[-1] == snapshot
    assert world.saved == [snapshot]
    offer = snapshot.offer("contoso", "vm")
    assert offer is not None
    assert offer.offer is not None
    assert (offer.offer.status, [one.step_id for one in offer.offer.steps]) == ("running", ["live"])
    engine.stop()


def test_in_the_background(world: World) -> None:
    engine = world.engine()
    assert engine.flight() is None
    engine.start(Snapshot())
    world.wait_until_up()
    assert engine.is_alive
    assert engine.flight() is None
    engine.stop()
    assert not engine.is_alive


def test_on_scrape(world: World) -> None:
    """Once at the start, then whenever somebody asks."""
    engine = world.engine(mode="on_scrape")
    engine.start(Snapshot())
    world.wait_until_up()
    assert engine.is_alive
    assert world.shown[-1].publisher("contoso").interval is None
    first = engine.flight()
    assert first is not None
    first.result(10)
    before = len(world.saved)
    flight = engine.flight()
    assert flight is not None
    flight.result(10)
    assert len(world.saved) == before + 1
    engine.stop()


def test_what_is_known_outlives_the_engine(world: World) -> None:
    first = world.engine()
    first.adopt(Snapshot())
    first.refresh()
    newest = first.stop()
    assert newest == world.shown[-1]
    second = world.engine(interval="2m")
    second.adopt(newest)
    known = world.shown[-1].publisher("contoso")
    assert (known.up, known.interval, len(known.offers)) == (True, 120.0, 1)
    second.stop()


def test_a_stopped_engine_shows_nothing_more(world: World) -> None:
    engine = world.engine()
    engine.adopt(world.shown[-1])
    engine.stop()
    shown, done = len(world.shown), len(world.saved)
    engine._show(Snapshot())
    assert (len(world.shown), len(world.saved)) == (shown, done)


def test_stop_before_start(world: World) -> None:
    engine = world.engine()
    engine.stop()
    assert not engine.is_alive


def test_a_refused_token(world: World) -> None:
    engine = world.engine(token="wrong")
    engine.adopt(world.shown[-1])
    snapshot = engine.refresh()
    publisher = snapshot.publisher("contoso")
    assert publisher.failure is not None
    assert publisher.failure.reason == "credential"
    assert "wrong" not in publisher.failure.text
    assert engine.secrets() == ("wrong",)
    engine.stop()


def test_known_operations_have_their_histogram_from_the_start(world: World) -> None:
    engine = world.engine()
    for operation in ("list_offers", "offer_status"):
        name = PREFIX + "api_request_duration_seconds_count"
        assert world.telemetry.registry.get_sample_value(name, {"operation": operation}) == 0
    engine.stop()


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        (AuthSettings(token_file=Path("/no/such")), "cannot read /no/such: No such file or directory"),
        (AuthSettings(token=SecretStr(" ")), "the token is empty"),
        (
            AuthSettings(token=SecretStr("a b")),
            "the token holds no token: there is a blank or a strange character inside",
        ),
    ],
)
def test_credentials_that_cannot_be_used(auth: AuthSettings, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Engine(
            Settings(publishers=(PublisherSettings(id="contoso"),), auth=auth),
            telemetry=Telemetry(),
            publish=lambda _: None,
            save=lambda _: None,
            clock=Clock(),
            monotonic=Clock(),
        )
    assert caught.value.problems == [("auth", message)]


def test_what_is_retired_while_it_refreshes_shows_and_saves_nothing_more(world: World) -> None:
    """However late its answers come."""
    engine = world.engine()
    engine.adopt(Snapshot())
    refresh = threading.Thread(target=engine.refresh)
    engine.stop()
    before = len(world.shown)
    refresh.start()
    refresh.join(10)
    assert (len(world.shown), world.saved) == (before, [])


def test_what_becomes_stale_is_shown_again_without_a_refresh(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.collection.engine.AGING", 0.01)
    engine = world.engine(mode="on_scrape", stale_after="1h")
    engine.start(Snapshot())
    world.wait_until_up()
    engine.flight().result(10)  # type: ignore[union-attr]  # it is on_scrape
    with world.changed:
        shown = len(world.shown)
        world.clock.now += 3600
        assert world.changed.wait_for(lambda: len(world.shown) > shown, 10)
    engine.stop()


def test_pauses_are_handed_over(world: World) -> None:
    first, second = world.engine(), world.engine(interval="2m")
    first._connections._limiters["default", "cloud_partner"].pause(60)
    second.start(first.stop(), first.pauses())
    assert second.pauses() == first.pauses() == {("default", "cloud_partner"): 60.0}
    second.stop()
