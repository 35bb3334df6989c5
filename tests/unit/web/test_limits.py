import ctypes
import resource
import socket
from unittest.mock import Mock

import pytest

from exporter.web import limits


def test_the_soft_limit_of_open_files_becomes_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, hard - 1), hard))
    try:
        limits.raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_system_that_forbids_it_or_has_another_c_library_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1, 2))
    monkeypatch.setattr(resource, "setrlimit", Mock(side_effect=PermissionError))
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    limits.raise_file_limit()
    limits.return_memory()


def test_large_blocks_go_back_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Mock()
    monkeypatch.setattr(ctypes, "CDLL", library)
    limits.return_memory()
    library.return_value.mallopt.assert_called_once_with(-3, 64 * 1024)


def test_accepted_connections_hold_little_and_send_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        limits.tune(listener)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            # Linux doubles it, for its own book-keeping.
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * limits.SEND_BUFFER
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
