"""An API that answers what a test has written down, over real HTTP, to a real exporter."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Reply", "Scripted", "scripted"]


@dataclass(frozen=True)
class Reply:
    """One answer; a text is sent as it is, all else as JSON, `after` so many seconds."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0


class Scripted:
    """Answers by path, without the query; what is not written down is 404."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.url = ""
        self.answers = dict(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []

    def reply(self, path: str, query: str, headers: dict[str, str]) -> Reply:
        self.asked.append((f"{path}?{query}", headers))
        answer = self.answers.get(path, Reply({"error": {"code": "NotFound", "message": "unknown"}}, 404))
        if callable(answer):
            answer = answer(query)
        return answer if isinstance(answer, Reply) else Reply(answer)


@contextmanager
def scripted(answers: Mapping[str, Any]) -> Iterator[Scripted]:
    site = Scripted(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            reply = site.reply(path, query, dict(self.headers))
            time.sleep(reply.after)
            body = (reply.body if isinstance(reply.body, str) else json.dumps(reply.body)).encode()
            self.send_response(reply.status)
            for name, value in {**reply.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
