"""Which values the settings take, and what becomes of them; what they refuse stands in test_bad_settings.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config.options import load
from exporter.config.settings import Settings
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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"credential": "default"}, {"credential": "b"}),
        ({"offers": ["a"]}, {"offers": ["b"]}),
    ],
)
def test_publishers_that_may_share_a_source_of_accounts(one: dict[str, Any], other: dict[str, Any], path: Path) -> None:
    """Those of two accounts, and those whose offers are all named."""
    both = [
        {"id": name, "sources": ["partner_center"], **more} for name, more in (("contoso", one), ("fabrikam", other))
    ]
    assert len(read(path, {"publishers": both, "credentials": {"b": {}}}).publishers) == 2


@pytest.mark.parametrize(
    ("section", "name", "raw", "expected"),
    [
        ("api", "base_url", "https://gateway.example.com/azure/", "https://gateway.example.com/azure"),
        ("api", "base_url", "http://[::1]:8080", "http://[::1]:8080"),
        ("api", "base_url", "http://localhost:8080", "http://localhost:8080"),
        ("web", "listen_address", "127.0.0.1:1, [::1]:2,:3", ("127.0.0.1:1", "[::1]:2", ":3")),
        ("web", "listen_address", ["exporter.example.com:0", ":65535"], ("exporter.example.com:0", ":65535")),
        ("web", "telemetry_path", "/sd-metrics", "/sd-metrics"),
    ],
)
def test_good_values(section: str, name: str, raw: Any, expected: Any, path: Path) -> None:
    assert getattr(getattr(read(path, {section: {name: raw}}), section), name) == expected


def test_plain_http_for_who_insists(path: Path) -> None:
    url = "http://proxy.example.com"
    sections = {"api": {"allow_insecure": True}, "product_ingestion": {"base_url": url}, "auth": {"authority": url}}
    settings = read(path, sections)
    assert (settings.auth.authority, settings.product_ingestion.base_url) == (url, url)  # type: ignore[attr-defined]  # sections come with the sources


def test_secrets_hide(path: Path) -> None:
    settings = read(path, {"auth": {"token": "sesame"}})
    assert "sesame" not in repr(settings) + str(settings) + settings.model_dump_json()
