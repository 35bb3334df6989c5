import os
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from exporter.domain.errors import ServeError
from exporter.web.listen import bound, inherited, listen, url


@pytest.fixture
def opened() -> Iterator[list[socket.socket]]:
    sockets: list[socket.socket] = []
    yield sockets
    for one in sockets:
        one.close()


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    ("address", "where", "bound_to"),
    [
        ("127.0.0.1:0", r"https://127\.0\.0\.1", r"127\.0\.0\.1"),
        ("0.0.0.0:0", r"https://127\.0\.0\.1", r"0\.0\.0\.0"),
        (":0", r"https://127\.0\.0\.1", r"(\[::\]|0\.0\.0\.0)"),
        ("localhost:0", r"https://(127\.0\.0\.1|\[::1\])", r"(127\.0\.0\.1|\[::1\])"),
        ("[::1]:0", r"https://\[::1\]", r"\[::1\]"),
    ],
)
def test_listens_where_it_is_told(opened: list[socket.socket], address: str, where: str, bound_to: str) -> None:
    if "::1" in address and not has_ipv6():
        pytest.skip("no IPv6 on this host")
    opened += listen([address])
    shown = url(opened[0], "https")
    assert re.fullmatch(rf"{where}:[1-9]\d*", shown)
    assert re.fullmatch(rf"{bound_to}:[1-9]\d*", bound(opened[0]))
    host, _, port = shown.removeprefix("https://").rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()


@pytest.mark.parametrize("has_dualstack", [False, True])
def test_all_addresses_work_without_ipv6(
    opened: list[socket.socket], monkeypatch: pytest.MonkeyPatch, *, has_dualstack: bool
) -> None:
    """On a host that has none, and on one where it is switched off."""
    create = socket.create_server

    def create_server(address: tuple[str, int], **options: Any) -> socket.socket:
        if options.get("family") is socket.AF_INET6:
            raise OSError("address family not supported")
        return create(address, **options)

    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: has_dualstack)
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


def test_refuses_what_does_not_listen_and_what_is_no_socket(opened: list[socket.socket]) -> None:
    opened += socket.socketpair()
    with pytest.raises(ServeError, match="is no listening TCP socket"):
        inherited(environ(), first=opened[0].fileno())
    with pytest.raises(ServeError, match="cannot be used: Bad file descriptor"):
        inherited(environ(), first=10_000)
