"""The engine's life: started, asked, replaced and stopped."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from exporter.collection.engine import Engine
from exporter.collection.refresher import Refresher
from exporter.collection.snapshot import Snapshot
from exporter.domain.offers import OfferStatus
from tests.unit.collection.world import FakeConnections, World


def started(world: World, **collection: Any) -> Engine:
    """An engine that has refreshed once."""
    done = threading.Event()
    world.on_publish = lambda shown: done.set() if shown.publisher("contoso").up is not None else None
    world.cloud.offers = {"vm": OfferStatus.RUNNING}
    engine = world.run(**collection)
    engine.start(Snapshot())
    assert done.wait(10)
    return engine


def has_ended(engine: Engine) -> bool:
    """Whether its thread ends within ten seconds."""
    background = engine._background
    assert background is not None
    background.join(10)
    return not background.is_alive()


def test_in_the_background(world: World) -> None:
    """Scrapes start nothing then."""
    engine = started(world)
    assert (engine.flight(), engine.is_alive) == (None, True)
    engine.stop()
    assert not engine.is_alive
    assert has_ended(engine)


def test_one_whose_background_has_ended_is_not_alive(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However that came about: nothing would be collected any more, and the health check has to tell."""
    monkeypatch.setattr(Refresher, "repeat", lambda *_, **__: None)
    engine = world.run()
    engine.start(Snapshot())
    assert has_ended(engine)
    assert not engine.is_alive


def test_on_scrape(world: World) -> None:
    """Once at the start, then whenever somebody asks."""
    engine = started(world, mode="on_scrape")
    assert engine.is_alive
    assert world.record.interval is None
    for number in (1, 2):
        flight = engine.flight()
        assert flight is not None
        flight.result(10)
        assert len(world.saved) in {number, number + 1}, "the first may be that of the start"


def test_what_becomes_stale_is_shown_again_without_a_refresh(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.collection.engine.AGING", 0.01)
    engine = started(world, mode="on_scrape", stale_after="1h")
    engine.flight().result(10)  # type: ignore[union-attr]  # it is on_scrape
    shown_again = threading.Event()
    world.on_publish = lambda _: shown_again.set()
    assert not shown_again.wait(0.05)
    world.clock.now += 3600
    assert shown_again.wait(10)
    assert len(world.cloud.asked) <= 2


def test_a_stopped_engine_shows_and_saves_nothing_more(world: World) -> None:
    """However late its answers come."""
    engine = world.run()
    newest = engine.stop()
    assert newest == world.published[-1]
    shown = len(world.published)
    engine.refresh()
    assert (len(world.published), world.saved) == (shown, [])


def test_pauses_are_handed_over(world: World) -> None:
    first = world.run()
    pauses = {("default", "cloud_partner"): 60.0}
    world.connections.pause(pauses)
    world.connections = FakeConnections(world.connections.sources)
    second = world.run(interval="2m")
    second.start(Snapshot(), first.pauses())
    assert second.pauses() == pauses
