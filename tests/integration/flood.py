"""A program: some connections that ask for the same thing without a pause; prints how many bytes came back.

    flood.py HOST PORT SOURCE CONNECTIONS SECONDS

It is a process of its own, so that it does not slow down the scraper that is timed beside it. A connection that is ended
is opened again.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import time

REQUESTS = b"GET /nothing HTTP/1.1\r\nHost: exporter\r\n\r\n" * 20


def main(host: str, port: str, source: str, connections: str, seconds: str) -> None:
    """Flood the address for so many seconds."""
    poll = select.poll()
    crowd: dict[int, socket.socket] = {}

    def connect() -> None:
        one = socket.socket()
        one.bind((source, 0))
        one.settimeout(1)
        with contextlib.suppress(OSError):
            one.connect((host, int(port)))
        one.setblocking(False)
        crowd[one.fileno()] = one
        poll.register(one, select.POLLIN | select.POLLOUT)

    for _ in range(int(connections)):
        connect()
    received = 0
    until = time.monotonic() + float(seconds)
    while time.monotonic() < until:
        for number, event in poll.poll(100):
            one = crowd[number]
            try:
                if event & select.POLLIN:
                    data = one.recv(65536)
                    received += len(data)
                    if not data:
                        raise ConnectionResetError
                if event & select.POLLOUT:
                    one.send(REQUESTS)
            except BlockingIOError:
                continue
            except OSError:
                poll.unregister(one)
                crowd.pop(number).close()
                connect()
    print(received)


if __name__ == "__main__":
    main(*sys.argv[1:])
