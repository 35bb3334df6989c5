"""The README, walked as a newcomer does: from what a clone holds to offers in Prometheus, with its own words as commands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.certificates import Authority

from .conftest import StartPrometheus, Tool
from .processes import Exporter, Process, Simulator
from .test_dist import sources

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
INSTALLING = 600.0
"""Seconds that pip may take to fetch everything."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def clone(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone holds, after the first `make demo` has made all that it needs."""
    folder = sources(tmp_path_factory.mktemp("clone"))
    first = Process([tool("make"), "-C", folder, "demo", "ARGS=--version"], folder / "first")
    assert first.wait(INSTALLING) == 0, first.log
    return folder


def test_make_demo_shows_offers(clone: Path, tool: Tool, tmp_path: Path) -> None:
    demo = Exporter([tool("make"), "-C", clone, "demo", "ARGS=--web.listen-address=127.0.0.1:0"], tmp_path)
    try:
        demo.wait_until_ready()
        assert "offers/contoso/gateway-vm" in demo.get("/").text
    finally:
        demo.terminate()


@pytest.fixture
def microsoft(clone: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Everything that Microsoft has, under one roof, and the environment that leads there instead."""
    authority = Authority(tmp_path, "root")
    certificate, key = authority.issue("server")
    options = ["--require-audience", "--client-secret=hush", f"--tls-cert={certificate}", f"--tls-key={key}"]
    stand_in = Simulator([clone / ".venv/bin/azure-marketplace-simulator", *options], tmp_path / "simulator")
    there = ("API__BASE_URL", "PARTNER_CENTER__BASE_URL", "PRODUCT_INGESTION__BASE_URL", "AUTH__AUTHORITY")
    settings = dict.fromkeys(there, stand_in.url) | {"API__CA_FILE": str(authority.file)}
    yield {f"MARKETPLACE_EXPORTER_{name}": value for name, value in settings.items()}
    stand_in.kill()


def test_the_app_registration_leads_to_offers_in_prometheus(
    clone: Path, microsoft: dict[str, str], prometheus: StartPrometheus, tmp_path: Path
) -> None:
    settings, scraping = blocks("yaml")
    home = tmp_path / "home"
    home.mkdir()
    (home / "exporter.yaml").write_text(settings, encoding="utf-8")
    (home / "client-secret").write_text("hush\n", encoding="utf-8")
    environ = microsoft | {
        "PATH": f"{clone / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
        "MARKETPLACE_EXPORTER_WEB__LISTEN_ADDRESS": "127.0.0.1:0",
    }
    lines = [shlex.split(line) for line in blocks("sh")[1].splitlines()]
    check, start = ([shutil.which(name, path=environ["PATH"]) or name, *options] for name, *options in lines)
    checked = Process(check, home, environ=environ)
    assert checked.wait() == 0, checked.log
    exporter = Exporter(start, home, environ=environ)
    try:
        exporter.wait_for_sample('azure_marketplace_publisher_up{publisher_id="contoso"}', 1)
        watched = yaml.safe_load(scraping.replace("localhost:10142", exporter.url.partition("//")[2]))
        found = prometheus({"global": {"scrape_interval": "1s"}, **watched}).wait_for("azure_marketplace_offer_up == 1")
        assert len(found) == exporter.samples()['azure_marketplace_publisher_offers{publisher_id="contoso"}'] > 5
    finally:
        exporter.terminate()
    assert (home / "state.json").is_file()
