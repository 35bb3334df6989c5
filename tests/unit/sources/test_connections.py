"""Which sources the settings call for, and what those share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from exporter.config.options import CommandLine, load
from exporter.domain.errors import ConfigError
from exporter.simulator import Simulator, demo, serve_in_thread
from exporter.sources.base import Source
from exporter.sources.connections import Connections
from exporter.sources.deadline import Deadline
from exporter.sources.registry import SOURCES
from exporter.telemetry.metrics import Telemetry

NOW = 1_800_000_000.0
ALL = ["cloud_partner", "partner_center", "product_ingestion"]
SECTIONS = ("api", "partner_center", "product_ingestion")
NOWHERE = "http://127.0.0.1:1"

pytestmark = pytest.mark.usefixtures("no_variables")


def settings(folder: Path, sources: tuple[type[Source], ...] = SOURCES, **changes: Any) -> CommandLine:
    base: dict[str, Any] = {"publishers": [{"id": "contoso", "sources": ALL}], "auth": {"token": "any-token"}}
    path = folder / "exporter.yaml"
    path.write_text(json.dumps(base | changes), encoding="utf-8")
    return load([f"--config.file={path}"], {}, sources=sources)


def connect(given: CommandLine, sources: tuple[type[Source], ...] = SOURCES) -> Connections:
    return Connections(
        given,
        telemetry=Telemetry(one.name for one in sources),
        clock=lambda: NOW,
        monotonic=lambda: NOW,
        wait=lambda _: False,
        sources=sources,
    )


def test_only_the_sources_in_use_are_made(tmp_path: Path) -> None:
    connections = connect(settings(tmp_path, publishers=["a", {"id": "b", "sources": ["product_ingestion"]}]))
    assert list(connections.sources) == ["cloud_partner", "product_ingestion"]
    connections.close()


def test_sources_share_the_token_of_a_scope(tmp_path: Path) -> None:
    own = {"base_url": NOWHERE, "scope": "api://shared/.default"}
    apart = connect(settings(tmp_path))
    shared = connect(settings(tmp_path, partner_center=own, product_ingestion=own))
    assert len(apart._tokens) == 3
    assert shared._clients[1]._tokens is shared._clients[2]._tokens is not shared._clients[0]._tokens
    assert list(shared._tokens) == ["https://cloudpartner.azure.com/.default", "api://shared/.default"]


def test_each_api_has_a_pace_of_its_own(tmp_path: Path) -> None:
    connections = connect(settings(tmp_path, partner_center={"requests_per_second": 2}))
    assert [one._rate for one in connections._limiters.values()] == [10, 2, 5]


def test_pauses_are_handed_on(tmp_path: Path) -> None:
    """After a reload other connections ask the same APIs, which do not forget; what is over changes nothing."""
    old, new = connect(settings(tmp_path)), connect(settings(tmp_path, publishers=["contoso"]))
    old._limiters["cloud_partner"].pause(30)
    old._limiters["partner_center"].pause(20)
    new.pause({**old.pauses(), "product_ingestion": NOW + 5})
    assert new.pauses() == {"cloud_partner": NOW + 30}
    new.pause({"cloud_partner": NOW - 1})
    assert new.pauses() == {"cloud_partner": NOW + 30}


def test_a_file_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        connect(settings(tmp_path, auth={"token_file": str(tmp_path / "missing")}))


def test_the_operations_of_sources_in_use_are_known_before_the_first_request(tmp_path: Path) -> None:
    registry = connect(settings(tmp_path))._telemetry.registry
    name = "azure_marketplace_exporter_api_request_duration_seconds_count"
    for operation in ("list_offers", "offer_status", "center_workflow", "ingestion_submissions"):
        assert registry.get_sample_value(name, {"operation": operation}) == 0


class Given:
    """A credential that fetches a token for whatever scope it is asked for, and keeps it."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.kept: dict[str, Any] = {}

    def get_token(self, scope: str) -> Any:
        if scope not in self.kept:
            token, expires = self.simulator.issued.issue(scope.removesuffix("/.default"))
            self.kept[scope] = type("Token", (), {"token": token, "expires_on": int(expires)})()
        return self.kept[scope]

    def close(self) -> None:
        """Nothing is open."""


def test_every_api_gets_a_token_for_its_own_audience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Simulator(demo(epoch=NOW), clock=lambda: NOW, require_audience=True)
    monkeypatch.setattr("exporter.sources.auth.entra._credential", lambda auth, ca_file: Given(one))
    secret = {"method": "client_secret", "tenant_id": "t", "client_id": "c", "client_secret": "not-a-real-one"}
    with serve_in_thread(one.app) as server:
        own: dict[str, Any] = {section: {"base_url": server.url} for section in SECTIONS}
        connections = connect(settings(tmp_path, auth=secret, **own))
        deadline = Deadline(60, lambda: NOW)
        listed = {name: source.list_offers("contoso", deadline) for name, source in connections.sources.items()}
        connections.close()
    assert {name: len(offers) > 0 for name, offers in listed.items()} == dict.fromkeys(ALL, True)
    count = "azure_marketplace_exporter_token_refreshes_total"
    registry = connections._telemetry.registry
    assert [registry.get_sample_value(count, {"source": name}) for name in ALL] == [1, 1, 1]


def test_the_offers_of_one_account_are_told_apart_by_the_settings(tmp_path: Path) -> None:
    both = {"sources": ["cloud_partner", "product_ingestion"]}
    one, other, same = (both | {"id": id_, "offers": [offer]} for id_, offer in (("a", "x"), ("b", "y"), ("c", "x")))
    assert [given.offers for given in settings(tmp_path, publishers=[one, other]).publishers] == [("x",), ("y",)]
    for publishers in ([one, same], [one, {"id": "d", **both}]):
        with pytest.raises(ConfigError, match="share the source product_ingestion"):
            settings(tmp_path, publishers=publishers)
    settings(tmp_path, publishers=[{"id": id_, "sources": [source]} for id_, source in zip("ab", ALL[1:], strict=True)])
