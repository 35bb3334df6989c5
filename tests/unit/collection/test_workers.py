from __future__ import annotations

import threading
from concurrent.futures import wait

import pytest

from exporter.collection.workers import Workers


def test_results_and_errors_are_in_the_future() -> None:
    workers = Workers(2, "test")

    def fail() -> None:
        raise KeyError("x")

    assert workers.submit(divmod, 7, 2).result(10) == (3, 1)
    assert workers.submit(int, "ff", base=16).result(10) == 255
    with pytest.raises(KeyError):
        workers.submit(fail).result(10)
    assert workers.submit(str, 1).result(10) == "1"
    workers.close()


def test_not_more_than_so_many_at_once() -> None:
    workers = Workers(3, "test")
    busy = threading.Barrier(4)
    names = [workers.submit(lambda: (busy.wait(10), threading.current_thread().name)[1]) for _ in range(3)]
    after = workers.submit(lambda: threading.current_thread().name)
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

    first = workers.submit(hold)
    assert started.wait(10)
    second = workers.submit(called.set)
    third = workers.submit(str, 3)
    assert not first.cancel()
    assert second.cancel()
    release.set()
    assert third.result(10) == "3"
    assert not called.is_set()
    workers.close()


def test_close_ends_the_threads_after_what_is_queued() -> None:
    workers = Workers(2, "closing")
    futures = [workers.submit(str, one) for one in range(20)]
    workers.close()
    assert not wait(futures, 10).not_done
    for thread in threading.enumerate():
        if thread.name.startswith("closing-"):
            thread.join(10)
            assert not thread.is_alive()


def test_threads_do_not_hold_up_the_exit() -> None:
    workers = Workers(1, "daemon")
    assert workers.submit(lambda: threading.current_thread().daemon).result(10)
    workers.close()
