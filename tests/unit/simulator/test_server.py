from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from exporter.simulator import Simulator, empty, serve_in_thread
from exporter.simulator.server import make_server

from .conftest import until

if TYPE_CHECKING:
    from .conftest import Client, Start


def connects(client: Client) -> bool:
    address = urlsplit(client.url)
    try:
        socket.create_connection((address.hostname, address.port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_refuses_connections_for_a_while_and_comes_back_on_the_same_port(start: Start) -> None:
    client = start(empty("acme"))
    assert client.ask("POST", "/control/refuse", json={"seconds": 0.3}).status_code == 204
    until(lambda: not connects(client))
    with pytest.raises(requests.ConnectionError, match="refused"):
        client.cpp("/acme/offers")
    until(lambda: connects(client))
    assert client.cpp("/acme/offers").status_code == 200


def test_refusing_ends_connections_that_were_kept_alive(start: Start) -> None:
    client = start(empty("acme"))
    with requests.Session() as session:
        url = f"{client.url}/api/publishers?api-version=2017-10-31"
        headers = {"Authorization": "Bearer x"}
        assert session.get(url, headers=headers, timeout=10).status_code == 200
        client.ask("POST", "/control/refuse", json={"seconds": 60})
        until(lambda: not connects(client))
        with pytest.raises(requests.ConnectionError):
            session.get(url, headers=headers, timeout=10)


@pytest.mark.parametrize("body", [{}, [], {"seconds": "3"}])
def test_refusing_needs_a_time(start: Start, body: object) -> None:
    assert start(empty()).ask("POST", "/control/refuse", json=body).status_code == 400


def test_ends_with_its_context_and_frees_the_port() -> None:
    with serve_in_thread(Simulator(empty("acme")).app) as server:
        port = urlsplit(server.url).port
        assert server.url == f"http://127.0.0.1:{port}"
        assert requests.get(server.url, timeout=10).status_code == 404
    with serve_in_thread(Simulator(empty()).app, port=port or 0) as again:
        assert again.url == server.url


def test_a_port_in_use_is_an_error() -> None:
    with serve_in_thread(Simulator(empty()).app) as server, pytest.raises(OSError, match="in use"):
        serve_in_thread(Simulator(empty()).app, port=urlsplit(server.url).port or 0)


def test_addresses_of_version_six_stand_in_brackets() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listening = make_server(Simulator(empty()).app, "::1", 0)
    except OSError:
        pytest.skip("no IPv6 loopback here")
    assert listening.url.startswith("http://[::1]:")
    listening.sock.close()
