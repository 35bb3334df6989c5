"""Tokens as Microsoft's endpoint answers; tests/integration/test_credentials.py lets Microsoft's own library ask for them."""

from __future__ import annotations

import httpx
import pytest

from .conftest import EPOCH, Client

GRANT = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "right"}
AUDIENCES = {
    "https://cloudpartner.azure.com": "/api/publishers/contoso/offers?api-version=2017-10-31",
    "https://api.partner.microsoft.com": "/v1.0/ingestion/products",
    "https://graph.microsoft.com": "/rp/product-ingestion/product",
}
SCOPE = {"scope": "https://cloudpartner.azure.com/.default"}


def post(client: Client, form: dict[str, str]) -> httpx.Response:
    return client.ask("POST", "/tenant/oauth2/v2.0/token", data=form)


@pytest.mark.parametrize("audience", AUDIENCES)
def test_each_api_wants_tokens_of_its_own_audience(audience: str) -> None:
    now = [EPOCH]
    client = Client(clock=lambda: now[0], require_audience=True, client_secrets=["right"], token_lifetime=60)
    answer = post(client, GRANT | {"scope": f"{audience}/.default"}).json()
    client.token = answer.pop("access_token")
    assert answer == {"token_type": "Bearer", "expires_in": 60, "ext_expires_in": 60}
    for other, path in AUDIENCES.items():
        assert client.get(path).status_code == (200 if other == audience else 401)
    now[0] += 60
    assert client.get(AUDIENCES[audience]).status_code == 401


@pytest.mark.parametrize(
    ("form", "number", "code"),
    [
        (GRANT | {"scope": "https://cloudpartner.azure.com"}, 90014, 400),
        (GRANT | SCOPE | {"client_secret": "wrong"}, 7000215, 401),
        (GRANT | SCOPE | {"client_secret": ""}, 7000218, 401),
        (GRANT | SCOPE | {"grant_type": "password"}, 70003, 400),
    ],
)
def test_refuses_as_entra_does(form: dict[str, str], number: int, code: int) -> None:
    answer = post(Client(client_secrets=["right"]), form)
    assert (answer.status_code, answer.json()["error_codes"]) == (code, [number])
    assert answer.json()["error_description"].startswith(f"AADSTS{number}: ")


def test_a_certificate_is_accepted_unread() -> None:
    form = {"grant_type": "client_credentials", "client_assertion": "anything"}
    assert post(Client(client_secrets=["right"]), form | SCOPE).status_code == 200
