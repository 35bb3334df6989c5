"""compose.yaml, as far as that can be told without a container engine: what it mounts, and what is in there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
Json = dict[str, Any]
Tool = Callable[[str], Path]

COMPOSE: Json = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Json] = COMPOSE["services"]
OURS = {"history", "rules", "simulator", "exporter", "real", "receiver"}
ONCE = {"history", "past", "rules"}
"""Services that do something and end."""
USERS_OWN = "${EXPORTER_CONFIG:-./exporter.yaml}"


def mounts(service: str) -> Iterator[tuple[str, str]]:
    """Each folder or file of the project that a service mounts, and where."""
    for volume in SERVICES[service].get("volumes", ()):
        if volume.startswith((".", "$")):
            source, target, mode = re.fullmatch(r"(\$\{[^}]*\}|[^:]*):([^:]*):(\w+)", volume).groups()  # type: ignore[union-attr]  # no match fails the test
            assert mode == "ro"
            yield source, target


def in_container(service: str, path: str) -> Path:
    """Find the file of the project that a service sees at a path."""
    for source, target in mounts(service):
        if path == target or path.startswith(target + "/"):
            return (ROOT / source / path.removeprefix(target).lstrip("/")).resolve()
    raise AssertionError(f"{service} mounts nothing at {path}")


def options(service: str) -> dict[str, str]:
    """The options that a service's program is given."""
    words = (word for part in SERVICES[service]["command"] for word in part.split())
    return dict(word.lstrip("-").partition("=")[::2] for word in words if word.startswith("--"))


def needed_by(service: str) -> set[str]:
    """A service and all that compose starts with it."""
    return {service}.union(*(needed_by(one) for one in SERVICES[service].get("depends_on", ())))


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MARKETPLACE_EXPORTER_")}
    return subprocess.run(
        [str(one) for one in command], env=environ, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_is_there(service: str) -> None:
    for source, _ in mounts(service):
        assert source == USERS_OWN or (ROOT / source).exists(), source


@pytest.mark.parametrize("service", SERVICES)
def test_services_are_pinned_local_and_watched(service: str) -> None:
    one = SERVICES[service]
    if service in OURS:
        assert (one["image"], one["build"]) == ("azure-marketplace-exporter:local", ".")
        assert (one["read_only"], one["cap_drop"]) == (True, ["ALL"])
    else:
        assert re.fullmatch(r"docker\.io/(prom|grafana)/\w+:v?\d+\.\d+\.\d+", one["image"])
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in one.get("ports", ()))
    assert one["healthcheck"] == {"disable": True} if service in ONCE else one["healthcheck"]["test"][0] == "CMD"
    assert one["restart"] == ("no" if service in ONCE else "unless-stopped")
    for name, condition in one.get("depends_on", {}).items():
        assert name in SERVICES
        wanted = "service_completed_successfully" if name in ONCE else "service_healthy"
        assert condition == {"condition": wanted}


def test_named_volumes_are_declared() -> None:
    used = {
        volume.partition(":")[0]
        for one in SERVICES.values()
        for volume in one.get("volumes", ())
        if not volume.startswith((".", "$"))
    }
    assert used == set(COMPOSE["volumes"])


def test_what_is_told_of_the_past_is_what_the_exporter_goes_on_with(tool: Tool, tmp_path: Path) -> None:
    """Writer, simulator, exporter and the one that brings it into Prometheus meet in one folder, under its names."""
    state = options("exporter")["collection.state-file"]
    places = {
        "history": SERVICES["history"]["command"][0],
        "exporter": str(Path(state).parent),
        "simulator": "/history",
        "past": SERVICES["past"]["command"][0],
    }
    for service, place in places.items():
        assert [one for one in SERVICES[service]["volumes"] if one.partition(":ro")[0] == f"history:{place}"], service
    port = SERVICES["exporter"]["ports"][0].rpartition(":")[2]
    assert f"--instance=exporter:{port}" in SERVICES["history"]["command"]
    assert "past" not in needed_by("real")
    program = in_container("history", SERVICES["history"]["entrypoint"][1])
    known = run(sys.executable, program, "--help").stdout
    assert all(f"--{name}" in known for name in options("history"))
    config = in_container("history", options("history")["config"])
    told = run(sys.executable, program, tmp_path, f"--config={config}", "--instance=exporter:10142", "--days=0.02")
    assert told.returncode == 0, told.stderr
    assert (tmp_path / Path(state).name).is_file()
    assert re.search(r"cat /history/simulator\b", SERVICES["simulator"]["command"][0])
    words = (tmp_path / "simulator").read_text("utf-8").split()
    given = {f"--{name}" for name in options("simulator")} | {word.partition("=")[0] for word in words}
    taken = run(tool("azure-marketplace-simulator"), "--help").stdout
    assert [name for name in given if f"{name} " not in taken] == []


def test_the_past_is_brought_into_the_data_of_the_prometheus_that_runs() -> None:
    history, data, url = SERVICES["past"]["command"]
    assert f"prometheus:{data}" in SERVICES["past"]["volumes"]
    assert f"prometheus:{options('prometheus')['storage.tsdb.path']}" in SERVICES["prometheus"]["volumes"]
    assert data == options("prometheus")["storage.tsdb.path"]
    assert f"history:{history}:ro" in SERVICES["past"]["volumes"]
    assert SERVICES["past"]["image"] == SERVICES["prometheus"]["image"]
    name, port = re.fullmatch(r"http://(\w+):(\d+)", url).groups()  # type: ignore[union-attr]  # no match fails the test
    assert f"127.0.0.1:{port}:{port}" in SERVICES[name]["ports"]
    assert in_container("past", SERVICES["past"]["entrypoint"][1]).is_file()


def test_the_profile_real_leaves_the_simulation_out() -> None:
    assert [name for name, one in SERVICES.items() if "profiles" in one] == ["real"]
    assert SERVICES["real"]["profiles"] == ["real"]
    assert needed_by("real") == {"real", "grafana", "prometheus", "rules", "alertmanager"}
    assert {"simulator", "prometheus", "alertmanager", "grafana"} <= needed_by("exporter")


def test_the_exporter_takes_its_settings(tool: Tool) -> None:
    config = in_container("exporter", options("exporter")["config.file"])
    checked = run(tool("azure-marketplace-exporter"), f"--config.file={config}", "--config.check")
    assert (checked.returncode, checked.stderr) == (0, "")
    settings = yaml.safe_load(config.read_text("utf-8"))
    simulator = options("simulator")
    port = simulator["listen-address"].rpartition(":")[2]
    assert settings["api"]["base_url"] == f"http://simulator:{port}"
    assert settings["auth"]["token"] == simulator["token"]
    assert f"'127.0.0.1', {port}" in SERVICES["simulator"]["healthcheck"]["test"][-1]


def test_prometheus_takes_its_configuration_and_rules(tool: Tool, tmp_path: Path) -> None:
    etc = Path("/etc/prometheus")
    for source, target in mounts("prometheus"):
        place = tmp_path / Path(target).relative_to(etc)
        (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, place)
    program, (*links, rules) = in_container("rules", SERVICES["rules"]["entrypoint"][1]), SERVICES["rules"]["command"]
    assert f"rules:{Path(rules).parent}" in SERVICES["rules"]["volumes"]
    assert f"rules:{etc}/rules:ro" in SERVICES["prometheus"]["volumes"]
    assert run(sys.executable, program, *links, tmp_path / "rules" / Path(rules).name).returncode == 0
    config = tmp_path / Path(options("prometheus")["config.file"]).relative_to(etc)
    checked = run(tool("promtool-3"), "check", "config", config)
    assert checked.returncode == 0, checked.stderr
    assert re.search(r"azure-marketplace\.rules\.yaml.*\n.*SUCCESS: \d+ rules found", checked.stdout), checked.stdout


def test_prometheus_asks_services_that_there_are() -> None:
    config = yaml.safe_load(in_container("prometheus", options("prometheus")["config.file"]).read_text("utf-8"))
    (job,) = config["scrape_configs"]
    (names,) = job["dns_sd_configs"]
    assert sorted(names["names"]) == ["exporter", "real"]
    assert f"127.0.0.1:{names['port']}:{names['port']}" in SERVICES["exporter"]["ports"]
    ((target,),) = (one["targets"] for one in config["alerting"]["alertmanagers"][0]["static_configs"])
    name, _, port = target.partition(":")
    assert f"127.0.0.1:{port}:{port}" in SERVICES[name]["ports"]


def test_alertmanager_tells_the_receiver() -> None:
    """By the example that test_alertmanager_config.py checks."""
    config = yaml.safe_load(in_container("alertmanager", options("alertmanager")["config.file"]).read_text("utf-8"))
    assert SERVICES["receiver"]["network_mode"] == "service:alertmanager"
    address, runbooks = SERVICES["receiver"]["command"]
    port = address.rpartition(":")[2]
    assert f"--runbook-url=http://localhost:{port}{runbooks}" in SERVICES["rules"]["command"]
    assert list(in_container("receiver", runbooks).glob("*.md"))
    assert f"127.0.0.1:{port}:{port}" in SERVICES["alertmanager"]["ports"]
    urls = [hook["url"] for one in config["receivers"] for hook in one.get("webhook_configs", ())]
    assert urls
    assert all(url.startswith(f"http://127.0.0.1:{port}/") for url in urls)
    assert in_container("receiver", SERVICES["receiver"]["entrypoint"][1]).is_file()


def test_grafana_finds_data_sources_dashboards_and_home() -> None:
    environ: dict[str, str] = SERVICES["grafana"]["environment"]
    provisioning = in_container("grafana", "/etc/grafana/provisioning")
    sources = yaml.safe_load((provisioning / "datasources/datasources.yaml").read_text("utf-8"))["datasources"]
    assert [one["isDefault"] for one in sources if one["type"] == "prometheus"] == [True]
    for one in sources:
        url = environ[one["url"].removeprefix("$")]
        name, port = re.fullmatch(r"http://(\w+):(\d+)", url).groups()  # type: ignore[union-attr]  # no match fails the test
        assert f"127.0.0.1:{port}:{port}" in SERVICES[name]["ports"]
    (provider,) = yaml.safe_load((provisioning / "dashboards/dashboards.yaml").read_text("utf-8"))["providers"]
    folder = in_container("grafana", environ[provider["options"]["path"].removeprefix("$")])
    assert len(list(folder.glob("azure-marketplace-*.json"))) == 3
    assert in_container("grafana", environ["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]).is_file()
