"""The token endpoints; where azure-identity is the client, it is the real one."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from exporter.simulator import Simulator, empty, serve_in_thread
from exporter.simulator.faults import read_faults

from .conftest import EPOCH, Client, Start, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCOPE = "https://cloudpartner.azure.com/.default"


def certificate(folder: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 that vouches for itself, and its key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulator")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return folder / "cert.pem", folder / "key.pem"


def jwt(claims: dict[str, Any]) -> str:
    parts = ({"alg": "RS256"}, claims)
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), "c2ln"]
    )


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, Simulator, str]]:
    cert, key = certificate(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    simulator = Simulator(empty("acme"), require_audience=True, client_secrets=["right"], control=True)
    with serve_in_thread(simulator.app, tls_cert=cert, tls_key=key) as server:
        yield server.url, simulator, str(cert)


def list_offers(url: str, token: str, ca: str) -> int:
    return requests.get(
        f"{url}/api/publishers/acme/offers?api-version=2017-10-31",
        headers={"Authorization": f"Bearer {token}"},
        verify=ca,
        timeout=10,
    ).status_code


def test_client_secret_with_azure_identity(secure: tuple[str, Simulator, str]) -> None:
    url, simulator, ca = secure
    options: dict[str, Any] = {"authority": url, "disable_instance_discovery": True, "connection_verify": ca}
    with ClientSecretCredential("tenant", "client", "right", **options) as credential:
        token = credential.get_token(SCOPE)
        other = credential.get_token("https://graph.microsoft.com/.default")
    assert list_offers(url, token.token, ca) == 200
    assert list_offers(url, other.token, ca) == 401
    assert list_offers(url, "anything", ca) == 401
    assert simulator.issued.revoke_all() == 2
    assert list_offers(url, token.token, ca) == 401
    with (
        ClientSecretCredential("tenant", "client", "wrong", **options) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215"),
    ):
        credential.get_token(SCOPE)


def test_certificate_with_azure_identity(secure: tuple[str, Simulator, str], tmp_path: Path) -> None:
    url, _, ca = secure
    (tmp_path / "client").mkdir()
    cert, key = certificate(tmp_path / "client", rsa.generate_private_key(65537, 2048))
    data = cert.read_bytes() + key.read_bytes()
    options: dict[str, Any] = {"disable_instance_discovery": True, "connection_verify": ca}
    with CertificateCredential("tenant", "client", certificate_data=data, authority=url, **options) as credential:
        assert list_offers(url, credential.get_token(SCOPE).token, ca) == 200


def test_workload_identity_with_azure_identity(secure: tuple[str, Simulator, str], tmp_path: Path) -> None:
    url, _, ca = secure
    file = tmp_path / "federated"
    options: dict[str, Any] = {"authority": url, "disable_instance_discovery": True, "connection_verify": ca}
    for content, is_good in ((jwt({"sub": "pod"}), True), ("nonsense", False)):
        file.write_text(content)
        with WorkloadIdentityCredential(
            tenant_id="tenant", client_id="client", token_file_path=str(file), **options
        ) as credential:
            if is_good:
                assert list_offers(url, credential.get_token(SCOPE).token, ca) == 200
            else:
                with pytest.raises(ClientAuthenticationError, match="AADSTS50027"):
                    credential.get_token(SCOPE)


def test_managed_identity_with_azure_identity(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    client = start(empty("acme"), require_audience=True, clock=time.time)
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{client.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "simulated-identity")
    with ManagedIdentityCredential() as credential:
        client.token = credential.get_token(SCOPE).token
    assert client.cpp("/acme/offers").status_code == 200
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    with ManagedIdentityCredential() as credential, pytest.raises(ClientAuthenticationError):
        credential.get_token(SCOPE)


@pytest.mark.parametrize("kind", ["reset", "short_body", "drop"])
def test_connections_break_over_tls_too(secure: tuple[str, Simulator, str], kind: str) -> None:
    url, simulator, ca = secure
    token, _ = simulator.issued.issue("https://cloudpartner.azure.com")
    simulator.faults.add(read_faults(json.dumps({"kind": kind, "times": 1})))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        list_offers(url, token, ca)
    assert list_offers(url, token, ca) == 200


def test_a_mute_tls_client_cannot_keep_the_server_from_ending(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    simulator = Simulator(empty(), faults=read_faults('{"kind": "hold"}'))
    context = ssl.create_default_context(cafile=cert)
    with serve_in_thread(simulator.app, tls_cert=cert, tls_key=key) as server:
        port = urlsplit(server.url).port or 0
        sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10), server_hostname="127.0.0.1")
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: simulator.seen.in_flight == 1)
    sock.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


@pytest.mark.parametrize("query", [{"resource": "x"}, {"api-version": "2019-08-01"}])
def test_managed_identity_wants_version_and_resource(start: Start, query: dict[str, str]) -> None:
    client = start(empty())
    answer = client.get("/msi/token", params=query, headers={"X-IDENTITY-HEADER": "simulated-identity"})
    assert answer.status_code == 400


def ask_token(client: Client, version: str = "/v2.0", **form: str) -> requests.Response:
    return client.ask("POST", f"/tenant/oauth2{version}/token", data={"grant_type": "client_credentials"} | form)


@pytest.mark.parametrize(
    ("form", "status", "number"),
    [
        ({"grant_type": "password"}, 400, 70003),
        ({"scope": SCOPE}, 401, 7000218),
        ({"scope": SCOPE, "client_assertion": "a.b"}, 401, 50027),
        ({"scope": SCOPE, "client_assertion": "W10.W10.x"}, 401, 50027),
        ({"scope": SCOPE, "client_assertion": "a.b.c"}, 401, 50027),
        ({"client_secret": "s"}, 400, 90014),
        ({"client_secret": "s", "scope": "no-default"}, 400, 90014),
    ],
)
def test_refuses_in_the_words_of_entra(start: Start, form: dict[str, str], status: int, number: int) -> None:
    answer = ask_token(start(empty()), **form)
    body = answer.json()
    assert (answer.status_code, body["error_codes"]) == (status, [number])
    assert body["error_description"].startswith(f"AADSTS{number}: ")


def test_the_older_endpoint_knows_resources(start: Start) -> None:
    client = start(empty("acme"), require_audience=True, token_lifetime=120)
    answer = ask_token(client, "", client_secret="s", resource="https://cloudpartner.azure.com").json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 120)
    client.token = answer["access_token"]
    assert client.cpp("/acme/offers").status_code == 200


def test_tokens_expire(start: Start) -> None:
    now = EPOCH
    client = start(empty("acme"), token_lifetime=60, clock=lambda: now)
    client.token = ask_token(client, client_secret="s", scope=SCOPE).json()["access_token"]
    now += 59
    assert client.cpp("/acme/offers").status_code == 200
    now += 1
    assert client.cpp("/acme/offers").status_code == 401


def test_control_revokes_tokens_and_changes_secrets(start: Start) -> None:
    client = start(empty("acme"))
    issued = ask_token(client, client_secret="s", scope=SCOPE).json()["access_token"]
    assert client.ask("POST", "/control/tokens/revoke").json() == {"revoked": 1}
    client.token = issued
    assert client.cpp("/acme/offers").status_code == 401
    assert client.ask("PUT", "/control/client-secrets", json=["new"]).status_code == 204
    assert ask_token(client, client_secret="s", scope=SCOPE).status_code == 401
    assert ask_token(client, client_secret="new", scope=SCOPE).status_code == 200
    assert client.ask("PUT", "/control/client-secrets", json=None, data="null").status_code == 204
    assert ask_token(client, client_secret="s", scope=SCOPE).status_code == 200
    assert client.ask("PUT", "/control/client-secrets", json={"a": 1}).status_code == 400


def test_slow_tokens_are_still_tokens(start: Start) -> None:
    client = start(empty())
    client.fault({"kind": "slow", "operation": "token", "seconds": 0.01})
    assert ask_token(client, client_secret="s", scope=SCOPE).status_code == 200


def test_discovery_points_to_itself(start: Start) -> None:
    client = start(empty())
    configuration = client.get("/tenant/v2.0/.well-known/openid-configuration").json()
    assert configuration["token_endpoint"] == f"{client.url}/tenant/oauth2/v2.0/token"
    instance = client.get("/common/discovery/instance").json()
    assert instance["tenant_discovery_endpoint"].startswith(client.url)
    assert instance["metadata"][0]["aliases"] == [client.url.removeprefix("http://")]
