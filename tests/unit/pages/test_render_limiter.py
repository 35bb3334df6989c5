import asyncio
import threading

from starlette.responses import PlainTextResponse, Response

from exporter.pages.render_limiter import MAX_WAITING, RenderLimiter


def test_one_at_a_time_in_a_thread_and_not_too_many_wait() -> None:
    at_work = threading.Lock()

    def render() -> Response:
        assert threading.current_thread() is not threading.main_thread()
        assert at_work.acquire(blocking=False)
        at_work.release()
        return PlainTextResponse("rendered")

    async def run() -> list[Response]:
        limiter = RenderLimiter()
        answers = await asyncio.gather(*(limiter.respond(render) for _ in range(MAX_WAITING + 3)))
        return [*answers, await limiter.respond(render)]

    answers = asyncio.run(run())
    assert [one.status_code for one in answers] == [200] * (MAX_WAITING + 1) + [503] * 2 + [200]
    assert answers[-2].headers["retry-after"] == "1"
    assert "content-security-policy" in answers[-2].headers
