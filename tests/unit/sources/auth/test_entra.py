"""Which credential the settings stand for, without asking anybody; the real thing is in the integration tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from azure import identity
from azure.core.exceptions import ClientAuthenticationError

from exporter.config.settings import AuthSettings
from exporter.domain.errors import ConfigError, CredentialError
from exporter.sources.auth.entra import _transport, token_source
from exporter.sources.auth.tokens import TokenSource
from exporter.sources.bounded import CONNECT_TIMEOUT
from exporter.sources.deadline import Deadline
from exporter.telemetry.metrics import Telemetry
from tests.certificates import Authority
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
def no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, no_identity: None) -> list[Made]:
    """Replace azure-identity's credentials."""
    Fake.made, Fake.error, Fake.asked = [], None, 0

    def maker(name: str) -> Any:
        def make(*arguments: Any, **options: Any) -> Fake:
            assert name == "AzureCliCredential" or options.pop("transport")
            Fake.made.append(Made(name, arguments, options))
            return Fake()

        return make

    for name in dir(identity):
        if name.endswith("Credential"):
            monkeypatch.setattr(identity, name, maker(name))
    return Fake.made


def build(*, ca_file: Path | None = None, **auth: Any) -> TokenSource:
    return token_source(
        AuthSettings(**auth),
        scope="scope",
        credential="default",
        source="cloud_partner",
        ca_file=ca_file,
        telemetry=Telemetry(),
        clock=Clock(),
    )


def ask(tokens: TokenSource) -> str:
    return tokens.token(Deadline(60, Clock()))


SECRET: dict[str, Any] = {"method": "client_secret", "client_secret": "sesame"} | APP
LIMITS = {"retry_total": 0}


@pytest.mark.parametrize(
    ("auth", "name", "arguments", "options"),
    [
        (SECRET, "ClientSecret", ("tenant", "client", "sesame"), {}),
        (
            SECRET | {"authority": "https://login.microsoftonline.us"},
            "ClientSecret",
            ("tenant", "client", "sesame"),
            {"authority": "https://login.microsoftonline.us", "disable_instance_discovery": False},
        ),
        (
            SECRET | {"authority": "https://login.stack.example"},
            "ClientSecret",
            ("tenant", "client", "sesame"),
            {"authority": "https://login.stack.example", "disable_instance_discovery": True},
        ),
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
    assert {ask(tokens) for _ in range(3)} == {"token for scope"}
    assert made == [Made(f"{name}Credential", arguments, LIMITS | options)] * 2
    assert Fake.asked == (1 if name == "DefaultAzure" else 3), "others have a cache of their own"


def test_the_default_chain_takes_the_client_id_of_the_environment(
    made: list[Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_ID", "c")
    build(method="default")
    assert made[-1].options["managed_identity_client_id"] == "c"


@pytest.mark.parametrize(("ca_file", "verify"), [(None, True), (Path("own.pem"), "own.pem")])
def test_the_way_to_the_token_endpoint(ca_file: Path | None, verify: bool | str) -> None:
    way = _transport(ca_file)
    assert (way.connection_config.verify, way.connection_config.timeout) == (verify, CONNECT_TIMEOUT)
    assert way.session.headers["Connection"] == "close"


def test_azure_cli(made: list[Made]) -> None:
    """The command `az` keeps no token for us."""
    build(method="azure_cli")
    tokens = build(method="azure_cli", tenant_id="t")
    assert [one.options for one in made] == [{"tenant_id": ""}, {"tenant_id": "t"}]
    assert {ask(tokens) for _ in range(3)} == {"token for scope"}
    assert Fake.asked == 1


def test_workload_identity(made: list[Made], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    federated = tmp_path / "federated"
    federated.write_text("jwt", encoding="utf-8")
    build(method="workload_identity", federated_token_file=federated, **APP)
    assert made[-1].options == LIMITS | APP | {"token_file_path": str(federated)}
    for name, value in (("TENANT_ID", "t"), ("CLIENT_ID", "c"), ("FEDERATED_TOKEN_FILE", str(federated))):
        monkeypatch.setenv(f"AZURE_{name}", value)
    build(method="workload_identity")
    assert made[-1].options == LIMITS


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
        (OSError("no sesame there"), "client_secret: no [hidden] there"),
        (KeyError(), "client_secret: KeyError"),
        (ValueError("x" * 2000), "client_secret: " + "x" * 1499 + "…"),
    ],
)
def test_what_a_fetch_raises(made: list[Made], error: Exception, said: str) -> None:
    tokens = build(**SECRET)
    Fake.error = error
    with pytest.raises(CredentialError) as raised:
        ask(tokens)
    assert str(raised.value) == said


@pytest.mark.usefixtures("no_identity")
@pytest.mark.parametrize(
    ("auth", "complaint"),
    [
        (
            SECRET | {"client_secret": None, "client_secret_file": "nonexistent"},
            "cannot read nonexistent: No such file",
        ),
        ({"token": "se cret"}, "the token holds no token"),
        ({"token_file": "text"}, "text holds no token"),
        (SECRET | {"tenant_id": "a/b"}, "client_secret: Invalid tenant ID provided"),
        ({"method": "client_certificate", "certificate_file": "text"} | APP, "text holds no PEM certificate"),
        ({"method": "client_certificate", "certificate_file": "known.pem"} | APP, "client_certificate: .* key"),
        (
            {"method": "workload_identity", "client_id": "c"},
            r"method workload_identity needs tenant_id \(AZURE_TENANT_ID\), federated_token_file \(AZURE_FEDERATED_TOKEN_",
        ),
    ],
)
def test_what_can_be_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth: dict[str, Any], complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text").write_text("no certificate", encoding="utf-8")
    Authority(tmp_path, "known")
    with pytest.raises(ConfigError, match=f"^auth: {complaint}"):
        build(**auth)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_authorities_that_are_none(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"^api\.ca_file: {file} holds no certificates in PEM form: "):
        build(ca_file=file, **SECRET)
