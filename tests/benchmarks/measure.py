"""Measuring: alternate what is compared, take medians, and print ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

TICKS = 100.0


def cpu(call: Callable[[], object]) -> float:
    """Measure the CPU seconds of one call in this process."""
    started = time.process_time()
    call()
    return time.process_time() - started


def alternate(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Measure each call once per round, in turn; gives the median CPU seconds of each."""
    seen: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seen[name].append(cpu(call))
    return {name: statistics.median(times) for name, times in seen.items()}


def percentile(values: list[float], share: float) -> float:
    """Give the value below which that share of all lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def process_cpu(pid: int) -> float:
    """Read the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def process_rss(pid: int) -> float:
    """Read the resident memory of a process in MiB."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * 4096 / 2**20


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Write a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
