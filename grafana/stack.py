"""The stack of compose.yaml without containers: simulator, exporter, Prometheus, Alertmanager, a receiver, and Grafana if there.

    python grafana/stack.py [--any-port]

Takes the programs from .tools/bin (see .ci/tools), from beside the running Python, or from the path; Grafana from
GRAFANA_HOME too. Listens on the loopback only, keeps its data in a temporary folder, prints where everything is, and ends
all of it on Ctrl-C, SIGTERM or SIGHUP. Exit code 1 if a program is missing, does not start, or ends by itself.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

import yaml

__all__ = ["Program", "Stack", "StackError", "find", "main", "start_all"]

HOME = Path(__file__).resolve().parent
ROOT = HOME.parent
START_TIMEOUT = 60.0
END_TIMEOUT = 15.0
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Debian has another name for it.
ALERTMANAGER = ("alertmanager", "prometheus-alertmanager")
NEEDED = (("azure-marketplace-simulator",), ("azure-marketplace-exporter",), ("prometheus",), ALERTMANAGER)
RECEIVER_IN_EXAMPLE = "http://127.0.0.1:9099"


class StackError(Exception):
    """A program is missing, does not start, or has ended."""


def find(*names: str) -> Path:
    """Find a program by the first of its names that is there.

    Raises:
        StackError: if none is.
    """
    folders = (str(Path(os.environ.get("TOOLS_DIR", ROOT / ".tools")) / "bin"), str(Path(sys.executable).parent), None)
    for name in names:
        for folder in folders:
            if found := shutil.which(name, path=folder):
                return Path(found)
    raise StackError(f"{names[0]} is not on the path; install it, or run .ci/tools")


def find_grafana() -> tuple[Path, Path] | None:
    """Find Grafana and its home folder, from GRAFANA_HOME or the path."""
    if home := os.environ.get("GRAFANA_HOME"):
        return Path(home) / "bin" / "grafana", Path(home)
    found = shutil.which("grafana")
    return (Path(found), Path("/usr/share/grafana")) if found else None


@dataclass(frozen=True, slots=True)
class Program:
    """A running program and where it listens."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def address(self) -> str:
        """Host and port."""
        return self.url.removeprefix("http://")


class Stack:
    """Programs that are started one after the other and ended together, the last one first."""

    def __init__(self, folder: Path, *, any_port: bool = False) -> None:
        self.folder = folder
        self.any_port = any_port
        self.programs: list[Program] = []

    def __enter__(self) -> Self:
        """Begin with nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End all programs."""
        for program in reversed(self.programs):
            program.process.terminate()
            try:
                program.process.wait(END_TIMEOUT)
            except subprocess.TimeoutExpired:
                program.process.kill()
                program.process.wait()

    def port(self, preferred: int) -> int:
        """Choose a port of the loopback: the usual one if it is free."""
        for wanted in (0,) if self.any_port else (preferred, 0):
            with socket.socket() as one:
                try:
                    one.bind(("127.0.0.1", wanted))
                except OSError:
                    continue
                port: int = one.getsockname()[1]
                return port
        raise StackError("the loopback has no free port")

    def write(self, name: str, content: object) -> Path:
        """Write a configuration file."""
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
        return path

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        port: int,
        *,
        ready: str | None = "/",
        environ: Mapping[str, str] | None = None,
    ) -> Program:
        """Start a program and wait until GET of `ready` works, or until the port takes connections if that is None."""
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            # A session of its own: Ctrl-C reaches this program only, which then ends them in order.
            process = subprocess.Popen(  # noqa: S603 - the programs that this file names
                [str(one) for one in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=os.environ | dict(environ or {}),
                start_new_session=True,
            )
        program = Program(name, f"http://127.0.0.1:{port}", process, log)
        self.programs.append(program)
        self._wait(program, ready)
        return program

    def _wait(self, program: Program, ready: str | None) -> None:
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end:
            self.check()
            if _answers(program, ready):
                return
            time.sleep(0.1)
        raise StackError(f"{program.name} did not start within {START_TIMEOUT:g} s; its log:\n{_tail(program.log)}")

    def check(self) -> None:
        """See that all programs run.

        Raises:
            StackError: for the first one that has ended.
        """
        for program in self.programs:
            if (code := program.process.poll()) is not None:
                raise StackError(f"{program.name} has ended with {code}; its log:\n{_tail(program.log)}")


def _answers(program: Program, ready: str | None) -> bool:
    try:
        if ready is None:
            host, port = program.address.split(":")
            socket.create_connection((host, int(port)), 2).close()
        else:
            urllib.request.urlopen(program.url + ready, timeout=2).close()  # noqa: S310 - the loopback
    except OSError:
        return False
    return True


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


def start_all(stack: Stack) -> None:
    """Start everything, each program with the configuration that compose.yaml mounts, its addresses replaced."""
    for names in NEEDED:
        find(*names)
    simulator_port = stack.port(10143)
    simulator = stack.start(
        "simulator",
        [find("azure-marketplace-simulator"), f"--listen-address=127.0.0.1:{simulator_port}", "--token=demo"],
        simulator_port,
        ready=None,
    )
    exporter = _start_exporter(stack, simulator)
    receiver_port = stack.port(9099)
    command: list[str | Path] = [sys.executable, HOME / "demo" / "receiver.py", f"127.0.0.1:{receiver_port}"]
    receiver = stack.start("receiver", command, receiver_port)
    alertmanager = start_alertmanager(stack, receiver.url)
    prometheus = start_prometheus(stack, [exporter.address], alertmanager.address)
    if grafana := find_grafana():
        start_grafana(stack, *grafana, prometheus.url, alertmanager.url)


def _start_exporter(stack: Stack, simulator: Program) -> Program:
    port = stack.port(10142)
    settings: dict[str, Any] = yaml.safe_load((HOME / "demo" / "exporter.yaml").read_text("utf-8"))
    settings["api"]["base_url"] = simulator.url
    settings["web"] = {"listen_address": [f"127.0.0.1:{port}"]}
    config = stack.write("exporter.yaml", settings)
    command: list[str | Path] = [find("azure-marketplace-exporter"), f"--config.file={config}"]
    return stack.start("exporter", command, port, ready="/-/ready")


def start_alertmanager(stack: Stack, receiver_url: str) -> Program:
    """Start Alertmanager with the example configuration."""
    text = (HOME / "alertmanager" / "alertmanager.yaml").read_text("utf-8")
    config: dict[str, Any] = yaml.safe_load(text.replace(RECEIVER_IN_EXAMPLE, receiver_url))
    config["templates"] = [str(HOME / "alertmanager" / name) for name in config.get("templates", [])]
    port = stack.port(9093)
    command: list[str | Path] = [
        find(*ALERTMANAGER),
        f"--config.file={stack.write('alertmanager.yaml', config)}",
        f"--storage.path={stack.folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    return stack.start("alertmanager", command, port, ready="/-/ready")


def start_prometheus(
    stack: Stack,
    targets: Sequence[str],
    alertmanager: str | None = None,
    *,
    rules: Path | None = None,
    interval: str = "5s",
    others: Sequence[str] = (),
) -> Program:
    """Start Prometheus with the configuration of the stack, or with other rules; it scrapes `others` as another job."""
    config: dict[str, Any] = yaml.safe_load((HOME / "prometheus" / "prometheus.yaml").read_text("utf-8"))
    config["global"] = {"scrape_interval": interval, "evaluation_interval": interval}
    config["rule_files"] = [str(rules)] if rules else [str(HOME / name) for name in config["rule_files"]]
    config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]} if alertmanager else {}
    (job,) = config["scrape_configs"]
    jobs = {job["job_name"]: targets, "others": others}
    config["scrape_configs"] = [
        {"job_name": name, "static_configs": [{"targets": list(addresses)}]}
        for name, addresses in jobs.items()
        if addresses
    ]
    port = stack.port(9090)
    command: list[str | Path] = [
        find("prometheus"),
        f"--config.file={stack.write('prometheus.yaml', config)}",
        f"--storage.tsdb.path={stack.folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return stack.start("prometheus", command, port, ready="/-/ready")


def start_grafana(stack: Stack, program: Path, home: Path, prometheus_url: str, alertmanager_url: str) -> Program:
    """Start Grafana with data sources and dashboards, the overview as its home, open for everybody on this machine."""
    port = stack.port(3000)
    dashboards = HOME / "dashboards"
    environ = {
        "ALERTMANAGER_URL": alertmanager_url,
        "DASHBOARDS_PATH": str(dashboards),
        "PROMETHEUS_URL": prometheus_url,
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": str(dashboards / "azure-marketplace-overview.json"),
        "GF_PATHS_DATA": str(stack.folder / "grafana"),
        "GF_PATHS_LOGS": str(stack.folder / "grafana"),
        "GF_PATHS_PROVISIONING": str(HOME / "provisioning"),
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
        "GF_SERVER_HTTP_PORT": str(port),
    }
    command: list[str | Path] = [program, "server", "--homepath", home]
    return stack.start("grafana", command, port, ready="/api/health", environ=environ)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """End, once: a second Ctrl-C, or make passing on what it got, must not cut the ending short and leave programs behind."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stack until it is told to end; gives the exit code."""
    parser = argparse.ArgumentParser(prog="grafana/stack.py", description="Run the demo stack without containers.")
    parser.add_argument("--any-port", action="store_true", help="take free ports even where the usual ones are free")
    options = parser.parse_args(arguments)
    for number in ENDINGS:
        signal.signal(number, _leave)
    try:
        with tempfile.TemporaryDirectory(prefix="marketplace-stack-") as folder:
            _run(Path(folder), any_port=options.any_port)
    except KeyboardInterrupt:
        return 0
    except StackError as error:
        print(error, file=sys.stderr)
        return 1


def _run(folder: Path, *, any_port: bool) -> NoReturn:
    with Stack(folder, any_port=any_port) as stack:
        start_all(stack)
        for program in stack.programs:
            print(f"{program.name:14}{program.url}")
        if not any(program.name == "grafana" for program in stack.programs):
            print("no Grafana found: install it, or set GRAFANA_HOME, to see the dashboards")
        print("Ctrl-C ends all of it", flush=True)
        while True:
            time.sleep(0.5)
            stack.check()


if __name__ == "__main__":
    sys.exit(main())
