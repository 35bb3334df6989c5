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
import yaml

from exporter.config.options import CommandLine, load
from exporter.domain.errors import ConfigError
from exporter.sources.registry import SOURCES

from .conftest import Keep
from .processes import Exporter, wait_until

UNITS = Path(__file__).resolve().parents[2] / "docs" / "systemd"
SERVICE = UNITS / "azure-marketplace-exporter.service"
SOCKET = UNITS / "azure-marketplace-exporter.socket"
TEXT = SERVICE.read_text(encoding="utf-8")
INSTALL = (UNITS.parent / "install.md").read_text(encoding="utf-8").partition("## systemd")[2]
EXAMPLE = INSTALL.partition("```yaml\n")[2].partition("```")[0]
QUOTED = set(re.findall("`[^`]*`", INSTALL))
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
def demo(command: Path) -> list[str | Path]:
    return [command, "--demo", "--web.listen-address=127.0.0.1:0"]


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


def parsed(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, comment_prefixes="#", delimiters="=")
    parser.optionxform = str  # type: ignore[assignment]  # as its documentation says
    parser.read_string(re.sub(r"\\\n\s*", "", text))
    return parser


def settings_of(text: str, folder: Path, **auth: str) -> CommandLine:
    """Load what the unit's command line says, with the settings of the documentation, changed as given."""
    content = yaml.safe_load(EXAMPLE)
    content["auth"] = auth or content["auth"]
    (folder / "exporter.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    _, *arguments = shlex.split(parsed(text)["Service"]["ExecStart"])
    arguments = [one.replace("/etc/azure-marketplace-exporter", str(folder)) for one in arguments]
    return load(
        [one.replace("%d", "/run/credentials").replace("%S", "/var/lib") for one in arguments], {}, sources=SOURCES
    )


def credential(text: str) -> Path:
    """Where the one credential is that the unit loads."""
    lines: list[str] = re.findall(r"^LoadCredential=(.*)$", text, re.MULTILINE)
    (line,) = lines
    name, _, file = line.partition(":")
    assert file == f"/etc/azure-marketplace-exporter/{name}"
    return Path("/run/credentials") / name


def test_command_line_is_understood(tmp_path: Path) -> None:
    """Every option of the unit exists, the secret is the one that it loads, and the documentation has the other settings."""
    service = parsed(TEXT)["Service"]
    settings = settings_of(TEXT, tmp_path)
    assert settings.auth.method == "client_secret"
    assert settings.auth.client_secret_file == credential(TEXT)
    assert settings.collection.state_file
    assert settings.collection.state_file.parent == Path("/var/lib") / service["StateDirectory"]
    assert parsed(SOCKET.read_text(encoding="utf-8"))["Socket"]["ListenStream"] == settings.web.listen_address[
        0
    ].removeprefix(":")


def test_threads_for_many_publishers() -> None:
    """Each publisher is refreshed in a thread of its own; the documentation promises 300 of them."""
    assert "`TasksMax=512`" in (UNITS.parent / "web.md").read_text(encoding="utf-8")
    assert int(parsed(TEXT)["Service"]["TasksMax"]) == 512


def test_with_a_token(tmp_path: Path) -> None:
    assert {"`auth: {method: token}`", "`sed -i s/client-secret/token/g`"} <= QUOTED
    changed = TEXT.replace("client-secret", "token")
    assert settings_of(changed, tmp_path, method="token").auth.token_file == credential(changed)
    with pytest.raises(ConfigError, match="does not use client_secret_file"):
        settings_of(TEXT, tmp_path, method="token", token_file="/token")


def test_with_a_managed_identity(tmp_path: Path) -> None:
    assert {"`auth: {method: managed_identity}`", "`sed -i /client-secret/d`"} <= QUOTED
    changed = "".join(line for line in TEXT.splitlines(keepends=True) if "client-secret" not in line)
    assert "LoadCredential" not in changed
    assert settings_of(changed, tmp_path, method="managed_identity").collection.state_file


def test_with_a_certificate(tmp_path: Path) -> None:
    flag = "--auth.certificate-file=%d/client.pem"
    line = "LoadCredential=client.pem:/etc/azure-marketplace-exporter/client.pem"
    assert {f"`{flag}`", f"`{line}`"} <= QUOTED
    changed = re.sub(r"^LoadCredential=.*$", line, TEXT, flags=re.MULTILINE)
    changed = changed.replace("--auth.client-secret-file=%d/client-secret", flag)
    auth = yaml.safe_load(EXAMPLE)["auth"] | {"method": "client_certificate"}
    assert settings_of(changed, tmp_path, **auth).auth.certificate_file == credential(changed)


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
