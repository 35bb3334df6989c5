"""The unit is sound and closed, and the exporter plays its part: readiness, signs of life, sockets, no writable code."""

from __future__ import annotations

import configparser
import ctypes
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from exporter.options import load

from .conftest import Keep
from .processes import Exporter, wait_until

UNITS = Path(__file__).resolve().parents[2] / "docs" / "systemd"
SERVICE = UNITS / "azure-marketplace-exporter.service"
SOCKET = UNITS / "azure-marketplace-exporter.socket"
Tool = Callable[[str], Path]


class Manager:
    """Receives notifications, as systemd does."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(30)

    def next(self) -> str:
        return self._socket.recv(4096).decode()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    one = Manager(tmp_path)
    yield one
    one.close()


@pytest.fixture
def demo(tool: Tool) -> list[str | Path]:
    return [tool("azure-marketplace-exporter"), "--demo", "--web.listen-address=127.0.0.1:0"]


def test_notifies(manager: Manager, keep: Keep, demo: list[str | Path]) -> None:
    environ = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "200000"}
    exporter = keep(lambda folder: Exporter(demo, folder, environ=environ))
    assert manager.next() == "READY=1"
    assert exporter.get("/-/healthy").ok
    assert [manager.next() for _ in range(3)] == ["WATCHDOG=1"] * 3
    exporter.signal(signal.SIGTERM)
    wait_until(lambda: manager.next() == "STOPPING=1", "word of the end")
    assert exporter.wait() == 0


ACTIVATE = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print("socket", listener.getsockname()[1], flush=True)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_takes_over_a_socket(keep: Keep, demo: list[str | Path]) -> None:
    command: list[str | Path] = [sys.executable, "-c", ACTIVATE, *demo, "--web.systemd-socket"]
    exporter = keep(lambda folder: Exporter(command, folder))
    assert exporter.output.split() == ["socket", exporter.url.rpartition(":")[2]]
    assert exporter.get("/-/healthy").ok


def test_says_that_there_is_no_socket(tool: Tool) -> None:
    ended = subprocess.run(
        [tool("azure-marketplace-exporter"), "--demo", "--web.systemd-socket"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert "systemd handed over no socket" in ended.stderr


NO_WRITABLE_CODE = """
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit("no PR_SET_MDWE")
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_runs_without_writable_code(keep: Keep, demo: list[str | Path]) -> None:
    """MemoryDenyWriteExecute= of the unit, as the kernel itself can do it since 6.3 (PR_SET_MDWE)."""
    if ctypes.CDLL(None).prctl(66, 0, 0, 0, 0) < 0:
        pytest.skip("this kernel cannot deny writable code (Linux 6.3 can)")
    command: list[str | Path] = [sys.executable, "-c", NO_WRITABLE_CODE, *demo]
    exporter = keep(lambda folder: Exporter(command, folder))
    exporter.wait_until_ready()
    assert requests.get(exporter.url + "/", timeout=10).ok
    assert exporter.terminate() == 0
    assert "Traceback" not in exporter.log


def unit(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, comment_prefixes="#", delimiters="=")
    parser.optionxform = str  # type: ignore[assignment]
    parser.read_string(re.sub(r"\\\n\s*", "", path.read_text(encoding="utf-8")))
    return parser


def test_command_line_is_understood(tmp_path: Path) -> None:
    """Every option of the unit exists, and the secret is the one that the unit loads."""
    service = unit(SERVICE)["Service"]
    (tmp_path / "exporter.yaml").write_text("publishers: [contoso]\n", encoding="utf-8")
    _, *arguments = shlex.split(service["ExecStart"])
    name = service["LoadCredential"].partition(":")[0]
    arguments = [one.replace("/etc/azure-marketplace-exporter", str(tmp_path)) for one in arguments]
    settings = load([one.replace("%d", "/run/credentials").replace("%S", "/var/lib") for one in arguments], {})
    assert settings.auth.token_file == Path("/run/credentials") / name
    assert settings.collection.state_file
    assert settings.collection.state_file.parent == Path("/var/lib") / service["StateDirectory"]
    assert unit(SOCKET)["Socket"]["ListenStream"] == settings.web.listen_address[0].removeprefix(":")


@pytest.fixture
def installed(tmp_path: Path) -> list[Path]:
    """The units with a program that exists."""
    copies = [tmp_path / one.name for one in (SERVICE, SOCKET)]
    for original, copy in zip((SERVICE, SOCKET), copies, strict=True):
        program = "/opt/azure-marketplace-exporter/bin/azure-marketplace-exporter"
        copy.write_text(
            original.read_text(encoding="utf-8").replace(program, shutil.which("true") or ""), encoding="utf-8"
        )
    return copies


def test_units_are_valid(tool: Tool, installed: list[Path]) -> None:
    ended = subprocess.run([tool("systemd-analyze"), "verify", *installed], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert not [line for line in ended.stderr.splitlines() if "azure-marketplace" in line]


def test_service_is_hardened(tool: Tool, installed: list[Path]) -> None:
    """The exposure that systemd reckons, from 0 (closed) to 10; what is left is the network and the host's file system."""
    ended = subprocess.run(
        [tool("systemd-analyze"), "security", "--offline=yes", "--no-pager", "--threshold=15", installed[0]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-2000:]
