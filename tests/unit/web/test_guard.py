import asyncio
import base64
import hashlib
import threading

import pytest

from exporter.web.guard import BusyError, Turnstile, page_headers, security_headers


def test_a_page_may_use_its_own_style_and_nothing_else() -> None:
    digest = base64.b64encode(hashlib.sha256(b"p{}").digest()).decode()
    assert page_headers("p{}") == security_headers(
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def test_every_answer_carries_the_usual_headers() -> None:
    assert security_headers() == {
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def test_work_is_done_in_a_thread_and_one_at_a_time() -> None:
    under_way, most = 0, 0

    def work() -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        under_way -= 1
        return threading.get_ident()

    async def run() -> list[int]:
        turnstile = Turnstile()
        return await asyncio.gather(*(turnstile.run(work) for _ in range(20)))

    threads = asyncio.run(run())
    assert len(threads) == 20
    assert most == 1
    assert threading.get_ident() not in threads


def test_who_would_wait_too_long_is_sent_away_and_the_next_one_is_not() -> None:
    gate = threading.Event()

    async def run() -> None:
        turnstile = Turnstile(max_waiting=1)
        works = [asyncio.create_task(turnstile.run(gate.wait)) for _ in range(2)]
        await asyncio.sleep(0)  # lets both tasks begin
        with pytest.raises(BusyError):
            await turnstile.run(gate.wait)
        gate.set()
        assert await asyncio.gather(*works) == [True, True]
        assert await turnstile.run(lambda: "again") == "again"

    asyncio.run(run())


def test_failing_work_leaves_no_trace() -> None:
    async def run() -> str:
        turnstile = Turnstile(max_waiting=0)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await turnstile.run(lambda: 1 // 0)
        return await turnstile.run(lambda: "well")

    assert asyncio.run(run()) == "well"
