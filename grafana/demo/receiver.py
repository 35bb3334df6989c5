"""A receiver for the demo stack: prints each notification of Alertmanager, and shows the latest on a page.

    python receiver.py [HOST:PORT [RUNBOOKS]]

Alertmanager posts JSON (version 4 of its webhook format) to any path; GET shows the last hundred of them as text, and below
/runbooks/ the files of the folder RUNBOOKS.
"""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

__all__ = ["Receiver", "main", "readable"]

LONGEST_BODY = 1_000_000


def readable(receiver: str, message: dict[str, Any]) -> Iterator[str]:
    """Put a notification into lines: who is told, each alert with state, severity and summary, and its message and links."""
    for alert in message["alerts"]:
        labels, annotations = alert["labels"], alert.get("annotations", {})
        what = " ".join(annotations.get("summary", labels.get("alertname", "")).split())
        yield f"{receiver}: {alert['status']} {labels.get('severity', '')} {labels.get('alertname', '')}: {what}"
        for name in ("message", *sorted(one for one in annotations if one.endswith("_url"))):
            if text := annotations.get(name):
                yield f"    {text}"


class Receiver(BaseHTTPRequestHandler):
    """Answers POST and GET; all requests share the notifications."""

    told: ClassVar[deque[str]] = deque(maxlen=100)
    runbooks: ClassVar[Path | None] = None
    timeout = 10

    def do_POST(self) -> None:
        """Take a notification."""
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= LONGEST_BODY:
            return self._answer(400, "expected a JSON body of at most a megabyte")
        try:
            lines = list(readable(self.path.strip("/"), json.loads(self.rfile.read(length))))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return self._answer(400, f"not a notification: {error!r}")
        print("\n".join(lines), flush=True)
        self.told.append("\n".join(lines))
        return self._answer(200, "")

    def do_GET(self) -> None:
        """Show a runbook, or the latest notifications, newest first."""
        if self.path.startswith("/runbooks/"):
            files = {f"/runbooks/{one.name}": one for one in self.runbooks.glob("*.md")} if self.runbooks else {}
            found = files.get(self.path)
            return self._answer(200, found.read_text("utf-8")) if found else self._answer(404, "no such runbook")
        return self._answer(200, "\n".join(reversed(self.told)) or "no notification yet")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Keep the log to notifications."""

    def _answer(self, code: int, text: str) -> None:
        body = (text + "\n").encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    host, _, port = (arguments[0] if arguments else "127.0.0.1:9099").rpartition(":")
    Receiver.runbooks = Path(arguments[1]) if arguments[1:] else None
    server = ThreadingHTTPServer((host, int(port)), Receiver)
    print(f"listening on http://{host}:{server.server_port}", flush=True)
    with suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
