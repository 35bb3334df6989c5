import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest
import structlog

from exporter.web.notify import notify, watchdog, watchdog_interval


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.settimeout(10)
        yield one


def test_sends_states_one_to_a_line(manager: socket.socket, tmp_path: Path) -> None:
    manager.bind(str(tmp_path / "notify"))
    assert notify("READY=1", "STATUS=well", environ={"NOTIFY_SOCKET": str(tmp_path / "notify")})
    assert manager.recv(100) == b"READY=1\nSTATUS=well"


def test_knows_abstract_addresses(manager: socket.socket) -> None:
    name = f"exporter-test-{os.getpid()}"
    manager.bind("\0" + name)
    assert notify("READY=1", environ={"NOTIFY_SOCKET": "@" + name})
    assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_is_silent_without_a_manager(environ: dict[str, str]) -> None:
    assert not notify("READY=1", environ=environ)


def test_a_manager_that_is_gone_is_only_logged(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as lines:
        assert not notify("READY=1", environ={"NOTIFY_SOCKET": str(tmp_path / "nothing")})
    assert [line["event"] for line in lines] == ["cannot notify systemd"]


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_a_sign_of_life_is_due_twice_as_often_as_wanted(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_interval(environ) == seconds


def test_signs_of_life_stop_with_the_collection(manager: socket.socket, tmp_path: Path) -> None:
    manager.bind(str(tmp_path / "notify"))
    environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000000"}
    alive = Mock(side_effect=[True, False, True])
    sleep = AsyncMock(side_effect=[None, None, asyncio.CancelledError()])
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(watchdog(alive, environ=environ, sleep=sleep))
    assert [call.args for call in sleep.await_args_list] == [(10.0,)] * 3
    assert [manager.recv(100) for _ in range(2)] == [b"WATCHDOG=1"] * 2
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)


def test_without_a_watchdog_there_is_nothing_to_do() -> None:
    asyncio.run(watchdog(lambda: True, environ={}))
