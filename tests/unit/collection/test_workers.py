from __future__ import annotations

import threading
from concurrent.futures import wait

import pytest

from exporter.collection.workers import Workers


def test_results_and_errors_are_in_the_future() -> None:
    workers = Workers(2, "test")

    def fail() -> None:
        raise KeyError("x")

    assert workers.submit("a", divmod, 7, 2).result(10) == (3, 1)
    assert workers.submit("a", int, "ff", base=16).result(10) == 255
    with pytest.raises(KeyError):
        workers.submit("a", fail).result(10)
    assert workers.submit("a", str, 1).result(10) == "1"
    workers.close()


def test_not_more_than_so_many_at_once() -> None:
    workers = Workers(3, "test")
    busy = threading.Barrier(4)
    names = [workers.submit("a", lambda: (busy.wait(10), threading.current_thread().name)[1]) for _ in range(3)]
    after = workers.submit("a", lambda: threading.current_thread().name)
    assert not after.running()
    busy.wait(10)
    assert {one.result(10) for one in names} == {"test-0", "test-1", "test-2"}
    assert after.result(10) in {"test-0", "test-1", "test-2"}
    workers.close()


def test_what_is_cancelled_while_it_waits_is_not_called() -> None:
    workers = Workers(1, "test")
    started, release, called = threading.Event(), threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        release.wait(10)

    first = workers.submit("a", hold)
    assert started.wait(10)
    second = workers.submit("a", called.set)
    third = workers.submit("a", str, 3)
    assert not first.cancel()
    assert second.cancel()
    release.set()
    assert third.result(10) == "3"
    assert not called.is_set()
    workers.close()


def test_parties_take_turns() -> None:
    """Who has little to do does not wait for who has much."""
    workers = Workers(1, "test")
    started, go_on, seen = threading.Event(), threading.Event(), list[str]()

    def hold() -> None:
        started.set()
        go_on.wait(10)

    workers.submit("a", hold)
    assert started.wait(10)
    futures = [workers.submit(party, seen.append, party) for party in "aaabbc"]
    go_on.set()
    assert not wait(futures, 10).not_done
    assert "".join(seen) == "abcaba"
    workers.close()


def test_close_cancels_what_waits_and_what_comes_later() -> None:
    workers = Workers(1, "closing")
    started, go_on = threading.Event(), threading.Event()

    def hold() -> str:
        started.set()
        go_on.wait(10)
        return "done"

    first = workers.submit("a", hold)
    assert started.wait(10)
    second = workers.submit("a", str, 2)
    workers.close()
    go_on.set()
    assert first.result(10) == "done"
    assert second.cancelled()
    assert workers.submit("a", str, 3).cancelled()
    for thread in threading.enumerate():
        if thread.name.startswith("closing-"):
            thread.join(10)
            assert not thread.is_alive()


def test_threads_do_not_hold_up_the_exit() -> None:
    workers = Workers(1, "daemon")
    assert workers.submit("a", lambda: threading.current_thread().daemon).result(10)
    workers.close()
