"""Which sources the settings call for, and what those share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.config.options import load
from exporter.config.settings import Settings
from exporter.domain.errors import ConfigError
from exporter.simulator import Simulator, demo, serve_in_thread
from exporter.sources.connections import Connections
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry

NOW = 1_800_000_000.0
ALL = ("cloud_partner", "partner_center", "product_ingestion")


@pytest.fixture(scope="module")
def simulator() -> Iterator[tuple[Simulator, str]]:
    """One that insists on tokens for each API's own audience, as issued by itself."""
    one = Simulator(demo(epoch=NOW), clock=lambda: NOW, require_audience=True)
    with serve_in_thread(one.app) as server:
        yield one, server.url


def settings(url: str, **changes: Any) -> Settings:
    base: dict[str, Any] = {
        "publishers": [{"id": "contoso", "sources": ALL}],
        "api": {"base_url": url},
        "partner_center": {"base_url": url},
        "product_ingestion": {"base_url": url},
        "auth": {
            "method": "client_secret",
            "tenant_id": "00000000-0000-0000-0000-000000000001",
            "client_id": "00000000-0000-0000-0000-000000000002",
            "client_secret": "not-a-real-one",
        },
    }
    return Settings(**(base | changes))


def connect(given: Settings, telemetry: Telemetry | None = None) -> Connections:
    return Connections(
        given,
        telemetry=telemetry or Telemetry(),
        clock=lambda: NOW,
        monotonic=lambda: NOW,
        wait=lambda _: False,
    )


def test_only_the_sources_in_use_are_made() -> None:
    given = settings("http://127.0.0.1:1", publishers=["a", {"id": "b", "sources": ["product_ingestion"]}])
    connections = connect(given)
    assert list(connections.sources) == ["cloud_partner", "product_ingestion"]
    connections.close()


def test_sources_share_the_token_of_a_scope() -> None:
    own = {"base_url": "http://127.0.0.1:1", "scope": "api://shared/.default"}
    apart = connect(settings("http://127.0.0.1:1"))
    shared = connect(settings("http://127.0.0.1:1", partner_center=own, product_ingestion=own))
    assert len(apart._tokens) == 3
    assert shared._clients[1]._tokens is shared._clients[2]._tokens is not shared._clients[0]._tokens
    assert list(shared._tokens) == ["https://cloudpartner.azure.com/.default", "api://shared/.default"]


def test_each_api_has_a_pace_of_its_own() -> None:
    connections = connect(settings("http://127.0.0.1:1", partner_center={"requests_per_second": 2}))
    assert [client._gate._rate for client in connections._clients] == [10, 2, 5]


def test_a_file_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        connect(settings("http://127.0.0.1:1", auth={"token_file": tmp_path / "missing"}))


def test_the_operations_of_sources_in_use_are_known_before_the_first_request() -> None:
    telemetry = Telemetry()
    connect(settings("http://127.0.0.1:1"), telemetry)
    name = "azure_marketplace_exporter_api_request_duration_seconds_count"
    for operation in ("list_offers", "offer_status", "center_workflow", "ingestion_submissions"):
        assert telemetry.registry.get_sample_value(name, {"operation": operation}) == 0


class Given:
    """A credential that fetches a token for whatever scope it is asked for."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def get_token(self, scope: str) -> Any:
        token, expires = self.simulator.issued.issue(scope.removesuffix("/.default"))
        return type("Token", (), {"token": token, "expires_on": int(expires)})()

    def close(self) -> None:
        """Nothing is open."""


def test_every_api_gets_a_token_for_its_own_audience(
    simulator: tuple[Simulator, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, url = simulator
    monkeypatch.setattr("exporter.sources.auth.entra._credential", lambda auth, ca_file: Given(one))
    telemetry = Telemetry()
    connections = connect(settings(url), telemetry)
    deadline = Deadline(60, lambda: NOW)
    listed = {name: source.list_offers("contoso", deadline) for name, source in connections.sources.items()}
    assert {name: len(offers) for name, offers in listed.items()} == {
        "cloud_partner": 8,
        "partner_center": 10,
        "product_ingestion": 5,
    }
    assert len(set(connections.secrets())) == 3
    for name in ALL:
        count = "azure_marketplace_exporter_token_refreshes_total"
        assert telemetry.registry.get_sample_value(count, {"source": name}) == 1
    connections.close()


class TestSettings:
    def write(self, folder: Path, publishers: str) -> list[str]:
        path = folder / "exporter.yaml"
        path.write_text(f"publishers: {publishers}\n", encoding="utf-8")
        return [f"--config.file={path}"]

    def problems(self, folder: Path, publishers: str) -> str:
        with pytest.raises(ConfigError) as caught:
            load(self.write(folder, publishers))
        return str(caught.value)

    def test_without_a_word_it_is_the_cloud_partner_portal(self, tmp_path: Path) -> None:
        loaded = load(self.write(tmp_path, "[contoso, contoso/vm, {id: fabrikam}]"))
        assert [one.sources for one in loaded.publishers] == [("cloud_partner",), ("cloud_partner",)]

    @pytest.mark.parametrize(
        ("sources", "problem"),
        [("[]", "at least 1"), ("[cloud_partner, cloud_partner]", "more than once"), ("[portal]", "Input should be")],
    )
    def test_sources_that_make_no_sense(self, tmp_path: Path, sources: str, problem: str) -> None:
        assert problem in self.problems(tmp_path, f"[{{id: contoso, sources: {sources}}}]")

    @pytest.mark.parametrize("source", ["partner_center", "product_ingestion"])
    def test_two_publishers_cannot_have_all_of_one_account(self, tmp_path: Path, source: str) -> None:
        problem = self.problems(
            tmp_path, f"[{{id: contoso, sources: [{source}]}}, {{id: fabrikam, offers: [x], sources: [{source}]}}]"
        )
        assert f"contoso, fabrikam share the source {source}" in problem

    def test_two_publishers_cannot_name_the_same_offer_of_one_account(self, tmp_path: Path) -> None:
        one = "offers: [x, y], sources: [partner_center]"
        assert "share the source partner_center" in self.problems(tmp_path, f"[{{id: a, {one}}}, {{id: b, {one}}}]")

    def test_two_publishers_may_share_an_account_that_the_settings_divide(self, tmp_path: Path) -> None:
        both = "sources: [cloud_partner, partner_center]"
        loaded = load(self.write(tmp_path, f"[{{id: a, offers: [x], {both}}}, {{id: b, offers: [y], {both}}}]"))
        assert [one.offers for one in loaded.publishers] == [("x",), ("y",)]

    def test_two_publishers_may_have_an_account_api_each(self, tmp_path: Path) -> None:
        load(self.write(tmp_path, "[{id: a, sources: [partner_center]}, {id: b, sources: [product_ingestion]}]"))

    @pytest.mark.parametrize("version", ["2022", "latest", "2022-07-01-beta", "2022-07-01&x=1"])
    def test_versions_that_are_none(self, version: str) -> None:
        with pytest.raises(ConfigError, match=r"product_ingestion\.version"):
            load([f"--product-ingestion.version={version}"])
