"""How long something may take: distributions of durations, in seconds, from a record of past ones or from an estimate."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

__all__ = ["Estimated", "Recorded", "changed_at"]


class Estimated:
    """Anything from `low` to `high` is as likely; nothing is known once that has passed, so it may take as long again."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high

    def quantile(self, share: float) -> float:
        """The duration that this share of all does not exceed; 0 < share < 1."""
        return self._low + (self._high - self._low) * share

    def after(self, elapsed: float, share: float) -> float:
        """The same for those only that take longer than `elapsed`."""
        if elapsed >= self._high:
            return elapsed * (1 + share)
        low = max(self._low, elapsed)
        return low + (self._high - low) * share


class Recorded:
    """As past durations, at least two, were.

    The i-th of n by size is taken for the quantile of (i - 1/3) / (n + 1/3), which is right in the median whatever the
    distribution (Hyndman and Fan, 1996, type 8). Between them the logarithm is interpolated; beyond the longest the tail is that
    of a Pareto distribution with Hill's estimate of its index, and no lighter than what has passed already suggests.
    """

    def __init__(self, seconds: Sequence[float]) -> None:
        self._logs = sorted(math.log(max(one, 1.0)) for one in seconds)
        self._slots = len(seconds) + 1 / 3
        top = max(1, len(seconds) // _TOP)
        self._index = min(max(sum(self._logs[-top:]) / top - self._logs[-top - 1], _LEAST), _MOST)

    def quantile(self, share: float) -> float:
        """The duration that this share of all does not exceed; 0 < share < 1."""
        return math.exp(self._at(1 - share))

    def after(self, elapsed: float, share: float) -> float:
        """The same for those only that take longer than `elapsed`."""
        passed = math.log(max(elapsed, 1.0))
        beyond = passed - self._logs[-1]
        if beyond > 0:
            return max(elapsed, 1.0) * math.pow(1 - share, -max(self._index, beyond))
        return max(elapsed, math.exp(self._at(self._survival(passed) * (1 - share))))

    def _at(self, survival: float) -> float:
        """The logarithm of the duration that this share exceeds."""
        logs, place = self._logs, (1 - survival) * self._slots + 1 / 3
        if place >= len(logs):
            return logs[-1] - self._index * math.log(survival * self._slots * 1.5)
        if place < 1:
            return logs[0] + self._index * math.log(max((place - 1 / 3) * 1.5, _LEAST))
        whole = int(place)
        return logs[whole - 1] + (place - whole) * (logs[whole] - logs[whole - 1])

    def _survival(self, passed: float) -> float:
        """The share of durations that take longer than one whose logarithm is `passed`, at most the longest."""
        logs = self._logs
        whole = bisect_right(logs, passed)
        if whole == 0:
            place = 1 / 3 + math.exp((passed - logs[0]) / self._index) / 1.5
        elif whole == len(logs):
            place = float(whole)
        else:
            place = whole + (passed - logs[whole - 1]) / (logs[whole] - logs[whole - 1])
        return 1 - (place - 1 / 3) / self._slots


_TOP = 4
"""The longest quarter of the durations tells how heavy the tail is."""
_LEAST, _MOST = 0.01, 1.0


def changed_at(seconds: Sequence[float], least: int) -> int:
    """From which place on durations, the newest last, are of another kind than those before; 0 if all are alike.

    It is where the sums of ranks before and after differ most (Mann and Whitney), with at least `least` on both sides.
    """
    total = len(seconds)
    if total < 2 * least:
        return 0
    ranks = _ranks(seconds)
    best, place, below = _threshold(total), 0, 0.0
    for number, rank in enumerate(ranks[: total - least], start=1):
        below += rank
        if number < least:
            continue
        after = total - number
        surplus = abs(below - number * (total + 1) / 2)
        deviation = surplus / math.sqrt(number * after * (total + 1) / 12)
        if deviation > best:
            best, place = deviation, number
    return place


def _threshold(total: int) -> float:
    """Many places are tried, so chance alone reaches more than at a single one, and more often the more there are."""
    return 1.95 + 0.25 * math.log(max(total, 1))


def _ranks(seconds: Sequence[float]) -> list[float]:
    """The rank of each by size from 1; those that are equal share the mean of theirs."""
    ordered = sorted(seconds)
    return [(bisect_left(ordered, one) + bisect_right(ordered, one) + 1) / 2 for one in seconds]
