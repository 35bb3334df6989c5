import os
import re
import socket
from collections.abc import Iterator

import pytest

from exporter.domain.errors import ServeError
from exporter.web.listen import bound, inherited, listen, url


@pytest.fixture
def opened() -> Iterator[list[socket.socket]]:
    sockets: list[socket.socket] = []
    yield sockets
    for one in sockets:
        one.close()


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("127.0.0.1:0", "http://127.0.0.1:"),
        ("localhost:0", "http://"),
        (":0", "http://127.0.0.1:"),
        ("[::1]:0", "http://[::1]:"),
    ],
)
def test_listens_where_it_is_told(opened: list[socket.socket], address: str, prefix: str) -> None:
    if "::1" in address and not has_ipv6():
        pytest.skip("no IPv6 on this host")
    opened += listen([address])
    assert url(opened[0]).startswith(prefix)
    host = url(opened[0]).partition("//")[2].rpartition(":")[0].strip("[]")
    with socket.create_connection((host, opened[0].getsockname()[1]), timeout=5):
        pass


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    ("address", "shown"),
    [("127.0.0.1:0", r"127\.0\.0\.1"), ("0.0.0.0:0", r"0\.0\.0\.0"), (":0", r"(\[::\]|0\.0\.0\.0)")],
)
def test_tells_a_loopback_from_all_addresses(opened: list[socket.socket], address: str, shown: str) -> None:
    opened += listen([address])
    assert re.fullmatch(rf"{shown}:[1-9]\d*", bound(opened[0]))


def test_writes_the_scheme(opened: list[socket.socket]) -> None:
    opened += listen(["127.0.0.1:0"])
    assert url(opened[0], "https").startswith("https://127.0.0.1:")


def test_all_addresses_work_on_a_host_without_ipv6(
    opened: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    opened += listen([":0"])
    assert opened[0].family is socket.AF_INET


def test_all_addresses_work_where_ipv6_is_switched_off(
    opened: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = socket.create_server

    def create_server(address: tuple[str, int], **options: object) -> socket.socket:
        if options.get("family") is socket.AF_INET6:
            raise OSError("address family not supported")
        return create(address, backlog=1)

    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: True)
    monkeypatch.setattr(socket, "create_server", create_server)
    opened += listen([":0"])
    assert opened[0].family is socket.AF_INET


def test_a_taken_address_is_told_and_nothing_stays_open(opened: list[socket.socket]) -> None:
    opened += listen(["127.0.0.1:0"])
    taken = f"127.0.0.1:{opened[0].getsockname()[1]}"
    with pytest.raises(ServeError, match=f"^cannot listen on {taken}: Address already in use"):
        listen(["127.0.0.1:0", taken])


def environ(count: str = "1", pid: int | None = None) -> dict[str, str]:
    return {"LISTEN_FDS": count, "LISTEN_PID": str(pid or os.getpid())}


def test_takes_over_sockets(opened: list[socket.socket]) -> None:
    opened += listen(["127.0.0.1:0"])
    where = opened[0].getsockname()
    os.set_inheritable(opened[0].fileno(), True)
    number = opened.pop().detach()
    opened += inherited(environ(), first=number)
    assert [one.getsockname() for one in opened] == [where]
    assert not os.get_inheritable(number)


@pytest.mark.parametrize("bad", [{}, environ("0"), environ("x"), environ(pid=1), {"LISTEN_FDS": "1"}])
def test_tells_that_there_is_no_socket(bad: dict[str, str]) -> None:
    with pytest.raises(ServeError, match="handed over no socket"):
        inherited(bad)


def test_refuses_what_does_not_listen(opened: list[socket.socket]) -> None:
    opened += socket.socketpair()
    with pytest.raises(ServeError, match="is no listening TCP socket"):
        inherited(environ(), first=opened[0].fileno())


def test_refuses_what_is_no_socket() -> None:
    with pytest.raises(ServeError, match="cannot be used: Bad file descriptor"):
        inherited(environ(), first=10_000)
