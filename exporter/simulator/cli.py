"""The command `azure-marketplace-simulator`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from exporter.simulator.demo import demo
from exporter.simulator.partner_center import Quirk
from exporter.simulator.scenario import DEMO_SPEED, Scenario, scale
from exporter.simulator.server import Listening, listen
from exporter.simulator.simulator import Simulator

__all__ = ["arguments_of", "main", "parser", "run", "scenario_of"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT, which end the process with exit code 0; 1 if the address cannot be used."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.ERROR)
    simulator = Simulator(scenario_of(options), **arguments_of(options))
    try:
        listening = listen(simulator.app, *options.listen_address, tls_cert=options.tls_cert, tls_key=options.tls_key)
    except OSError as error:
        print(f"cannot listen on {':'.join(map(str, options.listen_address))}: {error}", file=sys.stderr)
        return 1
    return run(listening)


def run(listening: Listening) -> int:
    """Say where, and serve until told to stop."""
    print(f"listening on {listening.url}", flush=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    listening.run()
    return 0


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """End with exit code 0; the server raises its signals again once it has shut down, and they end here."""
    raise SystemExit(0)


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(
        prog="azure-marketplace-simulator",
        description="A stand-in for Microsoft's publishing APIs, for demos and trials.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = made.add_argument
    add(
        "--listen-address",
        type=address,
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="where to listen; port 0 takes a free one",
    )
    add("--scenario", choices=("demo", "scale"), default="demo", help="which offers there are")
    add("--offers", type=int, default=100, help="number of offers of the scale scenario")
    add("--publishers", type=int, default=1, help="number of publishers of the scale scenario")
    add("--forbid", action="append", default=[], help="a publisher that answers 403; may be repeated")
    add("--account", default="", help="the publisher whose products the Partner Center APIs tell; the first by default")
    add("--page-size", type=int, default=4, help="products per page in the Partner Center APIs")
    add(
        "--quirk",
        action="append",
        default=[],
        type=Quirk,
        choices=list(Quirk),
        help="let the submission API answer as clients have seen it at times; may be repeated",
    )
    add("--seed", type=int, default=1, help="makes durations vary; the same seed gives the same scenario")
    add("--epoch", type=float, help="Unix time at which the scenario begins; now, if not given")
    add("--speed", type=positive, default=DEMO_SPEED, help="simulated seconds per real second")
    add("--token", action="append", default=[], help="accept only this bearer token; may be repeated")
    add("--require-audience", action="store_true", help="accept only --token and tokens issued here for the API asked")
    add("--token-lifetime", type=positive, default=3600.0, help="seconds for which an issued token is valid")
    add("--client-secret", action="append", default=[], help="issue tokens for this secret only; may be repeated")
    add("--tls-cert", type=Path, help="PEM file with the certificate; serves HTTPS")
    add("--tls-key", type=Path, help="PEM file with the certificate's private key")
    add("--verbose", action="store_true", help="log to standard error")
    return made


def arguments_of(options: argparse.Namespace) -> dict[str, Any]:
    """What the simulator is told beside its scenario."""
    return {
        "tokens": options.token,
        "require_audience": options.require_audience,
        "token_lifetime": options.token_lifetime,
        "client_secrets": options.client_secret or None,
        "page_size": options.page_size,
        "quirks": options.quirk,
    }


def scenario_of(options: argparse.Namespace) -> Scenario:
    """The scenario that was chosen."""
    epoch = time.time() if options.epoch is None else options.epoch
    if options.scenario == "scale":
        chosen = scale(options.offers, options.publishers, seed=options.seed, epoch=epoch, speed=options.speed)
    else:
        chosen = demo(seed=options.seed, epoch=epoch, speed=options.speed)
    return replace(
        chosen,
        account=options.account or chosen.account,
        publishers=(*chosen.publishers, *options.forbid),
        forbidden=chosen.forbidden | set(options.forbid),
    )


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
