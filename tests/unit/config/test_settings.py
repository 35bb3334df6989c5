"""Which values the settings take, and what becomes of them; what they refuse stands in test_bad_settings.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config.options import load
from exporter.config.publishers import PublisherSettings
from exporter.config.settings import Settings
from exporter.domain.errors import ConfigError
from exporter.sources.registry import SOURCES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "exporter.yaml"


def read(path: Path, content: dict[str, Any]) -> Settings:
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load([f"--config.file={path}"], {}, sources=SOURCES)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("contoso", [("contoso", ())]),
        ("contoso,fabrikam", [("contoso", ()), ("fabrikam", ())]),
        (" contoso , fabrikam/vm ,", [("contoso", ()), ("fabrikam", ("vm",))]),
        (["contoso/b", "contoso/a"], [("contoso", ("b", "a"))]),
        (["contoso/a", "contoso"], [("contoso", ())]),
        (["contoso", "contoso/a"], [("contoso", ())]),
        (["contoso/a", "fabrikam/x", "contoso/b"], [("contoso", ("a", "b")), ("fabrikam", ("x",))]),
        ([{"id": "contoso"}], [("contoso", ())]),
        ([{"id": "contoso", "offers": ["a"]}, "fabrikam", "contoso/b"], [("contoso", ("a", "b")), ("fabrikam", ())]),
        ([{"id": " contoso ", "sources": ["cloud_partner"]}], [("contoso", ())]),
        (["Contoso", "contoso"], [("Contoso", ()), ("contoso", ())]),
        (["2027-02-30", "1"], [("2027-02-30", ()), ("1", ())]),
        ("", []),
    ],
)
def test_publishers(value: Any, expected: list[tuple[str, tuple[str, ...]]], path: Path) -> None:
    assert [(one.id, one.offers) for one in read(path, {"publishers": value}).publishers] == expected


def test_whether_sources_are_named_outlives_copies_and_makes_a_difference(path: Path) -> None:
    every = ["cloud_partner", "partner_center", "product_ingestion"]
    unnamed = read(path, {"publishers": ["contoso/a", "contoso/b"]}).publishers
    named = read(path, {"publishers": [{"id": "contoso", "offers": ["a", "b"], "sources": every}]}).publishers
    assert [list(one.sources) for one in (*unnamed, *named)] == [every, every]
    assert [one.model_copy(update={"sources": ()}).names_sources for one in (*unnamed, *named)] == [False, True]
    assert unnamed != named, "a reload has to see it"


def test_publishers_of_two_credentials_do_not_share_an_account(path: Path) -> None:
    both = [{"id": one, "sources": ["partner_center"], "credential": one} for one in ("default", "b")]
    assert len(read(path, {"publishers": both, "credentials": {"b": {}}}).publishers) == 2


def test_publishers_may_share_an_account_if_all_offers_are_named(path: Path) -> None:
    offers = {"contoso": ["a"], "fabrikam": ["b"]}
    publishers = [{"id": key, "offers": value, "sources": ["partner_center"]} for key, value in offers.items()]
    assert len(read(path, {"publishers": publishers}).publishers) == 2


@pytest.mark.parametrize(
    ("section", "name", "raw", "expected"),
    [
        ("api", "base_url", "https://gateway.example.com/azure/", "https://gateway.example.com/azure"),
        ("api", "base_url", "http://[::1]:8080", "http://[::1]:8080"),
        ("api", "base_url", "http://localhost:8080", "http://localhost:8080"),
        ("api", "timeout", "1m30s", 90.0),
        ("api", "max_concurrency", "4", 4),
        ("web", "listen_address", "127.0.0.1:1, [::1]:2,:3", ("127.0.0.1:1", "[::1]:2", ":3")),
        ("web", "listen_address", ["exporter.example.com:0"], ("exporter.example.com:0",)),
        ("web", "listen_address", ":65535", (":65535",)),
        ("web", "telemetry_path", "/prom/metrics", "/prom/metrics"),
        ("web", "telemetry_path", "/sd-metrics", "/sd-metrics"),
    ],
)
def test_good_values(section: str, name: str, raw: Any, expected: Any, path: Path) -> None:
    assert getattr(getattr(read(path, {section: {name: raw}}), section), name) == expected


@pytest.mark.parametrize("where", ["api.base_url", "product_ingestion.base_url", "auth.authority"])
def test_plain_http_for_who_insists(where: str, path: Path) -> None:
    section, key = where.split(".")
    content: dict[str, Any] = {"api": {"allow_insecure": True}}
    content.setdefault(section, {})[key] = "http://proxy.example.com"
    assert getattr(getattr(read(path, content), section), key) == "http://proxy.example.com"
    content["api"].pop("allow_insecure")
    with pytest.raises(ConfigError, match=f"{where} .*plain http would show the credential"):
        read(path, content)


@pytest.mark.parametrize(
    "given",
    [
        {"token": "x"},
        {"token_file": "/x"},
        {"method": "default", "client_id": "c"},
        {"method": "token", "token_file": "/x"},
        {"method": "client_secret", "tenant_id": "t", "client_id": "c", "client_secret": "s"},
        {"method": "workload_identity"},
        {"method": "managed_identity", "client_id": "c"},
        {"method": "azure_cli", "tenant_id": "t"},
    ],
    ids=repr,
)
def test_credentials_that_fit_their_method(given: dict[str, str], path: Path) -> None:
    assert read(path, {"auth": given}).auth.method == given.get("method", "default")


def test_secrets_hide(path: Path) -> None:
    settings = read(path, {"auth": {"token": "sesame"}})
    assert settings.secrets() == ("sesame",)
    assert "sesame" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_every_field_of_a_publisher_has_its_sentence() -> None:
    assert [name for name, one in PublisherSettings.model_fields.items() if not one.description] == []
