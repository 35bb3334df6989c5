"""The process as a whole, without the signals and sockets that tests/integration look after."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
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
    WebConfigSettings,
    WebSettings,
)
from exporter.domain.errors import ConfigError, ServeError, StateFileError
from exporter.service import Service
from exporter.simulator import serve_in_thread
from tests.faults import FaultySimulator, empty

OFFER: dict[str, Any] = {"status": "running", "steps": [{"id": "live", "status": "inProgress"}]}
LOADED = "azure_marketplace_exporter_config_last_reload_successful"
Make = Callable[..., Settings]


@pytest.fixture
def make() -> Iterator[Make]:
    """Make settings that watch a simulator."""
    simulator = FaultySimulator(empty("contoso", "fabrikam"))
    simulator.put("contoso", "vm", OFFER)
    with serve_in_thread(simulator.app) as server:

        def settings(*publishers: str, token: str = "sesame", **collection: Any) -> Settings:
            return Settings(
                publishers=tuple(PublisherSettings(id=one) for one in publishers or ("contoso",)),
                api=ApiSettings(base_url=server.url),
                auth=AuthSettings(token=SecretStr(token)),
                collection=CollectionSettings(**collection),
                web=WebSettings(listen_address=("127.0.0.1:0",), enable_lifecycle=True),
            )

        yield settings


def text(service: Service) -> str:
    return b"".join(service.publication.metrics(openmetrics=False, gzip=False)).decode()


def wait_for(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def test_once(make: Make) -> None:
    service = Service(make(), make)
    assert "publisher_up{" not in text(service)
    snapshot = service.once()
    assert snapshot.publisher("contoso").up
    assert 'azure_marketplace_offer_status{offer_id="vm",publisher_id="contoso",status="running"} 1.0\n' in text(
        service
    )
    assert f"{LOADED} 1.0\n" in text(service)
    assert service.secrets() == ("sesame", "sesame")


def test_state_is_kept_over_restarts(make: Make, tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    first = Service(make(state_file=state), make).once()
    second = Service(make(state_file=state), make)
    known, restored = first.offer("contoso", "vm"), second.restore().offer("contoso", "vm")
    assert restored == known
    with pytest.raises(StateFileError, match="is in use by process"):
        Service(make(state_file=state), make).restore()
    second.close()
    third = Service(make(state_file=state), make)
    third.restore()
    third.close()


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff", b'{"format": "azure-marketplace-exporter state", "version": 99}\n{}']
)
def test_a_broken_state_is_set_aside(make: Make, tmp_path: Path, content: bytes) -> None:
    state = tmp_path / "state"
    state.write_bytes(content)
    with capture_logs() as logs:
        assert Service(make(state_file=str(state)), make).once().publisher("contoso").up
    assert "state file set aside, starting without it" in [one["event"] for one in logs]
    (aside,) = tmp_path.glob("state.unusable-*")
    assert aside.read_bytes() == content


Ask = Callable[[str, str], httpx.Response]


def run(service: Service, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[Ask], None]) -> None:
    """Run the service; instead of serving on its sockets it answers what `meanwhile` asks."""

    def serve(app: Any, listeners: list[socket.socket], **_: Any) -> None:
        async def send(method: str, path: str) -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://exporter") as client:
                return await client.request(method, path)

        meanwhile(lambda method, path: asyncio.run(send(method, path)))
        for one in listeners:
            one.close()

    monkeypatch.setattr(module, "serve", serve)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    service.run()


def test_run(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is served while it runs; at the end nothing collects any more."""
    service = Service(make(), make)

    def look(ask: Ask) -> None:
        assert ask("GET", "/-/healthy").status_code == 200
        assert ask("GET", "/metrics").status_code == 200
        assert ask("GET", "/").status_code == 200

    with capture_logs() as logs:
        run(service, monkeypatch, look)
    assert not service.engine.is_alive
    events = [one["event"] for one in logs]
    assert (events[0], events[-1]) == ("starting", "ended")


@pytest.mark.parametrize("given", [{}, {"external_url": "https://exporter.example/marketplace"}])
def test_the_address_that_users_know_is_logged(
    make: Make, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    settings = make()
    web = WebSettings(listen_address=settings.web.listen_address, **given)  # type: ignore[arg-type]
    service = Service(settings.model_copy(update={"web": web}), make)
    with capture_logs() as logs:
        run(service, monkeypatch, lambda _: None)
    start = next(one for one in logs if one["event"] == "starting")
    assert {name: text for name, text in start.items() if name == "external_url"} == given


def test_an_address_that_is_taken(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = make().model_copy(update={"web": WebSettings(listen_address=(address,))})
        with pytest.raises(ServeError, match=f"cannot listen on {address}: Address already in use"):
            Service(settings, make).run()


def test_reload(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other publishers from now on; what is known of those that stay is kept."""

    def change(ask: Ask) -> None:
        assert wait_for(lambda: ask("GET", "/-/ready").status_code == 200)
        assert ask("POST", "/-/reload").status_code == 200
        shown = ask("GET", "/metrics").text
        assert 'azure_marketplace_offer_up{offer_id="vm",publisher_id="contoso"} 1.0\n' in shown
        assert 'azure_marketplace_publisher_refresh_interval_seconds{publisher_id="fabrikam"} 300.0\n' in shown

    service = Service(make(), lambda: make("contoso", "fabrikam", stale_after="2h", message_text=False))
    run(service, monkeypatch, change)
    assert (service.publication.stale_after, service.publication.message_text) == (7200.0, False)


def test_ready_stays_ready(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload that adds a publisher must not take a pod out of its Service."""

    def change(ask: Ask) -> None:
        assert wait_for(lambda: ask("GET", "/-/ready").status_code == 200)
        assert ask("POST", "/-/reload").status_code == 200
        assert ask("GET", "/-/ready").status_code == ask("GET", "/-/healthy").status_code == 200

    run(Service(make(), lambda: make("contoso", "stranger")), monkeypatch, change)


def test_reloads_that_wait_are_one(make: Make) -> None:
    go_on, loads = threading.Event(), []

    def load() -> Settings:
        loads.append(1)
        assert go_on.wait(10)
        return make()

    service = Service(make(), load)
    first = service._reloads.request()
    assert wait_for(lambda: bool(loads))
    waiting = {service._reloads.request() for _ in range(100)}
    go_on.set()
    first.result(10)
    for one in waiting:
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
    assert f"{LOADED} 0.0\n" in text(service)
    service.close()


def test_reload_of_wrong_settings_changes_nothing(make: Make) -> None:
    def wrong() -> Settings:
        raise ConfigError([("log.level", "too loud")])

    service = Service(make(), wrong)
    engine = service.engine
    with capture_logs() as logs, pytest.raises(ConfigError):
        service.reload()
    assert service.engine is engine
    assert [(one["where"], one["error"]) for one in logs] == [("log.level", "too loud")]
    assert f"{LOADED} 0.0\n" in text(service)
    service.close()


def test_reload_of_the_same_settings_keeps_the_engine(make: Make) -> None:
    service = Service(make(), make)
    engine = service.engine
    service.reload()
    assert service.engine is engine
    assert f"{LOADED} 1.0\n" in text(service)
    service.close()


def test_a_credential_that_cannot_be_used(make: Make) -> None:
    with pytest.raises(ConfigError, match="auth: the token is empty"):
        Service(make(token=" "), make)


def test_all_problems_are_told_at_once(make: Make, tmp_path: Path) -> None:
    web = WebSettings(config=WebConfigSettings(file=tmp_path / "web.yml"))
    with pytest.raises(ConfigError) as caught:
        Service(make(token=" ").model_copy(update={"web": web}), make)
    assert [where for where, _ in caught.value.problems] == ["web.config.file", "auth"]


@pytest.mark.parametrize(
    "change",
    [
        {"collection": CollectionSettings(state_file=Path("state"))},
        {"web": WebSettings(telemetry_path="/numbers")},
        {"log": LogSettings(level="debug")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_reload_says_what_it_cannot_change(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    service = Service(make(), lambda: make().model_copy(update=change))
    with capture_logs() as logs:
        service.reload()
    assert "changes of web, log and collection.state_file need a restart" in [one["event"] for one in logs]
    assert not (tmp_path / "state").exists()
    service.close()


def test_reload_warns_of_nothing_that_it_can_change(make: Make) -> None:
    service = Service(make(), lambda: make("fabrikam"))
    with capture_logs() as logs:
        service.reload()
    assert [one for one in logs if one["log_level"] == "warning"] == []
    service.close()


def test_told_to_end_before_it_serves() -> None:
    with pytest.raises(SystemExit) as caught:
        module._leave(signal.SIGTERM, None)
    assert caught.value.code == 0


def test_a_state_that_cannot_be_written_ends_nothing(make: Make, tmp_path: Path) -> None:
    """It is told once."""
    service = Service(make(state_file=str(tmp_path / "state")), make)
    service.restore()
    (tmp_path / "state.new").mkdir()
    with capture_logs() as logs:
        service.engine.adopt(Snapshot())
        for _ in range(3):
            service.engine.refresh()
    assert [one["event"] for one in logs].count("state file not written") == 1
    service.close()


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


def test_a_broken_state_that_cannot_be_set_aside(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / "state").write_text("rubbish", encoding="utf-8")
    monkeypatch.setattr(Path, "rename", refuse)
    service = Service(make(state_file=str(tmp_path / "state")), make)
    with pytest.raises(
        StateFileError, match=r"state cannot be used, it is not a state file of this exporter, nor set aside: Perm"
    ):
        service.restore()
    service._state.close()


def test_a_folder_that_cannot_hold_the_state(make: Make) -> None:
    with pytest.raises(StateFileError, match=r"cannot write /no/such/state\.lock: No such file"):
        Service(make(state_file="/no/such/state"), make).restore()


def test_a_reload_that_ends_after_the_end_starts_nothing(make: Make) -> None:
    """SIGTERM may come while it reads the settings."""
    service = Service(make(), lambda: make(interval="2m"))
    engine = service.engine
    service.close()
    service.reload()
    assert service.engine is engine
    assert not service.engine.is_alive
