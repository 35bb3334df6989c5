from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait

import pytest

from exporter.collection.workers import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    one = Workers(1, "test")
    yield one
    one.close()


def busy(workers: Workers) -> tuple[Future[str], Callable[[], None]]:
    """The only worker has something to do; gives that, and what ends it."""
    started, go_on = threading.Event(), threading.Event()

    def hold() -> str:
        started.set()
        go_on.wait(10)
        return "done"

    future = workers.submit("a", hold)
    assert started.wait(10)
    return future, go_on.set


def test_results_and_errors_are_in_the_future(workers: Workers) -> None:
    """The thread goes on after an error, and is a daemon, which holds up no exit."""
    assert workers.submit("a", divmod, 7, 2).result(10) == (3, 1)
    with pytest.raises(ValueError, match="invalid literal"):
        workers.submit("a", int, "x").result(10)
    assert workers.submit("a", int, "ff", base=16).result(10) == 255
    assert workers.submit("a", lambda: threading.current_thread().daemon).result(10)


def test_not_more_than_so_many_at_once() -> None:
    workers = Workers(3, "test")
    barrier = threading.Barrier(4)
    names = [workers.submit("a", lambda: (barrier.wait(10), threading.current_thread().name)[1]) for _ in range(3)]
    after = workers.submit("a", lambda: threading.current_thread().name)
    assert not after.running()
    barrier.wait(10)
    assert {one.result(10) for one in names} == {"test-0", "test-1", "test-2"}
    assert after.result(10) in {"test-0", "test-1", "test-2"}
    workers.close()


def test_what_is_cancelled_while_it_waits_is_not_called(workers: Workers) -> None:
    first, end = busy(workers)
    called = threading.Event()
    second, third = workers.submit("a", called.set), workers.submit("a", str, 3)
    assert (first.cancel(), second.cancel()) == (False, True)
    end()
    assert third.result(10) == "3"
    assert not called.is_set()


def test_parties_take_turns(workers: Workers) -> None:
    """Who has little to do does not wait for who has much."""
    _, end = busy(workers)
    seen: list[str] = []
    futures = [workers.submit(party, seen.append, party) for party in "aaabbc"]
    end()
    assert not wait(futures, 10).not_done
    assert "".join(seen) == "abcaba"


def test_close_cancels_what_waits_and_what_comes_later_and_ends_the_threads() -> None:
    workers = Workers(1, "closing")
    first, end = busy(workers)
    second = workers.submit("a", str, 2)
    workers.close()
    end()
    assert first.result(10) == "done"
    assert second.cancelled()
    assert workers.submit("a", str, 3).cancelled()
    for thread in threading.enumerate():
        if thread.name.startswith("closing-"):
            thread.join(10)
            assert not thread.is_alive()
