"""The past of the simulated publishers, as the exporter would have shown it, for a demo stack that begins with some weeks.

    python grafana/history.py DIRECTORY --config FILE --instance HOST:PORT [--days N] [--epoch SECONDS] [--speed FACTOR]

Runs the exporter's own collection against the simulator in accelerated time and writes below DIRECTORY
    day-NN.om    what Prometheus would have scraped, for `promtool tsdb create-blocks-from openmetrics`
    rules-N.yaml the rules as `promtool tsdb create-blocks-from rules` takes them, in the order in which they need each other
    state.json   the exporter's state file at the end, with which the running exporter goes on
    epoch        when it begins, in Unix seconds
    simulator    the options with which `azure-marketplace-simulator` goes on from there
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Run as a program, Python looks for modules in this folder only; at the end, so that the installed exporter is taken.
sys.path.append(str(ROOT))

from exporter.collection.snapshot import Snapshot  # noqa: E402 - see above
from exporter.collection.state import StateFile  # noqa: E402
from exporter.engine import Engine  # noqa: E402
from exporter.exposition.publication import Publication  # noqa: E402
from exporter.options import load  # noqa: E402
from exporter.simulator import Simulator, demo, serve_in_thread  # noqa: E402
from exporter.telemetry import Telemetry  # noqa: E402
from grafana.past_rules import write_rules  # noqa: E402

__all__ = ["DAYS", "SCRAPE", "SPEED", "main", "write"]

DAY = 86400
DAYS = 14
SPEED = 1.0
"""As fast as life: only so do estimates, which are Microsoft's texts, mean what they say."""
SCRAPE = 240
"""Seconds between two samples; past five minutes Prometheus would take a series for gone."""
REFRESH = 30 * 60
JOB = "azure-marketplace"
# What the exporter tells of itself would only show how fast this program is.
_TOLD = re.compile(rb"azure_marketplace_(?!exporter_)|azure_marketplace_exporter_build_info")


@dataclass(slots=True)
class Past:
    """A clock that is set by hand."""

    now: float

    def __call__(self) -> float:
        """Give the time in Unix seconds."""
        return self.now


class Recorder:
    """Runs the exporter's collection at any moment, and tells what a scrape would have brought."""

    def __init__(self, config: Path, simulator_url: str, clock: Callable[[], float], labels: str) -> None:
        settings = load(
            [
                f"--config.file={config}",
                f"--api.base-url={simulator_url}",
                "--api.requests-per-second=1000",
                f"--collection.interval={REFRESH}s",
            ]
        )
        telemetry = Telemetry()
        self._labels = labels.encode()
        self._publication = Publication(
            Snapshot(), registry=telemetry.registry, stale_after=settings.collection.stale_after, clock=clock
        )
        self._engine = Engine(
            settings,
            telemetry=telemetry,
            publish=self._publication.publish,
            done=lambda _: None,
            latest=lambda: self._publication.snapshot,
            clock=clock,
            monotonic=time.monotonic,
        )
        self._engine.adopt()

    def series(self) -> list[bytes]:
        """Refresh, and give each series with its value."""
        self._engine.refresh()
        text = b"".join(self._publication.metrics(openmetrics=False, gzip=False))
        return [*map(self._labelled, filter(_TOLD.match, text.splitlines())), b"up{" + self._labels + b"} 1"]

    def _labelled(self, line: bytes) -> bytes:
        series, _, value = line.rpartition(b" ")
        name, _, labels = series.partition(b"{")
        return name + b"{" + self._labels + (b"," + labels if labels else b"}") + b" " + value

    def close(self, state_file: Path) -> None:
        """Keep what is known for the exporter that goes on."""
        state = StateFile(state_file)
        state.load()
        state.save(self._publication.snapshot)
        state.close()
        self._engine.stop(1.0)


def write(directory: Path, *, config: Path, instance: str, epoch: float, speed: float, until: float) -> None:
    """Write everything, from `epoch` to `until`."""
    directory.mkdir(parents=True, exist_ok=True)
    clock = Past(epoch)
    labels = f'instance="{instance}",job="{JOB}"'
    with serve_in_thread(Simulator(demo(epoch=epoch, speed=speed), clock=clock, tokens=["demo"]).app) as simulator:
        recorder = Recorder(config, simulator.url, clock, labels)
        for number, day in enumerate(_days(epoch, until)):
            with (directory / f"day-{number:02}.om").open("wb") as file:
                for clock.now in day:
                    lines = recorder.series()
                    for at in range(int(clock.now), min(int(clock.now) + REFRESH, int(until)), SCRAPE):
                        end = f" {at}\n".encode()
                        file.write(end.join(lines) + end)
                file.write(b"# EOF\n")
        recorder.close(directory / "state.json")
    write_rules(directory)
    (directory / "epoch").write_text(f"{epoch:.0f}\n", encoding="utf-8")
    (directory / "simulator").write_text(f"--epoch={epoch!r} --speed={speed:g}\n", encoding="utf-8")


def _days(epoch: float, until: float) -> Iterator[Iterator[float]]:
    """Give the moments of the refreshes, day by day in UTC: the blocks of Prometheus begin at midnight."""
    moments = range(int(epoch), int(until), REFRESH)
    for _, day in groupby(moments, lambda moment: moment // DAY):
        yield map(float, day)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the past until now."""
    parser = argparse.ArgumentParser(
        prog="grafana/history.py", description="Write the past of the simulated publishers."
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--config", type=Path, required=True, help="the exporter's configuration file")
    parser.add_argument("--instance", required=True, help="host and port of the exporter, as Prometheus knows it")
    parser.add_argument("--days", type=float, default=DAYS)
    parser.add_argument("--speed", type=float, default=SPEED)
    options = parser.parse_args(arguments)
    now = time.time()
    write(
        options.directory,
        config=options.config,
        instance=options.instance,
        epoch=now - options.days * DAY,
        speed=options.speed,
        until=now,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
