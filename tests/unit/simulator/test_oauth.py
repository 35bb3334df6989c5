"""Tokens as Microsoft's two endpoints answer."""

from __future__ import annotations

import pytest
import requests

from exporter.simulator import Scenario

from .conftest import EPOCH, Client, Start

GRANT = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "right"}
CLOUD_PARTNER = "https://cloudpartner.azure.com"


@pytest.fixture
def client(start: Start) -> Client:
    return start(Scenario(publishers=("acme",)), require_audience=True, client_secrets=["right"])


def post(client: Client, path: str, form: dict[str, str]) -> requests.Response:
    return client.ask("POST", path, data=form)


def test_the_older_endpoint_writes_numbers_as_texts(client: Client) -> None:
    """Such as cloudpub reads: without `expires_on` it cannot log in."""
    answer = post(client, "/tenant/oauth2/token", GRANT | {"resource": "https://graph.microsoft.com"}).json()
    token = answer.pop("access_token")
    assert answer == {
        "token_type": "Bearer",
        "expires_in": "3600",
        "ext_expires_in": "3600",
        "expires_on": str(int(EPOCH) + 3600),
        "not_before": str(int(EPOCH) - 300),
        "resource": "https://graph.microsoft.com",
    }
    client.token = token
    assert client.get("/rp/product-ingestion/product").status_code == 200
    assert client.cpp("/acme/offers").status_code == 401


def test_the_newer_endpoint_takes_a_scope(client: Client) -> None:
    answer = post(client, "/tenant/oauth2/v2.0/token", GRANT | {"scope": f"{CLOUD_PARTNER}/.default"}).json()
    client.token = answer.pop("access_token")
    assert answer == {"token_type": "Bearer", "expires_in": 3600, "ext_expires_in": 3600}
    assert client.cpp("/acme/offers").status_code == 200


V1, V2 = "/tenant/oauth2/token", "/tenant/oauth2/v2.0/token"


@pytest.mark.parametrize(
    ("path", "form", "number", "code"),
    [
        (V2, GRANT | {"scope": CLOUD_PARTNER}, 90014, 400),
        (V1, GRANT | {"scope": f"{CLOUD_PARTNER}/.default"}, 90014, 400),
        (V1, GRANT | {"resource": CLOUD_PARTNER, "client_secret": "wrong"}, 7000215, 401),
        (V1, GRANT | {"resource": CLOUD_PARTNER, "client_secret": ""}, 7000218, 401),
        (V1, GRANT | {"resource": CLOUD_PARTNER, "grant_type": "password"}, 70003, 400),
    ],
)
def test_refuses_as_entra_does(client: Client, path: str, form: dict[str, str], number: int, code: int) -> None:
    answer = post(client, path, form)
    assert answer.status_code == code
    assert answer.json()["error_codes"] == [number]
    assert answer.json()["error_description"].startswith(f"AADSTS{number}: ")


def test_tokens_expire(start: Start) -> None:
    now = [EPOCH]
    client = start(Scenario(publishers=("acme",)), clock=lambda: now[0], token_lifetime=60)
    client.token = post(client, V1, GRANT | {"resource": CLOUD_PARTNER}).json()["access_token"]
    assert client.cpp("/acme/offers").status_code == 200
    now[0] += 60
    assert client.cpp("/acme/offers").status_code == 401
