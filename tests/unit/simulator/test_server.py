from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from exporter.simulator import Simulator, empty, serve_in_thread
from exporter.simulator.faults import Fault
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


def test_refusing_twice_is_refusing_once(start: Start) -> None:
    client = start(empty("acme"))
    address = urlsplit(client.url)
    body = b'{"seconds": 0.2}'
    request = b"POST /control/refuse HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with socket.create_connection((address.hostname, address.port), timeout=10) as sock:
        sock.sendall(request * 2)
        received = b""
        while chunk := sock.recv(65536):
            received += chunk
    assert received.count(b"204 No Content") == 2
    until(lambda: connects(client))
    assert client.cpp("/acme/offers").status_code == 200


def test_a_port_that_is_not_yet_free_is_waited_for() -> None:
    class Slow:
        tries = 0

        def bind(self, _address: object) -> None:
            self.tries += 1
            if self.tries < 3:
                raise OSError("in use")

    listening = make_server(Simulator(empty()).app, "127.0.0.1", 0)
    listening.sock.close()
    slow = Slow()
    asyncio.run(listening.server._bind(slow))  # type: ignore[arg-type]
    assert slow.tries == 3


def test_a_client_that_does_not_read_cannot_keep_the_server_from_ending() -> None:
    simulator = Simulator(empty("acme"), faults=[Fault(kind="oversize")])
    with serve_in_thread(simulator.app) as server:
        address = urlsplit(server.url)
        sock = socket.create_connection((address.hostname, address.port), timeout=10)
        sock.sendall(b"GET /api/publishers HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: simulator.seen.in_flight == 1)
    sock.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), timeout=5)


def test_answers_are_not_held_back_by_the_network_stack() -> None:
    with serve_in_thread(Simulator(empty()).app) as server:
        address = urlsplit(server.url)
        with socket.create_connection((address.hostname, address.port), timeout=10) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(65536).startswith(b"HTTP/1.1 404")
            (protocol,) = server._server.server_state.connections
            accepted = protocol.transport.get_extra_info("socket")
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
