"""The process as a whole: what tests/integration cannot bring about from outside."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from exporter import service as module
from exporter.collection.snapshot import Snapshot
from exporter.collection.state import StateFile
from exporter.config.settings import (
    ApiSettings,
    AuthSettings,
    CollectionSettings,
    LogSettings,
    PublisherSettings,
    Settings,
    WebSettings,
)
from exporter.service import Service
from exporter.simulator import serve_in_thread
from tests.faults import FaultySimulator, empty
from tests.unit.make import offer, record, snapshot

RESTART = "changes of web, log and collection.state_file need a restart"
Make = Callable[..., Settings]


@pytest.fixture
def make() -> Iterator[Make]:
    """Make settings that watch a simulator."""
    simulator = FaultySimulator(empty("contoso", "fabrikam"))
    simulator.put("contoso", "vm", {"status": "running", "steps": [{"id": "live", "status": "inProgress"}]})
    with serve_in_thread(simulator.app) as server:

        def settings(*publishers: str, web: Any = None, log: Any = None, **collection: Any) -> Settings:
            return Settings(
                publishers=tuple(PublisherSettings(id=one) for one in publishers or ("contoso",)),
                api=ApiSettings(base_url=server.url),
                auth=AuthSettings(token=SecretStr("sesame")),
                collection=CollectionSettings(**collection),
                web=WebSettings(listen_address=("127.0.0.1:0",), **web or {}),
                log=log or LogSettings(),
            )

        yield settings


@pytest.mark.parametrize("web", [{}, {"external_url": "https://exporter.example/marketplace"}])
def test_the_address_that_users_know_is_logged(
    make: Make, monkeypatch: pytest.MonkeyPatch, web: dict[str, str]
) -> None:
    def serve(_: Any, listeners: list[socket.socket], **__: Any) -> None:
        for one in listeners:
            one.close()

    monkeypatch.setattr(module, "serve", serve)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with capture_logs() as logs:
        Service(make(web=web), make).run()
    (start,) = [one for one in logs if one["event"] == "starting"]
    assert {name: text for name, text in start.items() if name == "external_url"} == web


def test_a_reload_takes_what_is_shown_as_well_and_ready_stays_ready(make: Make) -> None:
    """A publisher more must not take a pod out of its Service."""
    service = Service(make(), lambda: make("contoso", "stranger", stale_after="2h", message_text=False))
    service.engine.adopt(Snapshot())
    service.engine.refresh()
    with capture_logs() as logs:
        service.reload()
    publication = service.publication
    assert (publication.stale_after, publication.message_text, publication.is_ready) == (7200.0, False, True)
    assert RESTART not in [one["event"] for one in logs]
    service.close()


@pytest.mark.parametrize(
    "change", [{"state_file": "state"}, {"web": {"telemetry_path": "/numbers"}}, {"log": LogSettings(level="debug")}]
)
def test_a_reload_says_what_it_cannot_change(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    service = Service(make(), lambda: make(**change))
    with capture_logs() as logs:
        service.reload()
    assert RESTART in [one["event"] for one in logs]
    assert list(tmp_path.iterdir()) == []
    service.close()


def test_reloads_that_wait_are_one(make: Make) -> None:
    begun, go_on, loads = threading.Event(), threading.Event(), []

    def load() -> Settings:
        loads.append(1)
        begun.set()
        assert go_on.wait(10)
        return make()

    service = Service(make(), load)
    first = service._reloads.request()
    assert begun.wait(10)
    waiting = {service._reloads.request() for _ in range(100)}
    go_on.set()
    for one in (first, *waiting):
        one.result(10)
    assert (len(waiting), len(loads)) == (1, 2)
    service.close()


def test_an_unexpected_error_during_a_reload_is_told(make: Make) -> None:
    def broken() -> Settings:
        raise ZeroDivisionError

    service = Service(make(), broken)
    with capture_logs() as logs, pytest.raises(ZeroDivisionError):
        service.reload()
    assert [(one["event"], one["run"]) for one in logs] == [("run broke", "reload")]
    shown = b"".join(service.publication.metrics(openmetrics=False, gzip=False))
    assert b"azure_marketplace_exporter_config_last_reload_successful 0.0\n" in shown
    service.close()


def test_a_reload_that_ends_after_the_end_starts_nothing(make: Make) -> None:
    """SIGTERM may come while it reads the settings."""
    service = Service(make(), lambda: make(interval="2m"))
    engine = service.engine
    service.close()
    service.reload()
    assert service.engine is engine
    assert not service.engine.is_alive


def test_told_to_end_before_it_serves() -> None:
    with pytest.raises(SystemExit) as caught:
        module._leave(signal.SIGTERM, None)
    assert caught.value.code == 0


def test_a_slow_disk_holds_up_no_refresh(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was to be written meanwhile is written once, in its newest state."""
    go_on = threading.Event()
    saved: list[Snapshot] = []
    write = StateFile.save

    def slow(state: StateFile, snapshot: Snapshot) -> None:
        assert go_on.wait(10)
        write(state, snapshot)
        saved.append(snapshot)

    monkeypatch.setattr(StateFile, "save", slow)
    service = Service(make(state_file=str(tmp_path / "state")), make)
    service.engine.adopt(service.restore())
    shown = [service.engine.refresh() for _ in range(5)]
    assert saved == []
    go_on.set()
    service.close()
    assert len(saved) <= 3
    assert saved[-1] == shown[-1]


def test_the_last_save_waits_for_the_one_before_and_keeps_what_was_shown_last(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    service = Service(make(state_file=str(path)), make)
    service.engine.adopt(service.restore())
    inside, go_on, active, overlaps = threading.Event(), threading.Event(), list[int](), list[int]()
    write, request = StateFile.save, service._saves.request

    def slow(state: StateFile, shown: Snapshot) -> None:
        overlaps.append(len(active))
        active.append(1)
        inside.set()
        assert go_on.wait(10)
        write(state, shown)
        active.pop()

    def last() -> Future[None]:
        future = request()
        go_on.set()
        return future

    monkeypatch.setattr(StateFile, "save", slow)
    request()
    assert inside.wait(10)
    service.engine.adopt(snapshot(record(offer("vm"))))
    monkeypatch.setattr(service._saves, "request", last)
    service.close()
    assert overlaps == [0, 0]
    with closing(StateFile(path)) as state:
        assert state.load() == service.engine.snapshot


def test_a_save_while_the_engine_stops_is_not_the_last(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one is after it; then nothing more is written, for the file may be another process's by now."""
    path = tmp_path / "state"
    service = Service(make(state_file=str(path)), make)
    engine = service.engine
    engine.adopt(service.restore())
    stop = engine.stop

    def slowly() -> Snapshot:
        service._saves.request().result(10)
        engine.adopt(snapshot(record(offer("vm"))))
        return stop()

    monkeypatch.setattr(engine, "stop", slowly)
    service.close()
    with closing(StateFile(path)) as state:
        assert state.load() == engine.snapshot
    path.write_bytes(b"another's")
    service._saves.request().result(10)
    assert path.read_bytes() == b"another's"


def test_a_full_disk_ends_nothing(make: Make, tmp_path: Path) -> None:
    """Neither at the start, where the process id does not fit, nor later; what is half-written makes room again."""
    (tmp_path / "state.lock").symlink_to("/dev/full")
    (tmp_path / "state.new").symlink_to("/dev/full")
    with capture_logs() as logs:
        for _ in range(2):
            assert Service(make(state_file=str(tmp_path / "state")), make).once().publisher("contoso").up
    assert [(one["event"], one["error"]) for one in logs if one["log_level"] == "error"] == [
        ("state file not written", "No space left on device")
    ]
    assert {one.name for one in tmp_path.iterdir()} == {"state.lock", "state"}
