"""A local HTTP server that answers by script, down to the bytes."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Answer", "Stub", "stub"]

Answer = Callable[["Handler"], None]


class Handler(http.server.BaseHTTPRequestHandler):
    """Notes the request and lets the script answer."""

    protocol_version = "HTTP/1.1"
    stub: Stub

    def do_GET(self) -> None:
        self.stub.requests.append((self.path, dict(self.headers.items())))
        answers = self.stub.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def say(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        """Answer as one should."""
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Stub:
    """The running server; `answers` are given one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.answers: list[Answer] = [lambda handler: handler.say(200)]
        handler = type("ScriptedHandler", (Handler,), {"stub": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def statuses(self, *statuses: int, body: bytes = b"{}", **headers: str) -> None:
        """Answer with these statuses."""
        self.answers = [lambda handler, one=one: handler.say(one, body, **headers) for one in statuses]  # type: ignore[misc]

    def raw(self, *pieces: bytes) -> None:
        """Send these bytes, then close."""

        def answer(handler: Handler) -> None:
            handler.connection.sendall(b"".join(pieces))
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True

        self.answers = [answer]


@contextmanager
def stub() -> Iterator[Stub]:
    """Run a stub."""
    one = Stub()
    one.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients leave in the middle
    one.server.daemon_threads = True
    thread = threading.Thread(target=one.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.server.shutdown()
        one.server.server_close()
        thread.join(10)
