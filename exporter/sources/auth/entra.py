"""Credentials by azure-identity, which is imported only when the settings ask for one of them."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from exporter.config.publishers import DEFAULT
from exporter.config.settings import AuthSettings
from exporter.domain.errors import ConfigError, CredentialError
from exporter.sources.auth.fetched import FetchedToken, Kept, reason
from exporter.sources.auth.tokens import GivenToken, TokenSource, WatchedFile
from exporter.sources.bounded import CONNECT_TIMEOUT, BoundedAdapter
from exporter.telemetry.metrics import Telemetry

__all__ = ["credential_expiry", "tell_expiry", "token_source"]

# Authorities whose instances Microsoft's library knows; another one (Azure Stack, a test) must not be looked up at Microsoft.
_KNOWN_AUTHORITIES = {"login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn"}


def token_source(
    auth: AuthSettings,
    *,
    scope: str,
    credential: str,
    source: str,
    ca_file: Path | None,
    telemetry: Telemetry,
    clock: Callable[[], float],
) -> TokenSource:
    """Make the token source that the settings ask for; `credential` and `source` name it in metrics.

    Raises:
        ConfigError: a file that the credential needs is missing or cannot be read.
    """
    if ca_file is not None:
        _check_authorities(ca_file)
    try:
        names = {"scope": scope, "credential": credential, "source": source}
        return _given(auth) or _fetched(auth, ca_file, telemetry, clock, **names)
    except CredentialError as error:
        where = "auth" if credential == DEFAULT else f"credentials.{credential}"
        raise ConfigError([(where, str(error))]) from error


def _check_authorities(path: Path) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        raise ConfigError([("api.ca_file", f"{path} holds no certificates in PEM form: {error}")]) from error


def _given(auth: AuthSettings) -> TokenSource | None:
    if (given := auth.token) is not None:
        return GivenToken(lambda: given.get_secret_value().strip(), "the token")
    return None if auth.token_file is None else GivenToken(WatchedFile(auth.token_file).read, str(auth.token_file))


def _fetched(
    auth: AuthSettings,
    ca_file: Path | None,
    telemetry: Telemetry,
    clock: Callable[[], float],
    **names: str,
) -> TokenSource:
    files = tuple(WatchedFile(one) for one in (auth.client_secret_file, auth.certificate_file) if one is not None)
    given = () if auth.client_secret is None else (auth.client_secret.get_secret_value(),)

    def build() -> Any:
        for one in files:
            one.read()  # for its complaint, and to know what must be blotted out
        tell_expiry(names["credential"], auth, telemetry)
        credential = _credential(auth, ca_file)
        return Kept(credential, clock) if auth.method in ("azure_cli", "default") else credential

    return FetchedToken(build, method=auth.method, telemetry=telemetry, clock=clock, files=files, given=given, **names)


def tell_expiry(name: str, auth: AuthSettings, telemetry: Telemetry) -> None:
    """Show when the credential of this name expires, if that is known; CredentialError if it cannot be read."""
    expiry = credential_expiry(auth)
    if expiry is not None:
        telemetry.credential_expiry_timestamp_seconds.labels(name).set(expiry)


def credential_expiry(auth: AuthSettings) -> float | None:
    """When the credential itself expires, in Unix seconds: a certificate's notAfter, or the configured day.

    Raises:
        CredentialError: the certificate cannot be read.
    """
    if auth.client_secret_expires_on is not None:
        return datetime.combine(auth.client_secret_expires_on, time(), UTC).timestamp()
    if auth.certificate_file is None:
        return None
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - only a certificate needs it

    pem = WatchedFile(auth.certificate_file).read()
    try:
        return load_pem_x509_certificate(pem.encode()).not_valid_after_utc.timestamp()
    except ValueError as error:
        raise CredentialError(f"{auth.certificate_file} holds no PEM certificate") from error


def _credential(auth: AuthSettings, ca_file: Path | None) -> Any:
    """Make a credential of azure-identity's, which asks nobody yet; CredentialError with what it says is wrong."""
    if auth.method == "workload_identity":
        _check_workload_identity(auth)
    try:
        return _new_credential(auth, ca_file)
    except (ValueError, OSError) as error:
        raise CredentialError(f"{auth.method}: {reason(error)}") from error


def _check_workload_identity(auth: AuthSettings) -> None:
    """Name what neither the settings nor the webhook's variables tell; CredentialError."""
    needed = {
        "tenant_id": (auth.tenant_id, "AZURE_TENANT_ID"),
        "client_id": (auth.client_id, "AZURE_CLIENT_ID"),
        "federated_token_file": (auth.federated_token_file, "AZURE_FEDERATED_TOKEN_FILE"),
    }
    missing = [f"{name} ({env})" for name, (given, env) in needed.items() if not (given or os.environ.get(env))]
    if missing:
        raise CredentialError(
            f"method workload_identity needs {', '.join(missing)}; is the pod labelled for the webhook?"
        )
    WatchedFile(auth.federated_token_file or Path(os.environ["AZURE_FEDERATED_TOKEN_FILE"])).read()


def _new_credential(auth: AuthSettings, ca_file: Path | None) -> Any:
    from azure import identity  # noqa: PLC0415 - 150 ms and 30 MiB that a static token does not need

    # Without retries, because azure-core sleeps for as long as a Retry-After says, were it a year.
    options: dict[str, Any] = {"transport": _transport(ca_file), "retry_total": 0}
    if auth.authority is not None:
        options["authority"] = auth.authority
        options["disable_instance_discovery"] = urlsplit(auth.authority).hostname not in _KNOWN_AUTHORITIES
    match auth.method:
        case "client_secret":
            return identity.ClientSecretCredential(str(auth.tenant_id), str(auth.client_id), _secret(auth), **options)
        case "client_certificate":
            return identity.CertificateCredential(
                str(auth.tenant_id), str(auth.client_id), str(auth.certificate_file), **options
            )
        case "workload_identity":
            named = {"tenant_id": auth.tenant_id, "client_id": auth.client_id}
            if auth.federated_token_file is not None:
                named["token_file_path"] = str(auth.federated_token_file)
            return identity.WorkloadIdentityCredential(**{key: one for key, one in named.items() if one}, **options)
        case "managed_identity":
            return identity.ManagedIdentityCredential(client_id=auth.client_id, **options)
        case "azure_cli":
            return identity.AzureCliCredential(tenant_id=auth.tenant_id or "")
        case _:
            return identity.DefaultAzureCredential(
                managed_identity_client_id=auth.client_id or os.environ.get("AZURE_CLIENT_ID"),
                exclude_interactive_browser_credential=True,
                **options,
            )


def _transport(ca_file: Path | None) -> Any:
    """A transport of azure-core that keeps to `current_deadline` and believes the authorities of `ca_file`."""
    from azure.core.pipeline.transport import RequestsTransport  # noqa: PLC0415 - a static token does not need it

    session = requests.Session()
    # One token an hour is no reason to keep a connection, which may be dead by then.
    session.headers["Connection"] = "close"
    for scheme in ("https://", "http://"):
        session.mount(scheme, BoundedAdapter())
    verify = True if ca_file is None else str(ca_file)
    return RequestsTransport(session=session, connection_timeout=CONNECT_TIMEOUT, connection_verify=verify)


def _secret(auth: AuthSettings) -> str:
    if auth.client_secret is not None:
        return auth.client_secret.get_secret_value()
    return WatchedFile(auth.client_secret_file or Path()).read()
