from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Callable
from itertools import cycle

import bcrypt
import pytest
from pydantic import SecretStr

from exporter.web.basic_auth import BasicAuth, Verdict, credentials
from exporter.web.budget import GUESSES, WAITING

GRANTED, DENIED, POSTPONED = Verdict.GRANTED, Verdict.DENIED, Verdict.POSTPONED
HASHES = {name: f"$2b$10${name:.<53}" for name in ("alice", "bob")}
USERS = {name: SecretStr(value) for name, value in HASHES.items()}


# What a check takes at some bcrypt costs: 50 ms at 10, doubled with each step.
TIMES = {10: 0.05, 12: 0.2, 14: 0.8}


def users(cost: int) -> dict[str, SecretStr]:
    return {name: SecretStr(value.replace("$10$", f"${cost}$")) for name, value in HASHES.items()}


def header(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


class Checker:
    """Says yes to the password `good`; each check takes `cost` seconds of the clock."""

    def __init__(self, cost: float = 0.05) -> None:
        self.cost = cost
        self.now = 1000.0
        self.asked: list[tuple[bytes, bytes]] = []
        self.threads: set[str] = set()

    def __call__(self, password: bytes, hashed: bytes) -> bool:
        self.now += self.cost
        self.asked.append((password, hashed))
        self.threads.add(threading.current_thread().name)
        return password == b"good"

    def clock(self) -> float:
        return self.now


@pytest.fixture
def checker() -> Checker:
    return Checker()


def auth(checker: Checker) -> BasicAuth:
    return BasicAuth(check=checker, clock=checker.clock)


def judge(one: BasicAuth, *pairs: tuple[str, str], address: str = "10.0.0.1") -> list[Verdict]:
    """Judge one after the other."""

    async def run() -> list[Verdict]:
        return [await one.judge(header(*pair), address, USERS) for pair in pairs]

    return asyncio.run(run())


def test_a_good_pair_is_checked_once(checker: Checker) -> None:
    assert judge(auth(checker), *[("alice", "good")] * 5) == [GRANTED] * 5
    assert checker.asked == [(b"good", HASHES["alice"].encode())]
    assert checker.threads == {"bcrypt_0"}, "not in the event loop's thread"


def test_the_same_password_of_another_user_is_another_pair(checker: Checker) -> None:
    assert judge(auth(checker), ("alice", "good"), ("bob", "good")) == [GRANTED] * 2
    assert [hashed for _, hashed in checker.asked] == [HASHES["alice"].encode(), HASHES["bob"].encode()]


def test_a_new_hash_is_checked_anew(checker: Checker) -> None:
    one = auth(checker)
    judge(one, ("alice", "good"))
    changed = {"alice": SecretStr(HASHES["bob"])}
    assert asyncio.run(one.judge(header("alice", "good"), "10.0.0.1", changed)) is GRANTED
    assert len(checker.asked) == 2
    assert asyncio.run(one.judge(header("alice", "good"), "10.0.0.1", {"bob": USERS["bob"]})) is DENIED


def test_an_unknown_user_costs_a_check_and_is_denied_even_with_a_good_password(checker: Checker) -> None:
    assert judge(auth(checker), ("nobody", "good")) == [DENIED]
    ((_, hashed),) = checker.asked
    assert hashed.startswith(b"$2b$10$")
    assert len(hashed) == 60
    assert bcrypt.checkpw(b"good", hashed) is False, "a hash that bcrypt takes for one"


def test_an_unknown_user_costs_as_much_as_the_dearest_hash(checker: Checker) -> None:
    mixed = users(10) | {"carol": SecretStr(HASHES["bob"].replace("$10$", "$12$"))}
    assert asyncio.run(auth(checker).judge(header("nobody", "good"), "10.0.0.1", mixed)) is DENIED
    ((_, hashed),) = checker.asked
    assert hashed.startswith(b"$2b$12$")


def test_the_same_wrong_pair_costs_one_check(checker: Checker) -> None:
    """A scraper with an old password must not use up what others of its address may try."""
    assert judge(auth(checker), *[("alice", "old")] * 100) == [DENIED] * 100
    assert len(checker.asked) == 1


@pytest.mark.parametrize("bad", [b"", b"Bearer abc", b"Basic", b"Basic ???", b"Basic " + base64.b64encode(b"no-colon")])
def test_no_credentials_cost_nothing(checker: Checker, bad: bytes) -> None:
    assert asyncio.run(auth(checker).judge(bad, "10.0.0.1", USERS)) is DENIED
    assert checker.asked == []


def guesses(count: int, prefix: str = "") -> list[tuple[str, str]]:
    return [("alice", f"{prefix}guess-{number}") for number in range(count)]


def test_an_address_may_guess_a_few_times_and_then_seldom(checker: Checker) -> None:
    checker.cost = 0.0
    one = auth(checker)
    allowed = int(GUESSES)
    assert judge(one, *guesses(allowed + 5)) == [DENIED] * allowed + [POSTPONED] * 5
    assert judge(one, ("alice", "good"), address="10.0.0.2") == [GRANTED], "another address"
    assert judge(one, ("alice", "good")) == [GRANTED], "known by now"
    checker.now += 10
    assert judge(one, *guesses(2, "later-")) == [DENIED, POSTPONED]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("no address", "no address", True),
    ],
)
def test_what_counts_as_one_address(checker: Checker, first: str, second: str, *, same: bool) -> None:
    checker.cost = 0.0
    one = auth(checker)
    judge(one, *guesses(int(GUESSES)), address=first)
    assert judge(one, ("bob", "another guess"), address=second) == [POSTPONED if same else DENIED]


async def at_once(one: BasicAuth, cost: int, pairs: list[tuple[str, str]], addresses: list[str]) -> list[Verdict]:
    """Judge all pairs at the same moment, from these addresses in turn."""
    known = users(cost)
    asked = [one.judge(header(*pair), address, known) for pair, address in zip(pairs, cycle(addresses), strict=False)]
    return await asyncio.gather(*asked)


def networks(count: int, group: int = 0) -> list[str]:
    return [f"2001:db8:{group:x}:{number:x}::1" for number in range(count)]


@pytest.mark.parametrize(("cost", "checks"), [(10, 16), (12, 10), (14, 2)])
def test_guesses_at_once_cannot_overdraw_the_budget(checker: Checker, cost: int, checks: int) -> None:
    """2 s of CPU are all that wrong pairs get at once, wherever they come from; at cost 10 the queue ends sooner."""
    checker.cost = TIMES[cost]
    one = auth(checker)
    asyncio.run(at_once(one, cost, guesses(100), networks(100)))
    assert len(checker.asked) == checks


@pytest.mark.parametrize("cost", TIMES)
def test_many_addresses_together_get_2_s_and_then_a_fifth_of_a_core(checker: Checker, cost: int) -> None:
    checker.cost = TIMES[cost]
    one = auth(checker)

    async def run() -> None:
        for second in range(100):
            await at_once(one, cost, guesses(40, f"{second}-"), networks(40, second))
            used, passed = len(checker.asked) * checker.cost, checker.now - 1000
            assert used <= 2 + passed / 5
            checker.now += 1

    asyncio.run(run())
    assert len(checker.asked) * checker.cost > 20, "and they do get it"


@pytest.mark.parametrize(("cost", "wait"), [(10, 0), (12, 0), (14, 6)])
def test_a_right_pair_gets_in_for_the_first_time_beside_two_who_guess_all_the_time(
    checker: Checker, cost: int, wait: int
) -> None:
    """At cost 14 a first guess of each is a half of the budget; what is kept is back after 6 s, and then stays."""
    checker.cost = TIMES[cost]
    one = auth(checker)

    async def run() -> list[Verdict]:
        found = []
        for minute in range(50):
            await at_once(one, cost, guesses(32, f"{minute}-"), networks(2))
            checker.now += wait if minute == 0 else 0
            name = f"scraper-{minute}"
            known = {name: users(cost)["alice"]}
            found.append(await one.judge(header(name, "good"), "10.9.9.9", known))
            checker.now += 60
        return found

    assert asyncio.run(run()) == [GRANTED] * 50


def test_a_check_that_is_dearer_than_the_budget_is_paid_off(checker: Checker) -> None:
    """At cost 16 each half is full again 32 s after it began to pay for one."""
    checker.cost = 3.2
    one = auth(checker)
    asyncio.run(at_once(one, 16, guesses(10), networks(10)))
    assert len(checker.asked) == 2
    for seconds, checks in ((32 - 2 * 3.2 - 1, 2), (2, 4)):
        checker.now += seconds
        asyncio.run(at_once(one, 16, guesses(10, f"{checker.now}-"), networks(10, checks)))
        assert len(checker.asked) == checks


def test_a_check_that_is_slower_than_thought_is_paid_for(checker: Checker) -> None:
    """Here one at cost 10 takes a second: the first ones may, their debt keeps the next ones out, and the price is learnt."""
    checker.cost = 1.0
    one = auth(checker)
    asyncio.run(at_once(one, 10, guesses(12), networks(2)))
    assert len(checker.asked) == 12
    checker.now += 60
    asyncio.run(at_once(one, 10, guesses(12, "later-"), networks(2)))
    assert len(checker.asked) == 12
    checker.now += 60
    asyncio.run(at_once(one, 10, guesses(12, "last-"), networks(2)))
    assert len(checker.asked) == 13


def blocked(ask: Callable[[BasicAuth], list[asyncio.Task[Verdict]]]) -> tuple[list[Verdict], int]:
    """Ask while the checking thread is blocked, then let it go: verdicts and number of checks."""
    gate, asked = threading.Event(), []

    def check(password: bytes, _: bytes) -> bool:
        gate.wait(10)
        asked.append(password)
        return password == b"good"

    async def run() -> list[Verdict]:
        tasks = ask(BasicAuth(check=check))
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*tasks)

    return asyncio.run(run()), len(asked)


def test_many_at_once_with_the_same_pair_share_one_check() -> None:
    verdicts, checks = blocked(
        lambda one: [asyncio.create_task(one.judge(header("alice", "good"), "10.0.0.1", USERS)) for _ in range(50)]
    )
    assert verdicts == [GRANTED] * 50
    assert checks == 1


def test_the_queue_is_short() -> None:
    verdicts, checks = blocked(
        lambda one: [
            asyncio.create_task(one.judge(header(*pair), f"10.0.0.{number}", USERS))
            for number, pair in enumerate(guesses(WAITING + 4))
        ]
    )
    assert verdicts == [DENIED] * WAITING + [POSTPONED] * 4
    assert checks == WAITING


def test_a_client_that_leaves_takes_nothing_from_the_others() -> None:
    gate = threading.Event()

    async def run() -> Verdict:
        one = BasicAuth(check=lambda *_: gate.wait(10))
        first, second = [asyncio.create_task(one.judge(header("alice", "good"), "10.0.0.1", USERS)) for _ in range(2)]
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        gate.set()
        return await second

    assert asyncio.run(run()) is GRANTED


def test_only_so_many_pairs_are_remembered(checker: Checker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.web.basic_auth.VERIFIED", 1)
    one = auth(checker)
    assert judge(one, ("alice", "good"), ("bob", "good"), ("alice", "good")) == [GRANTED] * 3
    assert len(checker.asked) == 3


def test_a_real_hash_is_checked() -> None:
    real = {"alice": SecretStr(bcrypt.hashpw(b"pass:word", bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$"))}
    one = BasicAuth()
    assert asyncio.run(one.judge(header("alice", "pass:word"), "10.0.0.1", real)) is GRANTED
    assert asyncio.run(one.judge(header("alice", "password"), "10.0.0.1", real)) is DENIED


def test_a_long_password_is_cut_as_elsewhere() -> None:
    """Bcrypt uses 72 bytes; the library refuses longer ones, htpasswd and Go do not."""
    real = {"alice": SecretStr(bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode())}
    assert asyncio.run(BasicAuth().judge(header("alice", "x" * 100), "10.0.0.1", real)) is GRANTED


def test_what_the_library_refuses_is_denied() -> None:
    broken = {"alice": SecretStr("$2b$99$" + "." * 53)}
    assert asyncio.run(BasicAuth().judge(header("alice", "a"), "10.0.0.1", broken)) is DENIED


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
