from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests

from exporter.simulator.cli import address, main
from exporter.simulator.server import Listening

from .conftest import until

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = [sys.executable, "-c", "import sys; from exporter.simulator.cli import main; sys.exit(main())"]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on ")
            yield line.removeprefix("listening on ").strip(), process
        finally:
            process.kill()


def offers(url: str, publisher: str, token: str = "t") -> requests.Response:
    return requests.get(
        f"{url}/api/publishers/{publisher}/offers?api-version=2017-10-31",
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_the_demo_until_told_to_stop(number: signal.Signals) -> None:
    with running() as (url, process):
        assert len(offers(url, "contoso").json()) == 8
        assert requests.get(f"{url}/control/requests", timeout=10).status_code == 404
        process.send_signal(number)
        assert process.wait(10) == 0


def test_serves_the_other_scenarios_as_told() -> None:
    with running(
        "--scenario", "scale", "--offers", "30", "--publishers", "2", "--token", "secret", "--forbid", "publisher-001"
    ) as (url, _):
        assert offers(url, "publisher-001", "secret").status_code == 403
        assert len(offers(url, "publisher-002", "secret").json()) == 15
        assert offers(url, "publisher-002", "other").status_code == 401
    with running("--scenario", "empty", "--publisher", "acme", "--forbid", "evil", "--control") as (url, _):
        assert offers(url, "acme").json() == []
        assert offers(url, "evil").status_code == 403
        assert requests.get(f"{url}/control/requests", timeout=10).json()["total"] == 2


def test_tells_why_it_cannot_listen(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["--listen-address", address]) == 1
    assert capsys.readouterr().err.startswith(f"cannot listen on {address}: ")


def test_faults_and_audience_by_flag() -> None:
    fault = '{"kind": "status", "status": 418, "operation": "list_offers", "times": 1}'
    with running("--fault", fault, "--require-audience", "--client-secret", "s") as (url, _):
        assert offers(url, "contoso").status_code == 418
        assert offers(url, "contoso").status_code == 401
        form = {
            "grant_type": "client_credentials",
            "client_secret": "s",
            "scope": "https://cloudpartner.azure.com/.default",
        }
        token = requests.post(f"{url}/tenant/oauth2/v2.0/token", data=form, timeout=10).json()["access_token"]
        assert offers(url, "contoso", token).status_code == 200
        answer = requests.post(f"{url}/t/oauth2/v2.0/token", data=form | {"client_secret": "x"}, timeout=10)
        assert answer.json()["error"] == "invalid_client"


def test_a_wrong_fault_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--fault", "{"])
    assert "--fault" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--speed", "0"], ["--listen-address", "nowhere"], ["--token-lifetime", "-1"]])
def test_wrong_flags_are_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert arguments[0] in capsys.readouterr().err


def test_addresses_have_hosts_and_ports() -> None:
    assert [address(text) for text in (":80", "a:1", "[::1]:2")] == [("127.0.0.1", 80), ("a", 1), ("::1", 2)]


def test_a_signal_ends_the_process_with_success(capsys: pytest.CaptureFixture[str]) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def stop_when_it_serves() -> None:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(url))
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop_when_it_serves)
    thread.start()
    try:
        with pytest.raises(SystemExit, match="0"):
            main(["--listen-address", f"127.0.0.1:{port}", "--scenario", "scale", "--offers", "1", "--epoch", "0"])
    finally:
        thread.join()
        for number, handler in before.items():
            signal.signal(number, handler)
    assert capsys.readouterr().out == f"listening on http://127.0.0.1:{port}\n"


def answers(url: str) -> bool:
    try:
        return bool(offers(url, "publisher-001").json()[0]["id"] == "offer-00000")
    except requests.ConnectionError:
        return False


def test_flags_reach_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[str] = []

    def run(listening: Listening) -> None:
        served.append(listening.url)
        listening.sock.close()

    monkeypatch.setattr(Listening, "run", run)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    flags = ["--scenario", "empty", "--publisher", "acme", "--speed", "5", "--account", "acme"]
    assert main(flags) == 0
    assert served[0].startswith("http://127.0.0.1:")
