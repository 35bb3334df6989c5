"""Microsoft's own credential library against the simulator's token endpoint, over TLS with an authority made here."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.certificates import Authority, client_certificate

from .conftest import StartExporter, WriteSettings
from .processes import Exporter, Process, Simulator, faulty_simulator, wait_until
from .test_end_to_end import OFFER

OWN = "azure_marketplace_exporter_"
UP = 'azure_marketplace_publisher_up{publisher_id="contoso"}'
CREDENTIAL = OWN + 'refresh_failures_total{reason="credential"}'
OF_AUTH, OF_TENANT = (f'{{credential="{one}",source="cloud_partner"}}' for one in ("default", "tenant_b"))
REFRESHES = OWN + "token_refreshes_total" + OF_AUTH
FAILURES = OWN + "token_refresh_failures_total" + OF_AUTH
EXPIRY = OWN + "token_expiry_timestamp_seconds" + OF_AUTH
LIFETIME = 3600
FIRST, SECOND = "hush-this-secret", "hush-that-secret"


@dataclass(frozen=True)
class Site:
    """The API and its token endpoint, over TLS."""

    api: Simulator
    authority: Path
    stranger: Path

    def control(self, method: str, path: str, **options: Any) -> requests.Response:
        answer = self.api.control(method, path, verify=str(self.authority), **options)
        answer.raise_for_status()
        return answer

    def asked(self) -> dict[str, int]:
        """Give the number of requests by operation."""
        counts: dict[str, int] = self.control("GET", "requests").json()["by_operation"]
        return counts

    def settings(self, **auth: Any) -> dict[str, Any]:
        return {
            "publishers": [{"id": "contoso", "sources": ["cloud_partner"]}],
            "api": {"base_url": self.api.url, "ca_file": str(self.authority), "timeout": "5s"},
            "auth": {"token_file": None, "authority": self.api.url} | auth,
        }


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("credentials")
    authority, stranger = (Authority(folder, name) for name in ("known", "stranger"))
    certificate, key = authority.issue("server")
    arguments = ["--publisher=contoso", "--publisher=fabrikam", "--require-audience", "--token=from-az"]
    tls = [f"--tls-cert={certificate}", f"--tls-key={key}", f"--token-lifetime={LIFETIME}"]
    api = Simulator(faulty_simulator(*arguments, *tls), folder / "simulator")
    site = Site(api, authority.file, stranger.file)
    site.control("PUT", "offers/contoso/vm", json=OFFER)
    site.control("PUT", "offers/fabrikam/app", json=OFFER)
    yield site
    api.kill()


@pytest.fixture
def site(running: Site) -> Site:
    """The shared simulator, as new."""
    running.control("DELETE", "faults")
    running.control("PUT", "client-secrets", json=[FIRST])
    running.control("DELETE", "requests")
    return running


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "client-secret"
    path.write_text(FIRST + "\n", encoding="utf-8")
    return path


def client_secret(site: Site, secret: Path, **more: Any) -> dict[str, Any]:
    return site.settings(
        method="client_secret", tenant_id="tenant", client_id="client", client_secret_file=str(secret), **more
    )


def test_client_secret(site: Site, exporter: StartExporter, secret: Path) -> None:
    """One token serves all requests; bundles that the environment names have no say beside `ca_file`."""
    bundles = {"REQUESTS_CA_BUNDLE": str(site.stranger), "CURL_CA_BUNDLE": str(site.stranger)}
    watched = exporter(client_secret(site, secret, client_secret_expires_on="2030-01-02"), environ=bundles)
    watched.wait_for_sample(UP, 1)
    wait_until(lambda: site.asked()["list_offers"] >= 2, "two refreshes")
    samples = watched.samples()
    assert (samples[REFRESHES], samples[FAILURES], samples[CREDENTIAL]) == (1, 0, 0)
    assert samples[EXPIRY] == pytest.approx(time.time() + LIFETIME, abs=30)
    assert samples[OWN + 'credential_expiry_timestamp_seconds{credential="default"}'] == 1893542400
    assert site.asked()["token"] == 1
    assert FIRST not in watched.log


def test_unknown_authority(site: Site, exporter: StartExporter, secret: Path) -> None:
    """Without `ca_file` the certificate is refused, and no token is sent."""
    settings = client_secret(site, secret)
    settings["api"]["ca_file"] = None
    watched = exporter(settings)
    watched.wait_for_sample(UP, 0)
    assert watched.samples()[CREDENTIAL] >= 1
    assert "CERTIFICATE_VERIFY_FAILED" in watched.log
    assert "token" not in site.asked()


def test_revoked_credential_and_its_replacement(site: Site, exporter: StartExporter, secret: Path) -> None:
    """It is shown as failing, never as success, until the file has another secret; then at once."""
    watched = exporter(client_secret(site, secret))
    watched.wait_for_sample(UP, 1)
    success = watched.samples()['azure_marketplace_publisher_last_success_timestamp_seconds{publisher_id="contoso"}']
    site.control("PUT", "client-secrets", json=[SECOND])
    site.control("POST", "tokens/revoke")
    watched.wait_for_sample(UP, 0)
    for _ in range(2):
        samples = wait_until_refreshed(watched)
        assert samples[UP] == 0
        assert samples['azure_marketplace_offer_up{offer_id="vm",publisher_id="contoso"}'] == 0
    assert samples['azure_marketplace_publisher_last_success_timestamp_seconds{publisher_id="contoso"}'] < success + 2
    assert samples[CREDENTIAL] >= 2
    assert samples[FAILURES] == 1, "the token endpoint is left alone for a while"
    assert "client_secret: Authentication failed: AADSTS7000215: Invalid client secret provided." in watched.log
    assert "Trace ID" not in watched.log
    secret.write_text(SECOND + "\n", encoding="utf-8")
    watched.wait_for_sample(UP, 1)
    assert watched.samples()[REFRESHES] == 2
    assert FIRST not in watched.log
    assert SECOND not in watched.log


def test_publishers_of_two_tenants(site: Site, exporter: StartExporter, secret: Path, tmp_path: Path) -> None:
    """Each by a credential of its own; what one of them lacks, and gets again, is no matter of the other."""
    second = tmp_path / "second-secret"
    second.write_text(SECOND, encoding="utf-8")
    site.control("PUT", "client-secrets", json=[FIRST, SECOND])
    settings = client_secret(site, secret)
    settings["publishers"].append({"id": "fabrikam", "sources": ["cloud_partner"], "credential": "tenant_b"})
    tenant = settings["auth"] | {"tenant_id": "other", "client_secret_file": str(second)}
    settings["credentials"] = {"tenant_b": {key: one for key, one in tenant.items() if one is not None}}
    watched = exporter(settings)
    fabrikam = UP.replace("contoso", "fabrikam")
    watched.wait_for_sample(fabrikam, 1)
    watched.wait_for_sample(UP, 1)
    samples = watched.samples()
    assert samples[REFRESHES] == samples[REFRESHES.replace(OF_AUTH, OF_TENANT)] == 1
    asked = {one["path"] for one in site.control("GET", "requests/log").json() if one["operation"] == "token"}
    assert asked == {"/tenant/oauth2/v2.0/token", "/other/oauth2/v2.0/token"}

    site.control("PUT", "client-secrets", json=[FIRST])
    site.control("POST", "tokens/revoke")
    watched.wait_for_sample(fabrikam, 0)
    samples = wait_until_refreshed(watched)
    assert (samples[UP], samples[FAILURES], samples[FAILURES.replace(OF_AUTH, OF_TENANT)]) == (1, 0, 1)
    second.write_text(FIRST, encoding="utf-8")
    watched.wait_for_sample(fabrikam, 1)
    assert FIRST not in watched.log
    assert SECOND not in watched.log


def test_token_endpoint_is_down(site: Site, exporter: StartExporter, secret: Path) -> None:
    """While the token is still good, that is counted and logged, and nothing else happens."""
    watched = exporter(client_secret(site, secret))
    watched.wait_for_sample(UP, 1)
    site.control("POST", "faults", json={"kind": "status", "status": 503, "operation": "token"})
    secret.write_text(FIRST + " ", encoding="utf-8")  # asks for another token before the old one ends
    watched.wait_for_sample(FAILURES, 1)
    samples = wait_until_refreshed(watched)
    assert (samples[UP], samples[CREDENTIAL], samples[REFRESHES], samples[FAILURES]) == (1, 0, 1, 1)
    assert watched.log.count("token not replaced, the old one is still good") == 1


@pytest.mark.parametrize(
    "fault",
    [{"kind": "status", "status": 503, "retry_after": 3600}, {"kind": "respond", "body": None}, {"kind": "drop"}],
    ids=["503 for an hour", "null", "dropped"],
)
def test_token_endpoint_is_broken(
    *,
    site: Site,
    run: Callable[..., Process],
    write_settings: WriteSettings,
    secret: Path,
    fault: Mapping[str, Any],
) -> None:
    """Whatever it answers, the failure has a reason and comes before any wait."""
    site.control("POST", "faults", json={"operation": "token"} | dict(fault))
    done = run(f"--config.file={write_settings(client_secret(site, secret))}", "--once")
    assert done.exit_code == 1
    assert f"{CREDENTIAL} 1.0\n" in done.output
    assert f"{UP} 0.0\n" in done.output
    assert "reason=credential" in done.log
    assert "Traceback" not in done.log


def test_token_endpoint_that_drips(site: Site, exporter: StartExporter, secret: Path) -> None:
    """No refresh waits for it longer than it may; when the endpoint is well again, so is the exporter."""
    site.control("POST", "faults", json={"operation": "token", "kind": "trickle", "seconds": 0.3})
    watched = exporter(client_secret(site, secret) | {"collection": {"timeout": "1s"}})
    watched.wait_for_sample(UP, 0)
    wait_until(lambda: watched.samples()[FAILURES] >= 2, "two fetches that were ended")
    site.control("DELETE", "faults")
    watched.wait_for_sample(UP, 1)


def test_client_certificate(site: Site, exporter: StartExporter, tmp_path: Path) -> None:
    """A certificate that is replaced is used at once, and its expiry told."""
    file = tmp_path / "client.pem"
    expiry = client_certificate(file, days=30)
    told = OWN + 'credential_expiry_timestamp_seconds{credential="default"}'
    watched = exporter(
        site.settings(method="client_certificate", tenant_id="tenant", client_id="client", certificate_file=str(file))
    )
    watched.wait_for_sample(UP, 1)
    assert watched.samples()[told] == expiry
    later = client_certificate(file, days=400)
    watched.wait_for_sample(told, later)
    watched.wait_for_sample(REFRESHES, 2)
    assert wait_until_refreshed(watched)[UP] == 1


def test_workload_identity(site: Site, exporter: StartExporter, tmp_path: Path) -> None:
    """All comes from the variables that the webhook of AKS sets."""
    federated = tmp_path / "federated"
    federated.write_text(jwt(), encoding="utf-8")
    settings = site.settings(method="workload_identity", authority=None)
    watched = exporter(
        settings,
        environ={
            "AZURE_TENANT_ID": "tenant",
            "AZURE_CLIENT_ID": "client",
            "AZURE_FEDERATED_TOKEN_FILE": str(federated),
            "AZURE_AUTHORITY_HOST": site.api.url,
        },
    )
    watched.wait_for_sample(UP, 1)
    assert watched.samples()[REFRESHES] == 1


def test_default_by_environment(site: Site, exporter: StartExporter) -> None:
    environ = {"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client", "AZURE_CLIENT_SECRET": FIRST}
    watched = exporter(site.settings(method="default"), environ=environ)
    watched.wait_for_sample(UP, 1)
    assert watched.samples()[REFRESHES] == 1


def test_azure_cli(site: Site, exporter: StartExporter, tmp_path: Path) -> None:
    """Asked through its command, for the scope's resource; when nobody is logged in, its words are logged."""
    answer = {
        "accessToken": "from-az",
        "expiresOn": "2040-01-01 00:00:00.000000",
        "expires_on": int(time.time()) + 3000,
    }
    az = tmp_path / "bin" / "az"
    az.parent.mkdir()
    az.write_text(f"#!/bin/sh\necho \"$@\" >> {tmp_path}/asked\necho '{json.dumps(answer)}'\n", encoding="utf-8")
    az.chmod(0o755)
    environ = {"PATH": f"{az.parent}:/usr/bin:/bin"}
    settings = site.settings(method="azure_cli", authority=None)
    watched = exporter(settings, environ=environ)
    watched.wait_for_sample(UP, 1)
    asked = (tmp_path / "asked").read_text(encoding="utf-8")
    assert "account get-access-token" in asked
    assert "--resource https://cloudpartner.azure.com" in asked
    watched.kill()

    az.write_text("#!/bin/sh\necho \"Please run 'az login' to setup account.\" >&2\nexit 1\n", encoding="utf-8")
    watched = exporter(settings, environ=environ)
    watched.wait_for_sample(UP, 0)
    assert "azure_cli: Please run 'az login' to set up an account" in watched.log


def test_nothing_found(site: Site, exporter: StartExporter, tmp_path: Path) -> None:
    """The default chain tells what it has tried."""
    watched = exporter(
        site.settings(method="default"),
        environ={"PATH": str(tmp_path), "HOME": str(tmp_path), "AZURE_POD_IDENTITY_AUTHORITY_HOST": site.api.url},
    )
    watched.wait_for_sample(UP, 0, timeout=60)
    assert watched.samples()[CREDENTIAL] >= 1
    assert "EnvironmentCredential" in watched.log
    assert "AzureCliCredential" in watched.log


def jwt() -> str:
    """Write a token that has the form of a federated one."""
    parts = ({"alg": "RS256"}, {"sub": "system:serviceaccount:monitoring:exporter"})
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in parts), "c2ln"])


def wait_until_refreshed(watched: Exporter) -> dict[str, float]:
    """Give the samples after the refresh that comes next."""
    name = 'azure_marketplace_publisher_last_refresh_timestamp_seconds{publisher_id="contoso"}'
    before = watched.samples()[name]
    wait_until(lambda: watched.samples()[name] > before, "a refresh")
    return watched.samples()
