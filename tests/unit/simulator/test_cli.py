from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from exporter.simulator.cli import address, main

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
        process.send_signal(number)
        assert process.wait(10) == 0


def test_serves_what_the_flags_say() -> None:
    with running(
        *("--scenario", "scale", "--offers", "30", "--publishers", "2", "--forbid", "publisher-001"),
        *("--token", "secret", "--account", "publisher-002", "--page-size", "7", "--quirk", "unfiltered-refused"),
    ) as (url, _):
        assert offers(url, "publisher-001", "secret").status_code == 403
        assert len(offers(url, "publisher-002", "secret").json()) == 15
        assert offers(url, "publisher-002", "other").status_code == 401
        ask: dict[str, Any] = {"headers": {"Authorization": "Bearer secret"}, "timeout": 10}
        page = requests.get(f"{url}/rp/product-ingestion/product", **ask).json()["value"]
        assert [one["identity"]["externalId"] for one in page] == [f"offer-{number:05}" for number in range(1, 14, 2)]
        assert requests.get(f"{url}/v1.0/ingestion/products", **ask).status_code == 400


def test_tells_why_it_cannot_listen(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert main(["--listen-address", address]) == 1
    assert capsys.readouterr().err.startswith(f"cannot listen on {address}: ")


@pytest.mark.parametrize("arguments", [["--speed", "0"], ["--listen-address", "nowhere"], ["--quirk", "mood"]])
def test_wrong_flags_are_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert arguments[0] in capsys.readouterr().err


def test_addresses_have_hosts_and_ports() -> None:
    assert [address(text) for text in (":80", "a:1", "[::1]:2")] == [("127.0.0.1", 80), ("a", 1), ("::1", 2)]
