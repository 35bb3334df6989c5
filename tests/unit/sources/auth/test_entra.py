"""Which credential the settings stand for, without asking anybody; the real thing is in the integration tests."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from azure import identity
from azure.core.exceptions import ClientAuthenticationError

from exporter.config.settings import AuthSettings
from exporter.domain.errors import ConfigError, CredentialError
from exporter.sources.auth.entra import credential_expiry, token_source
from exporter.sources.auth.tokens import FileToken, StaticToken, TokenSource
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry
from tests.certificates import client_certificate
from tests.unit.make import NOW, Clock

APP: dict[str, Any] = {"tenant_id": "tenant", "client_id": "client"}


@dataclass
class Made:
    """What was asked of azure-identity."""

    name: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]


class Fake:
    """Stands in for each of azure-identity's credentials."""

    made: ClassVar[list[Made]] = []
    error: ClassVar[Exception | None] = None
    asked: ClassVar[int] = 0

    def get_token(self, scope: str) -> SimpleNamespace:
        Fake.asked += 1
        if Fake.error is not None:
            raise Fake.error
        return SimpleNamespace(token=f"token for {scope}", expires_on=int(NOW) + 3600)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Made]:
    """Replace azure-identity's credentials."""
    Fake.made, Fake.error, Fake.asked = [], None, 0

    def maker(name: str) -> Any:
        def make(*arguments: Any, **options: Any) -> Fake:
            transport = options.pop("transport", None)
            assert (name == "AzureCliCredential") == (transport is None)
            Fake.made.append(Made(name, arguments, options))
            return Fake()

        return make

    for name in dir(identity):
        if name.endswith("Credential"):
            monkeypatch.setattr(identity, name, maker(name))
    for variable in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(variable, raising=False)
    return Fake.made


def build(telemetry: Telemetry | None = None, ca_file: Path | None = None, **auth: Any) -> TokenSource:
    return token_source(
        AuthSettings(**auth),
        scope="scope",
        source="cloud_partner",
        ca_file=ca_file,
        telemetry=telemetry or Telemetry(),
        clock=Clock(),
    )


LIMITS = {"retry_total": 0}


@pytest.mark.parametrize(
    ("auth", "name", "arguments", "options"),
    [
        ({"method": "client_secret", "client_secret": "s"} | APP, "ClientSecret", ("tenant", "client", "s"), {}),
        (
            {"method": "client_secret", "client_secret": "s", "authority": "https://login.microsoftonline.us"} | APP,
            "ClientSecret",
            ("tenant", "client", "s"),
            {"authority": "https://login.microsoftonline.us", "disable_instance_discovery": False},
        ),
        (
            {"method": "client_secret", "client_secret": "s", "authority": "https://login.stack.example"} | APP,
            "ClientSecret",
            ("tenant", "client", "s"),
            {"authority": "https://login.stack.example", "disable_instance_discovery": True},
        ),
        ({"method": "managed_identity"}, "ManagedIdentity", (), {"client_id": None}),
        ({"method": "managed_identity", "client_id": "c"}, "ManagedIdentity", (), {"client_id": "c"}),
        (
            {"method": "default", "client_id": "c"},
            "DefaultAzure",
            (),
            {"managed_identity_client_id": "c", "exclude_interactive_browser_credential": True},
        ),
    ],
)
def test_credentials(
    made: list[Made], auth: dict[str, Any], name: str, arguments: tuple[str, ...], options: dict[str, Any]
) -> None:
    """One is made at the start, to see whether it can be, and one for all tokens."""
    tokens = build(**auth)
    assert made == [Made(f"{name}Credential", arguments, LIMITS | options)]
    for _ in range(3):
        assert tokens.token(Deadline(60, Clock())) == "token for scope"
    assert made == [Made(f"{name}Credential", arguments, LIMITS | options)] * 2
    assert Fake.asked == (1 if name == "DefaultAzure" else 3), "others have a cache of their own"


def test_azure_cli(made: list[Made]) -> None:
    """The command `az` keeps no token for us."""
    build(method="azure_cli")
    tokens = build(method="azure_cli", tenant_id="t")
    assert [one.options for one in made] == [{"tenant_id": ""}, {"tenant_id": "t"}]
    assert {tokens.token(Deadline(60, Clock())) for _ in range(3)} == {"token for scope"}
    assert Fake.asked == 1


def test_workload_identity(made: list[Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    federated = tmp_path / "federated"
    federated.write_text("jwt", encoding="utf-8")
    build(method="workload_identity", federated_token_file=federated, **APP).token(Deadline(60, Clock()))
    assert made[-1].options == LIMITS | APP | {"token_file_path": str(federated)}
    for name, value in (("TENANT_ID", "t"), ("CLIENT_ID", "c"), ("FEDERATED_TOKEN_FILE", str(federated))):
        monkeypatch.setenv(f"AZURE_{name}", value)
    build(method="workload_identity").token(Deadline(60, Clock()))
    assert made[-1].options == LIMITS


@pytest.mark.parametrize(
    ("auth", "complaint"),
    [
        (
            {},
            (
                "method workload_identity needs tenant_id (AZURE_TENANT_ID), client_id (AZURE_CLIENT_ID), "
                "federated_token_file (AZURE_FEDERATED_TOKEN_FILE); is the pod labelled for the webhook?"
            ),
        ),
        (APP | {"federated_token_file": "/nonexistent"}, "cannot read /nonexistent: No such file or directory"),
    ],
)
def test_workload_identity_without_its_webhook(made: list[Made], auth: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError) as error:
        build(method="workload_identity", **auth)
    assert error.value.problems == [("auth", complaint)]
    assert made == []


def test_client_secret_file(made: list[Made], tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("one\n", encoding="utf-8")
    tokens = build(method="client_secret", client_secret_file=file, **APP)
    tokens.token(Deadline(60, Clock()))
    file.write_text("second\n", encoding="utf-8")
    tokens.token(Deadline(60, Clock()))
    assert [one.arguments[2] for one in made] == ["one", "one", "second"]
    assert "second" in tokens.secrets()


def test_certificate(made: list[Made], tmp_path: Path) -> None:
    """Its expiry is told from the start, and anew when it is replaced."""
    telemetry, file = Telemetry(), tmp_path / "client.pem"

    def told() -> float | None:
        return telemetry.registry.get_sample_value(
            "azure_marketplace_exporter_credential_expiry_timestamp_seconds", {"credential": "client_certificate"}
        )

    first = client_certificate(file, days=10)
    tokens = build(telemetry, method="client_certificate", certificate_file=file, **APP)
    assert told() == first
    tokens.token(Deadline(60, Clock()))
    second = client_certificate(file, days=20)
    tokens.token(Deadline(60, Clock()))
    assert told() == second
    assert [one.arguments for one in made] == [("tenant", "client", str(file))] * 3


def test_what_was_told_of_another_credential_is_taken_back(made: list[Made]) -> None:
    """After a reload the metrics speak of the new credential only."""
    telemetry = Telemetry()
    auth: dict[str, Any] = {
        "method": "client_secret",
        "client_secret": "s",
        "client_secret_expires_on": dt.date(2030, 1, 2),
    }
    build(telemetry, **auth, **APP).token(Deadline(60, Clock()))
    values = telemetry.registry.get_sample_value
    expiry, token = (f"azure_marketplace_exporter_{one}_expiry_timestamp_seconds" for one in ("credential", "token"))
    assert values(expiry, {"credential": "client_secret"}) == 1893542400
    assert values(token, {"source": "cloud_partner"}) == NOW + 3600
    build(telemetry, token="t")
    assert values(expiry, {"credential": "client_secret"}) is None
    assert values(token, {"source": "cloud_partner"}) is None


def test_given_tokens(made: list[Made], tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("t", encoding="utf-8")
    assert isinstance(build(token="t"), StaticToken)
    assert isinstance(build(method="token", token_file=file), FileToken)
    assert made == []


@pytest.mark.parametrize(
    "auth",
    [
        {"token": "two words"},
        {"token_file": "/nonexistent"},
        {"method": "client_secret", "client_secret_file": "/nonexistent"} | APP,
        {"method": "client_certificate", "certificate_file": "/nonexistent"} | APP,
    ],
)
def test_unusable_at_the_start(auth: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as error:
        build(**auth)
    assert [where for where, _ in error.value.problems] == ["auth"]


def test_what_the_library_finds_wrong() -> None:
    """The real one, which asks nobody for that."""
    with pytest.raises(ConfigError, match="client_secret: Invalid tenant ID"):
        build(method="client_secret", tenant_id="a/b", client_id="c", client_secret="s")


@pytest.mark.parametrize("what", ["missing", "garbage"])
def test_authorities(tmp_path: Path, what: str) -> None:
    path = tmp_path / "ca.pem"
    if what == "garbage":
        path.write_text("garbage", encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        build(ca_file=path, token="t")
    assert error.value.problems[0][0] == "api.ca_file"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ClientAuthenticationError(
                "Authentication failed: AADSTS7000222: The secret has expired.\r\nTrace ID: 1-2\r\n"
                'Correlation ID: 3\r\nTimestamp: 2026-01-02 03:04:05Z\nContent: {"error": "x"}'
            ),
            "client_secret: Authentication failed: AADSTS7000222: The secret has expired.",
        ),
        (
            ClientAuthenticationError(
                "DefaultAzureCredential failed.\nAttempted credentials:\n\tA: Not set up. Visit https://x/y to fix this.\n\tB: No."
                "\nTo mitigate this issue, please refer to the troubleshooting guidelines here at https://x/y/z."
            ),
            "client_secret: DefaultAzureCredential failed. Attempted credentials: A: Not set up. B: No.",
        ),
        (OSError("no such file"), "client_secret: no such file"),
        (KeyError(), "client_secret: KeyError"),
        (ValueError("x" * 2000), "client_secret: " + "x" * 1499 + "…"),
    ],
)
def test_what_a_fetch_raises(made: list[Made], error: Exception, said: str) -> None:
    tokens = build(method="client_secret", client_secret="s", **APP)
    Fake.error = error
    with pytest.raises(CredentialError) as raised:
        tokens.token(Deadline(60, Clock()))
    assert str(raised.value) == said


def test_expiry_of_garbage(tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    file.write_text("garbage", encoding="utf-8")
    with pytest.raises(CredentialError, match=f"^{file} holds no PEM certificate$"):
        credential_expiry(AuthSettings(method="client_certificate", certificate_file=file, **APP))


def test_expiry_that_nobody_knows() -> None:
    assert credential_expiry(AuthSettings(method="managed_identity")) is None
