"""What checks of passwords may cost: a budget of CPU time that is paid from in advance.

Half of it is for everybody. The other half is kept for addresses that have not guessed wrong in the last hour, so that a
scraper which comes for the first time gets in beside somebody who guesses all the time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from exporter.web.buckets import Bucket, Buckets

__all__ = ["Budget", "Payment"]

WAITING, PLACES_KEPT = 16, 4
"""How many checks may wait for their turn, and how many of these places are kept for addresses of good repute."""
GUESSES, GUESSES_PER_SECOND = 10.0, 0.1
"""Wrong pairs that one address may try at once, and from then on."""
REPUTE_SECONDS = 3600.0
"""How long a wrong pair costs an address its good repute."""
ADDRESSES = 1024
"""How many addresses are remembered."""
CPU_SECONDS, CPU_SHARE = 1.0, 0.1
"""CPU time for wrong pairs, at once and per second from then on, of each half of the budget."""
_SECONDS_AT_10 = 0.05
"""What a check at cost 10 is taken to last until one has been timed; each step of the cost doubles it."""


@dataclass(frozen=True, slots=True)
class Payment:
    """What one check has paid in advance."""

    cost: int
    cpu: Bucket
    price: float
    guesses: Bucket
    repute: Bucket
    had_repute: bool

    def give_back(self) -> None:
        """Take note that the pair was right: it costs nothing."""
        self.cpu.spend(-self.price)
        self.guesses.spend(-1)
        self.repute.spend(-int(self.had_repute))

    def correct(self, seconds: float) -> None:
        """Take note of what a wrong pair really cost."""
        self.cpu.spend(seconds - self.price)


class Budget:
    """Sells checks; `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._for_all = Bucket(CPU_SECONDS, CPU_SHARE, clock)
        self._kept = Bucket(CPU_SECONDS, CPU_SHARE, clock)
        self._guesses = Buckets(ADDRESSES, lambda: Bucket(GUESSES, GUESSES_PER_SECOND, clock))
        self._repute = Buckets(ADDRESSES, lambda: Bucket(1, 1 / REPUTE_SECONDS, clock))
        self._seconds: dict[int, float] = {}

    def pay(self, address: str, cost: int, waiting: int) -> Payment | None:
        """Pay for a check at this bcrypt cost behind those that wait already; None if it cannot be had now."""
        guesses, repute = self._guesses[address], self._repute[address]
        price = self._price(cost)
        cpu = self._affordable(price, waiting, has_repute=repute.level >= 1)
        if cpu is None or not guesses.take():
            return None
        cpu.spend(price)
        return Payment(cost, cpu, price, guesses, repute, had_repute=repute.take())

    def settle(self, payment: Payment, seconds: float, *, was_right: bool) -> None:
        """Correct a payment once the check has been done and timed."""
        self._seconds[payment.cost] = seconds
        if was_right:
            payment.give_back()
        else:
            payment.correct(seconds)

    def _price(self, cost: int) -> float:
        return self._seconds.get(cost, _SECONDS_AT_10 * 2.0 ** (cost - 10))

    def _affordable(self, price: float, waiting: int, *, has_repute: bool) -> Bucket | None:
        """Choose the half that pays; what is kept stays as long as the other half lasts."""
        if waiting < WAITING - PLACES_KEPT and self._for_all.affords(price):
            return self._for_all
        if has_repute and waiting < WAITING and self._kept.affords(price):
            return self._kept
        return None
