"""Run by integration tests as a process: the command's options, and offers and faults over `/control/`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

# At the end, so that the installed package is the one that runs.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from exporter.simulator import cli
from exporter.simulator.server import listen
from tests.faults import FaultySimulator, empty


def main() -> int:
    parser = cli.parser()
    parser.add_argument("--publisher", action="append", default=[], help="a publisher without offers, and no scenario")
    options = parser.parse_args()
    scenario = cli.scenario_of(options)
    if options.publisher:
        scenario = replace(empty(*options.publisher), forbidden=frozenset(options.forbid))
    simulator = FaultySimulator(scenario, **cli.arguments_of(options))
    certificate = {"tls_cert": options.tls_cert, "tls_key": options.tls_key}
    return cli.run(listen(simulator.app, *options.listen_address, **certificate))


if __name__ == "__main__":
    sys.exit(main())
