"""The command `azure-marketplace-simulator`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from exporter.simulator.demo import demo
from exporter.simulator.faults import read_faults
from exporter.simulator.scenario import DEMO_SPEED, Scenario, empty, scale
from exporter.simulator.server import make_server
from exporter.simulator.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT, which end the process with exit code 0; gives 1 if the address cannot be used."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.ERROR)
    simulator = _simulator(options)
    try:
        listening = make_server(
            simulator.app, *options.listen_address, tls_cert=options.tls_cert, tls_key=options.tls_key
        )
    except OSError as error:
        print(f"cannot listen on {':'.join(map(str, options.listen_address))}: {error}", file=sys.stderr)
        return 1
    print(f"listening on {listening.url}", flush=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    listening.run()
    return 0


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """End with exit code 0; the server raises its signals again once it has shut down, and they end here."""
    raise SystemExit(0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="azure-marketplace-simulator",
        description="A stand-in for Microsoft's publishing APIs, for demos and tests.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "--listen-address",
        type=address,
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="where to listen; port 0 takes a free one",
    )
    add("--scenario", choices=("demo", "empty", "scale"), default="demo", help="which offers there are")
    add("--offers", type=int, default=100, help="number of offers of the scale scenario")
    add("--publishers", type=int, default=1, help="number of publishers of the scale scenario")
    add("--publisher", action="append", default=[], help="a publisher of the empty scenario; may be repeated")
    add("--forbid", action="append", default=[], help="a publisher that answers 403; may be repeated")
    add("--account", default="", help="the publisher whose products the Partner Center APIs tell; the first by default")
    add("--page-size", type=int, default=4, help="products per page in the Partner Center APIs")
    add("--seed", type=int, default=1, help="makes durations vary; the same seed gives the same scenario")
    add("--epoch", type=float, help="Unix time at which the scenario begins; now, if not given")
    add("--speed", type=positive, default=DEMO_SPEED, help="simulated seconds per real second")
    add("--token", action="append", default=[], help="accept only this bearer token; may be repeated")
    add("--require-audience", action="store_true", help="accept only --token and tokens issued here for the API asked")
    add("--token-lifetime", type=positive, default=3600.0, help="seconds for which an issued token is valid")
    add("--client-secret", action="append", default=[], help="issue tokens for this secret only; may be repeated")
    add("--tls-cert", type=Path, help="PEM file with the certificate; serves HTTPS")
    add("--tls-key", type=Path, help="PEM file with the certificate's private key")
    add("--fault", action="append", default=[], type=read_faults, metavar="JSON", help="set faults; may be repeated")
    add("--control", action="store_true", help="open the control API under /control/")
    add("--verbose", action="store_true", help="log to standard error")
    return parser


def _simulator(options: argparse.Namespace) -> Simulator:
    return Simulator(
        _scenario(options),
        tokens=options.token,
        require_audience=options.require_audience,
        token_lifetime=options.token_lifetime,
        client_secrets=options.client_secret or None,
        page_size=options.page_size,
        control=options.control,
        faults=[fault for faults in options.fault for fault in faults],
    )


def _scenario(options: argparse.Namespace) -> Scenario:
    scenario = _named_scenario(options)
    return replace(
        scenario,
        account=options.account or scenario.account,
        publishers=(*scenario.publishers, *options.forbid),
        forbidden=scenario.forbidden | set(options.forbid),
    )


def _named_scenario(options: argparse.Namespace) -> Scenario:
    epoch = time.time() if options.epoch is None else options.epoch
    if options.scenario == "empty":
        return empty(*options.publisher)
    if options.scenario == "scale":
        return scale(options.offers, options.publishers, seed=options.seed, epoch=epoch, speed=options.speed)
    return demo(seed=options.seed, epoch=epoch, speed=options.speed)


def address(text: str) -> tuple[str, int]:
    """Read HOST:PORT; without a host it is the loopback."""
    host, _, port = text.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port)


def positive(text: str) -> float:
    """Read a number above 0."""
    number = float(text)
    if number <= 0:
        raise ValueError(text)
    return number
