"""A fixed number of threads that work off calls of several parties in turn.

The standard pool joins its threads when the interpreter ends, so one request that hangs would hold up the exit for as long
as it pleases; these threads are daemons.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

__all__ = ["Workers"]

Args = ParamSpec("Args")
Result = TypeVar("Result")


class Workers:
    """At most `count` calls at once, each in a thread; threads start when they are first needed."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._threads = 0
        self._closed = False
        self._changed = threading.Condition()
        self._queues: dict[str, deque[tuple[Future[Any], Callable[[], None]]]] = {}

    def submit(
        self, party: str, call: Callable[Args, Result], *args: Args.args, **kwargs: Args.kwargs
    ) -> Future[Result]:
        """Queue a call behind those of the same party; parties that wait are served in turn, one call each."""
        future: Future[Result] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(call(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - the future hands it to whoever waits
                future.set_exception(error)

        with self._changed:
            if self._closed:
                future.cancel()
                return future
            self._queues.setdefault(party, deque()).append((future, work))
            if self._threads < self._count:
                name = f"{self._name}-{self._threads}"
                self._threads += 1
                threading.Thread(target=self._run, name=name, daemon=True).start()
            self._changed.notify()
        return future

    def close(self) -> None:
        """Every thread ends after the call it is at; what waits is cancelled."""
        with self._changed:
            self._closed = True
            waiting = [future for queue in self._queues.values() for future, _ in queue]
            self._queues.clear()
            self._changed.notify_all()
        for future in waiting:
            future.cancel()

    def _run(self) -> None:
        while (work := self._next()) is not None:
            work()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._queues and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            party = next(iter(self._queues))
            queue = self._queues.pop(party)
            _, work = queue.popleft()
            if queue:
                self._queues[party] = queue  # behind the others
            return work
