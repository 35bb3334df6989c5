"""The stack of compose.yaml without containers: simulator, exporter, Prometheus, Alertmanager, a receiver, and Grafana if there.

    python grafana/stack.py [--any-port] [--days N]

Begins with the past of the simulated publishers (see grafana/history.py), which takes a minute or so; without it, with
`--days 0`, the simulated offers walk faster than in life. Takes the programs from .tools/bin (see .ci/tools), from beside the
running Python, or from the path; Grafana from GRAFANA_HOME too. Listens on the loopback only, keeps its data in a temporary
folder, prints where everything is, and ends all of it on Ctrl-C, SIGTERM or SIGHUP. Exit code 1 if a program is missing, does
not start, or ends by itself.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import yaml

HOME = Path(__file__).resolve().parent
# Run as a program, Python looks for modules in this folder only; at the end, so that the installed exporter is taken.
sys.path.append(str(HOME.parent))

from grafana.programs import Program, Stack, StackError, find, folders  # noqa: E402 - see above
from grafana.rule_links import RULES, with_links  # noqa: E402

__all__ = ["Stack", "find_grafana", "main", "start_all", "start_grafana"]

DAYS = 14
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Debian has another name for it.
ALERTMANAGER = ("alertmanager", "prometheus-alertmanager")
NEEDED = (
    ("azure-marketplace-simulator",),
    ("azure-marketplace-exporter",),
    ("prometheus",),
    ("promtool",),
    ALERTMANAGER,
)
RECEIVER_IN_EXAMPLE = "http://127.0.0.1:9099"
PICTURES = "https://github.com/azure-marketplace-exporter/azure-marketplace-exporter/blob/main/docs/dashboards.md"


def find_grafana() -> tuple[Path, Path] | None:
    """Find Grafana and its home folder, from GRAFANA_HOME or the path."""
    if home := os.environ.get("GRAFANA_HOME"):
        return Path(home) / "bin" / "grafana", Path(home)
    found = shutil.which("grafana")
    return (Path(found), Path("/usr/share/grafana")) if found else None


def start_all(stack: Stack, days: float = DAYS, *, offers: int = 0) -> None:
    """Start everything, each program with the configuration that compose.yaml mounts, its addresses replaced.

    With `offers`, a past of that many offers takes the place of the demo's.
    """
    for names in NEEDED:
        find(*names)
    simulator_port, exporter_port = stack.port(10143), stack.port(10142)
    settings = _exporter_settings(stack, simulator_port, exporter_port, is_demo=not offers)
    options = _write_past(stack, settings, exporter_port, days, offers) if days else []
    command: list[str | Path] = [
        find("azure-marketplace-simulator"),
        f"--listen-address=127.0.0.1:{simulator_port}",
        "--token=demo",
        *options,
    ]
    stack.start("simulator", command, simulator_port, ready=None)
    command = [find("azure-marketplace-exporter"), f"--config.file={settings}"]
    if days:
        command.append(f"--collection.state-file={stack.folder / 'history' / 'state.json'}")
    exporter = stack.start("exporter", command, exporter_port, ready="/-/ready")
    receiver_port = stack.port(9099)
    runbooks = HOME.parent / "docs" / "runbooks"
    command = [sys.executable, HOME / "demo" / "receiver.py", f"127.0.0.1:{receiver_port}", runbooks]
    receiver = stack.start("receiver", command, receiver_port)
    alertmanager = start_alertmanager(stack, receiver.url)
    grafana, grafana_port = find_grafana(), stack.port(3000)
    rules = with_links(
        RULES.read_text("utf-8"),
        runbook_url=f"{receiver.url}/runbooks",
        grafana_url=f"http://127.0.0.1:{grafana_port}" if grafana else None,
    )
    rule_file = stack.write("azure-marketplace.rules.yaml", rules)
    prometheus = start_prometheus(stack, exporter.address, alertmanager.address, rule_file)
    if grafana:
        start_grafana(stack, *grafana, prometheus.url, alertmanager.url, port=grafana_port)


def _exporter_settings(stack: Stack, simulator_port: int, port: int, *, is_demo: bool) -> Path:
    settings: dict[str, Any] = yaml.safe_load((HOME / "demo" / "exporter.yaml").read_text("utf-8"))
    settings["api"]["base_url"] = f"http://127.0.0.1:{simulator_port}"
    if not is_demo:
        settings["publishers"] = ["publisher-001"]
    address = f"127.0.0.1:{port}"
    settings["web"] = {"listen_address": [address], "external_url": f"http://{address}"}
    return stack.write("exporter.yaml", settings)


def _write_past(stack: Stack, settings: Path, exporter_port: int, days: float, offers: int) -> list[str]:
    """Write what the stack would have seen before, into the data of Prometheus; gives the simulator's options to go on."""
    print(f"writing the past of {days:g} days, which takes a minute or so (--days 0 leaves it out)", flush=True)
    history = stack.folder / "history"
    instance = f"127.0.0.1:{exporter_port}"
    command: list[str | Path] = [sys.executable, HOME / "history.py", history, f"--config={settings}"]
    stack.run("history", [*command, f"--instance={instance}", f"--days={days}", f"--offers={offers}"])
    (stack.folder / "prometheus").mkdir()
    path = os.pathsep.join((*map(str, folders()), os.environ.get("PATH", "")))
    command = ["sh", HOME / "prometheus" / "past.sh", history, stack.folder / "prometheus"]
    stack.run("past", command, environ={"PATH": path, "PORT": str(stack.port(0)), "TMPDIR": str(stack.folder)})
    for day in history.glob("*.om"):
        day.unlink()
    return (history / "simulator").read_text("utf-8").split()


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


def start_prometheus(stack: Stack, exporter: str, alertmanager: str, rules: Path) -> Program:
    """Start Prometheus with the configuration that compose.yaml mounts, its addresses replaced."""
    config: dict[str, Any] = yaml.safe_load((HOME / "prometheus" / "prometheus.yaml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "5s", "evaluation_interval": "5s"}
    config["rule_files"] = [str(rules)]
    config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    (job,) = config["scrape_configs"]
    config["scrape_configs"] = [{"job_name": job["job_name"], "static_configs": [{"targets": [exporter]}]}]
    port = stack.port(9090)
    command: list[str | Path] = [
        find("prometheus"),
        f"--config.file={stack.write('prometheus.yaml', config)}",
        f"--storage.tsdb.path={stack.folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return stack.start("prometheus", command, port, ready="/-/ready")


def start_grafana(
    stack: Stack,
    program: Path,
    home: Path,
    prometheus_url: str,
    alertmanager_url: str,
    *,
    provisioning: Path = HOME / "provisioning",
    port: int | None = None,
) -> Program:
    """Start Grafana with data sources and dashboards, the overview as its home, open for everybody on this machine."""
    port = port or stack.port(3000)
    # Where it would look for plugins: a folder that is not there is an error in its log.
    (stack.folder / "grafana" / "plugins").mkdir(parents=True, exist_ok=True)
    dashboards = HOME / "dashboards"
    environ = {
        "ALERTMANAGER_URL": alertmanager_url,
        "DASHBOARDS_PATH": str(dashboards),
        "PROMETHEUS_URL": prometheus_url,
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": str(dashboards / "azure-marketplace-overview.json"),
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
        "GF_PATHS_DATA": str(stack.folder / "grafana"),
        "GF_PATHS_LOGS": str(stack.folder / "grafana"),
        "GF_PATHS_PROVISIONING": str(provisioning),
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        "GF_SECURITY_DISABLE_GRAVATAR": "true",
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
    parser.add_argument("--days", type=float, default=DAYS, help="how much of the past to begin with; 0 for none")
    options = parser.parse_args(arguments)
    for number in ENDINGS:
        signal.signal(number, _leave)
    try:
        with tempfile.TemporaryDirectory(prefix="marketplace-stack-") as folder:
            _run(Path(folder), any_port=options.any_port, days=options.days)
    except KeyboardInterrupt:
        return 0
    except StackError as error:
        print(error, file=sys.stderr)
        return 1


def _run(folder: Path, *, any_port: bool, days: float) -> NoReturn:
    with Stack(folder, any_port=any_port) as stack:
        start_all(stack, days)
        for program in stack.programs:
            print(f"{program.name:14}{program.url}")
        if not any(program.name == "grafana" for program in stack.programs):
            print(
                f"no Grafana found: set GRAFANA_HOME, or import grafana/import/*.json into yours; pictures: {PICTURES}"
            )
        print("Ctrl-C ends all of it", flush=True)
        while True:
            time.sleep(0.5)
            stack.check()


if __name__ == "__main__":
    sys.exit(main())
