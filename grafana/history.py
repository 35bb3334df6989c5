"""The past of the simulated publishers, as the exporter would have shown it, for a demo stack that begins with some weeks.

    python grafana/history.py DIRECTORY --config FILE --instance HOST:PORT [--days N] [--offers N]

Runs the exporter's own collection against the simulator in accelerated time and writes below DIRECTORY
    day-NN.om    what Prometheus would have scraped, for `promtool tsdb create-blocks-from openmetrics`
    rules-N.yaml the rules as `promtool tsdb create-blocks-from rules` takes them, in the order in which they need each other
    state.json   the exporter's state file at the end, with which the running exporter goes on
    epoch        when it begins, in Unix seconds
    simulator    the options with which `azure-marketplace-simulator` goes on from there
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Run as a program, Python looks for modules in this folder only; at the end, so that the installed exporter is taken.
sys.path.append(str(ROOT))

from exporter.collection.engine import Engine  # noqa: E402
from exporter.collection.snapshot import Snapshot  # noqa: E402 - see above
from exporter.collection.state import StateFile  # noqa: E402
from exporter.config.options import load  # noqa: E402
from exporter.exposition.publication import Publication  # noqa: E402
from exporter.simulator import Scenario, Simulator, demo, scale, serve_in_thread  # noqa: E402
from exporter.sources.registry import SOURCES  # noqa: E402
from exporter.telemetry.metrics import Telemetry  # noqa: E402
from grafana.past_rules import write_rules  # noqa: E402

__all__ = ["main"]

DAY = 86400
DAYS = 14
SPEED = 1.0
"""As fast as life: only so do estimates, which are Microsoft's texts, mean what they say."""
SCRAPE = 290
"""Seconds between two samples; past five minutes Prometheus would take a series for gone."""
REFRESH = 30 * 60
LATELY = 6 * 3600
"""The last seconds, in which the exporter is seen at work: refreshes and samples come as close as in life."""
SCRAPE_LATELY = 60
REFRESH_LATELY = 5 * 60
JOB = "azure-marketplace"
_TOLD = b"azure_marketplace_"
"""What the process tells of itself would only show how fast this program is."""


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
            ],
            sources=SOURCES,
        )
        telemetry = Telemetry(one.name for one in SOURCES)
        telemetry.config_last_reload_successful.set(1)
        self._labels = labels.encode()
        self._publication = Publication(
            Snapshot(), registry=telemetry.registry, stale_after=settings.collection.stale_after, clock=clock
        )
        self._engine = Engine(
            settings,
            telemetry=telemetry,
            publish=self._publication.publish,
            save=lambda _: None,
            clock=clock,
            monotonic=time.monotonic,
        )
        self._engine.adopt(Snapshot())

    def series(self) -> list[bytes]:
        """Refresh, and give each series with its value."""
        self._engine.refresh()
        text = b"".join(self._publication.metrics(openmetrics=False, gzip=False))
        return [
            *map(self._labelled, (line for line in text.splitlines() if line.startswith(_TOLD))),
            b"up{" + self._labels + b"} 1",
        ]

    def _labelled(self, line: bytes) -> bytes:
        series, _, value = line.rpartition(b" ")
        name, _, labels = series.partition(b"{")
        return name + b"{" + self._labels + (b"," + labels if labels else b"}") + b" " + value

    def close(self, state_file: Path) -> None:
        """Keep what is known for the exporter that goes on."""
        state = StateFile(state_file)
        state.save(self._engine.stop())
        state.close()


def write(directory: Path, scenario: Scenario, *, config: Path, instance: str, epoch: float, until: float) -> None:
    """Write what a scenario brings from `epoch` to `until`."""
    directory.mkdir(parents=True, exist_ok=True)
    clock = Past(epoch)
    labels = f'instance="{instance}",job="{JOB}"'
    with serve_in_thread(Simulator(scenario, clock=clock, tokens=["demo"]).app) as simulator:
        recorder = Recorder(config, simulator.url, clock, labels)
        for number, day in enumerate(_days(int(epoch), int(until))):
            with (directory / f"day-{number:02}.om").open("wb") as file:
                for moment, scrapes in day:
                    clock.now = float(moment)
                    lines = recorder.series()
                    for at in scrapes:
                        end = f" {at}\n".encode()
                        file.write(end.join(lines) + end)
                file.write(b"# EOF\n")
        recorder.close(directory / "state.json")
    write_rules(directory)
    (directory / "epoch").write_text(f"{epoch:.0f}\n", encoding="utf-8")


def _days(epoch: int, until: int) -> Iterator[Iterator[tuple[int, range]]]:
    """Give the moments of refreshes and of the scrapes after them, day by day in UTC: Prometheus' blocks begin at midnight."""
    lately = max(epoch, until - LATELY)
    long_ago = ((at, range(at, min(at + REFRESH, lately), SCRAPE)) for at in range(epoch, lately, REFRESH))
    of_late = (
        (at, range(at, min(at + REFRESH_LATELY, until), SCRAPE_LATELY)) for at in range(lately, until, REFRESH_LATELY)
    )
    for _, day in groupby(chain(long_ago, of_late), lambda moment: moment[0] // DAY):
        yield day


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the past until now."""
    parser = argparse.ArgumentParser(
        prog="grafana/history.py", description="Write the past of the simulated publishers."
    )
    parser.add_argument("directory", type=Path)
    parser.add_argument("--config", type=Path, required=True, help="the exporter's configuration file")
    parser.add_argument("--instance", required=True, help="host and port of the exporter, as Prometheus knows it")
    parser.add_argument("--once", action="store_true", help="leave a past that is there already as it is")
    parser.add_argument("--days", type=float, default=DAYS)
    parser.add_argument(
        "--offers", type=int, default=0, help="as many offers of the scale scenario instead of the demo's"
    )
    options = parser.parse_args(arguments)
    if options.once and (options.directory / "simulator").exists():
        return 0
    now = time.time()
    epoch = now - options.days * DAY
    scenario = (
        scale(options.offers, seed=1, epoch=epoch, speed=SPEED) if options.offers else demo(epoch=epoch, speed=SPEED)
    )
    directory: Path = options.directory
    write(directory, scenario, config=options.config, instance=options.instance, epoch=epoch, until=now)
    goes_on = [f"--epoch={epoch!r}", f"--speed={SPEED:g}"]
    if options.offers:
        goes_on += ["--scenario=scale", f"--offers={options.offers}"]
    (directory / "simulator").write_text(" ".join(goes_on) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
