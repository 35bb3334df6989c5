"""Which sources the settings call for, and what those share."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from exporter.config.options import CommandLine, load
from exporter.domain.errors import ConfigError
from exporter.sources.choice import chosen
from exporter.sources.connections import Connections
from exporter.sources.registry import SOURCES
from exporter.telemetry.metrics import PREFIX, Telemetry
from tests.unit.make import NOW

from .canned import Clock

ALL = ["cloud_partner", "partner_center", "product_ingestion"]
NOWHERE = "http://127.0.0.1:1"

pytestmark = pytest.mark.usefixtures("no_variables")


def settings(folder: Path, **changes: Any) -> CommandLine:
    base: dict[str, Any] = {"publishers": [{"id": "contoso", "sources": ALL}], "auth": {"token": "any-token"}}
    path = folder / "exporter.yaml"
    path.write_text(json.dumps(base | changes), encoding="utf-8")
    return load([f"--config.file={path}"], {}, sources=SOURCES)


def connect(given: CommandLine, telemetry: Telemetry | None = None) -> Connections:
    clock = Clock()
    return Connections(given, telemetry=telemetry or Telemetry(), clock=clock, monotonic=clock, wait=clock.wait)


def test_only_the_sources_in_use_are_made(tmp_path: Path) -> None:
    mine, other = {"id": "a", "sources": ["cloud_partner"]}, {"id": "b", "sources": ["product_ingestion"]}
    connections = connect(settings(tmp_path, publishers=[mine, other]))
    assert {key: list(found) for key, found in connections.sources.items()} == {
        "default": ["cloud_partner", "product_ingestion"]
    }


def test_sources_share_the_token_of_a_scope(tmp_path: Path) -> None:
    own = {"base_url": NOWHERE, "scope": "api://shared/.default"}
    apart = connect(settings(tmp_path))
    shared = connect(settings(tmp_path, partner_center=own, product_ingestion=own))
    assert len(apart._tokens) == 3
    assert shared._clients[1]._tokens is shared._clients[2]._tokens is not shared._clients[0]._tokens
    assert [scope for _, scope in shared._tokens] == [
        "https://cloudpartner.azure.com/.default",
        "api://shared/.default",
    ]


def test_each_api_has_a_pace_of_its_own(tmp_path: Path) -> None:
    connections = connect(settings(tmp_path, partner_center={"requests_per_second": 2}))
    assert [one._rate for one in connections._limiters.values()] == [10, 2, 5]


def test_pauses_are_handed_on(tmp_path: Path) -> None:
    """After a reload other connections ask the same APIs, which do not forget; what is over changes nothing."""
    cloud, center = ("default", "cloud_partner"), ("default", "partner_center")
    alone = [{"id": "contoso", "sources": ["cloud_partner"]}]
    old, new = connect(settings(tmp_path)), connect(settings(tmp_path, publishers=alone))
    old._limiters[cloud].pause(30)
    old._limiters[center].pause(20)
    new.pause(dict(old.pauses()))
    assert new.pauses() == {cloud: NOW + 30}
    new.pause({cloud: NOW - 1})
    assert new.pauses() == {cloud: NOW + 30}


TENANTS = [{"id": "contoso", "sources": ALL[:1]}, {"id": "fabrikam", "sources": ALL[:1], "credential": "fabrikam"}]
SECRET = {"method": "client_secret", "tenant_id": "t", "client_id": "c", "client_secret_expires_on": "2030-01-02"}
EXPIRY = PREFIX + "credential_expiry_timestamp_seconds"


def test_credentials_share_nothing(tmp_path: Path) -> None:
    given = settings(tmp_path, publishers=TENANTS, credentials={"fabrikam": {"token": "another-token"}})
    connections = connect(given)
    assert sorted(connections.secrets()) == sorted(given.secrets()) == ["another-token", "any-token"]
    one, two = (connections.sources[name]["cloud_partner"] for name in ("default", "fabrikam"))
    assert one is not two
    connections._limiters["fabrikam", "cloud_partner"].pause(30)
    assert connections.pauses()["default", "cloud_partner"] < NOW
    paused = PREFIX + "api_paused_until_timestamp_seconds"
    labels = {"credential": "fabrikam", "source": "cloud_partner"}
    assert connections._telemetry.registry.get_sample_value(paused, labels) == NOW + 30


def test_the_files_of_all_credentials_are_looked_at(tmp_path: Path) -> None:
    missing = {"token_file": "missing"}
    with pytest.raises(ConfigError) as caught:
        connect(settings(tmp_path, publishers=TENANTS, auth=missing, credentials={"fabrikam": missing}))
    said = f"cannot read {tmp_path / 'missing'}: No such file or directory"
    assert caught.value.problems == [("auth", said), ("credentials.fabrikam", said)]


def test_what_was_told_of_another_credential_is_taken_back(tmp_path: Path) -> None:
    """After a reload the metrics speak of the new credentials only; until a token is fetched its counters are 0."""
    mine = {"fabrikam": SECRET | {"client_secret": "not-a-real-one"}}
    before = connect(settings(tmp_path, publishers=TENANTS, credentials=mine))
    value = before._telemetry.registry.get_sample_value
    assert value(EXPIRY, {"credential": "fabrikam"}) == 1893542400
    labels = {"credential": "fabrikam", "source": "cloud_partner"}
    assert value(PREFIX + "token_refreshes_total", labels) == 0
    connect(settings(tmp_path, publishers=TENANTS[:1], credentials=mine), telemetry=before._telemetry)
    assert value(EXPIRY, {"credential": "fabrikam"}) is None


class TestChoice:
    """Which sources are asked where the settings do not say."""

    def asked(self, folder: Path, *publishers: Any, **changes: Any) -> dict[str, list[str]]:
        given = settings(folder, publishers=list(publishers), **{"auth": {"method": "azure_cli"}} | changes)
        return {one.publisher.id: list(one.publisher.sources) for one in chosen(given)}

    def test_all_for_the_only_one_of_a_credential(self, tmp_path: Path) -> None:
        other = {"id": "b", "credential": "b"}
        assert self.asked(tmp_path, "a", other, credentials={"b": {}}) == {"a": ALL, "b": ALL}

    def test_all_for_those_that_name_their_offers(self, tmp_path: Path) -> None:
        assert self.asked(tmp_path, "a/x", "b/y", "c/y") == {"a": ALL, "b": ALL[:1], "c": ALL[:1]}

    def test_no_account_for_all_offers_of_one_among_others(self, tmp_path: Path) -> None:
        """What the account lists may be another's, and would be shown twice."""
        assert self.asked(tmp_path, "a", "b/x") == {"a": ALL[:1], "b": ALL}
        assert self.asked(tmp_path, "a", "b") == {"a": ALL[:1], "b": ALL[:1]}

    def test_no_account_that_another_one_claims(self, tmp_path: Path) -> None:
        given = settings(
            tmp_path,
            publishers=["a/x", {"id": "b", "sources": ["partner_center"]}],
            auth={"method": "azure_cli"},
        )
        a, b = chosen(given)
        assert a.publisher.sources == ("cloud_partner", "product_ingestion")
        assert b.publisher.sources == ("partner_center",)
        assert [one.is_shared for one in (a, b)] == [True, False]

    @pytest.mark.parametrize(
        ("claims", "source"),
        [
            ({"aud": "https://cloudpartner.azure.com"}, "cloud_partner"),
            ({"aud": "https://api.partner.microsoft.com/"}, "partner_center"),
            ({"aud": "https://graph.microsoft.com"}, "product_ingestion"),
            ({"aud": "00000003-0000-0000-c000-000000000000"}, "product_ingestion"),
            ({"aud": "https://elsewhere"}, "cloud_partner"),
            ({}, "cloud_partner"),
            ([], "cloud_partner"),
        ],
    )
    def test_the_audience_of_a_token(self, tmp_path: Path, claims: Any, source: str) -> None:
        middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        file = tmp_path / "token"
        file.write_text(f"head.{middle}.signature\n", encoding="utf-8")
        assert self.asked(tmp_path, "a", auth={"token_file": str(file)}) == {"a": [source]}

    @pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.!.c"])
    def test_an_opaque_token_is_for_the_portal(self, tmp_path: Path, token: str) -> None:
        assert self.asked(tmp_path, "a", auth={"token": token}) == {"a": ALL[:1]}
        given = settings(tmp_path, publishers=["a", "b"], auth={"token": token})
        assert not any(one.is_shared for one in chosen(given)), "there is nothing to do about it"


def test_the_offers_of_one_account_are_told_apart_by_the_settings(tmp_path: Path) -> None:
    both = {"sources": ["cloud_partner", "product_ingestion"]}
    one, other, same = (both | {"id": id_, "offers": [offer]} for id_, offer in (("a", "x"), ("b", "y"), ("c", "x")))
    assert [given.offers for given in settings(tmp_path, publishers=[one, other]).publishers] == [("x",), ("y",)]
    for publishers in ([one, same], [one, {"id": "d", **both}]):
        with pytest.raises(ConfigError, match="share the source product_ingestion"):
            settings(tmp_path, publishers=publishers)
    settings(tmp_path, publishers=[{"id": id_, "sources": [source]} for id_, source in zip("ab", ALL[1:], strict=True)])
