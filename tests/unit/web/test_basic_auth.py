from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Callable, Mapping

import bcrypt
import pytest
from pydantic import SecretStr

from exporter.web import basic_auth
from exporter.web.basic_auth import MAX_WAITING, PENALTY, BasicAuth, Verdict, credentials

GRANTED, DENIED, POSTPONED = Verdict.GRANTED, Verdict.DENIED, Verdict.POSTPONED
HASHES = {name: f"$2b$10${name:.<53}" for name in ("alice", "bob")}
USERS = {name: SecretStr(value) for name, value in HASHES.items()}


def header(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


class Checker:
    """Says yes to the password `good`, and can be held up."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.asked: list[tuple[bytes, bytes]] = []
        self.begun, self.may_go = threading.Event(), threading.Event()
        self.may_go.set()

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.begun.set()
        assert self.may_go.wait(10)
        self.asked.append((password, hashed))
        return password == b"good"

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def auth(checker: Checker) -> BasicAuth:
    return BasicAuth(checker, sleep=checker.sleep)


async def no_sleep(_: float) -> None: ...


@pytest.fixture
def checker() -> Checker:
    return Checker()


def judge(one: BasicAuth, *pairs: tuple[str, str], users: Mapping[str, SecretStr] = USERS) -> list[Verdict]:
    """Judge one after the other."""

    async def run() -> list[Verdict]:
        return [await one.judge(header(*pair), users) for pair in pairs]

    return asyncio.run(run())


def test_a_right_pair_is_checked_once(checker: Checker) -> None:
    one = auth(checker)
    assert judge(one, *[("alice", "good")] * 5, ("bob", "good")) == [GRANTED] * 6
    assert checker.asked == [(b"good", HASHES[name].encode()) for name in ("alice", "bob")]
    assert checker.slept == []


def test_a_wrong_pair_is_checked_each_time_and_waits_for_the_answer(checker: Checker) -> None:
    assert judge(auth(checker), *[("alice", "old")] * 3) == [DENIED] * 3
    assert len(checker.asked) == 3
    assert checker.slept == [PENALTY] * 3


def test_a_new_hash_is_checked_anew(checker: Checker) -> None:
    one = auth(checker)
    judge(one, ("alice", "good"))
    assert judge(one, ("alice", "good"), users={"alice": SecretStr(HASHES["bob"])}) == [GRANTED]
    assert len(checker.asked) == 2
    assert judge(one, ("alice", "good"), users={"bob": USERS["bob"]}) == [DENIED]


def test_an_unknown_user_costs_as_much_as_the_dearest_hash_and_is_denied(checker: Checker) -> None:
    users = USERS | {"carol": SecretStr(HASHES["bob"].replace("$10$", "$12$"))}
    assert judge(auth(checker), ("nobody", "good"), users=users) == [DENIED]
    ((_, hashed),) = checker.asked
    assert hashed.startswith(b"$2b$12$")
    assert bcrypt.checkpw(b"good", hashed.replace(b"$12$", b"$04$")) is False, "a hash that bcrypt takes for one"


@pytest.mark.parametrize("bad", [b"", b"Bearer abc", b"Basic", b"Basic ???", b"Basic " + base64.b64encode(b"no-colon")])
def test_no_credentials_cost_nothing(checker: Checker, bad: bytes) -> None:
    assert asyncio.run(auth(checker).judge(bad, USERS)) is DENIED
    assert checker.asked == []


def test_only_so_many_pairs_are_remembered(checker: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic_auth, "MAX_REMEMBERED", 1)
    assert judge(auth(checker), ("alice", "good"), ("bob", "good"), ("alice", "good")) == [GRANTED] * 3
    assert len(checker.asked) == 3


Tasks = list[asyncio.Task[Verdict]]


def held(checker: Checker, more: Callable[[BasicAuth], Tasks]) -> list[Verdict | BaseException]:
    """Ask for more while the first check is under way; the verdicts on these."""

    async def run() -> list[Verdict | BaseException]:
        one = auth(checker)
        checker.may_go.clear()
        first = asyncio.create_task(one.judge(header("alice", "first"), USERS))
        await asyncio.to_thread(checker.begun.wait, 10)
        tasks = more(one)
        for _ in range(5):
            await asyncio.sleep(0)
        checker.may_go.set()
        assert await first is DENIED
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(run())


def ask(one: BasicAuth, *passwords: str) -> Tasks:
    return [asyncio.create_task(one.judge(header("alice", password), USERS)) for password in passwords]


def test_many_at_once_with_the_same_pair_share_one_check(checker: Checker) -> None:
    assert held(checker, lambda one: ask(one, *["good"] * 50)) == [GRANTED] * 50
    assert len(checker.asked) == 2


def test_the_newest_is_checked_first(checker: Checker) -> None:
    """Else a scraper that comes for the first time would wait for all who have guessed before it."""
    assert held(checker, lambda one: ask(one, "guess-1", "guess-2", "good")) == [DENIED, DENIED, GRANTED]
    assert [password for password, _ in checker.asked] == [b"first", b"good", b"guess-2", b"guess-1"]


def test_one_too_many_sends_away_the_one_that_waits_longest(checker: Checker) -> None:
    guesses = [f"guess-{number}" for number in range(MAX_WAITING)]
    verdicts = held(checker, lambda one: ask(one, *guesses, "good"))
    assert verdicts == [POSTPONED] + [DENIED] * (MAX_WAITING - 1) + [GRANTED]
    assert len(checker.asked) == 1 + MAX_WAITING


def test_who_has_gone_is_not_checked(checker: Checker) -> None:
    """At the end of the exporter: nobody waits for the checks of a flood."""

    def leave(one: BasicAuth) -> Tasks:
        tasks = ask(one, "guess", "good")
        asyncio.get_running_loop().call_soon(tasks[0].cancel)
        return tasks

    cancelled, granted = held(checker, leave)
    assert isinstance(cancelled, asyncio.CancelledError)
    assert granted is GRANTED
    assert [password for password, _ in checker.asked] == [b"first", b"good"]


@pytest.mark.parametrize(
    ("right", "given", "verdict"),
    [
        (b"pass:word", "pass:word", GRANTED),
        (b"pass:word", "password", DENIED),
        (
            b"x" * 72,
            "x" * 100,
            GRANTED,
        ),  # bcrypt uses 72 bytes; its library refuses longer ones, htpasswd and Go do not
    ],
)
def test_a_real_hash_is_checked(right: bytes, given: str, verdict: Verdict) -> None:
    real = {"alice": SecretStr(bcrypt.hashpw(right, bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$"))}
    assert judge(BasicAuth(sleep=no_sleep), ("alice", given), users=real) == [verdict]


def test_what_the_library_refuses_is_denied() -> None:
    odd = {"alice": SecretStr("$2b$99$" + "." * 53)}
    assert judge(BasicAuth(sleep=no_sleep), ("alice", "a"), users=odd) == [DENIED]


@pytest.mark.parametrize(
    ("value", "pair"),
    [
        (header("alice", "a:b"), ("alice", b"a:b")),
        (b"bASIC  " + base64.b64encode(b":"), ("", b"")),
        (b"Basic " + base64.b64encode(b"\xff:a"), None),
        (b"Basic " + base64.b64encode("jürgen:ä".encode()), ("jürgen", "ä".encode())),
    ],
)
def test_reads_credentials(value: bytes, pair: tuple[str, bytes] | None) -> None:
    assert credentials(value) == pair
