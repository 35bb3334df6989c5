"""Credentials by azure-identity, which is imported only when the settings ask for one of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from exporter.credentials import AccessToken, FetchedToken, FileToken, StaticToken, TokenSource, WatchedFile
from exporter.errors import ConfigError, CredentialError
from exporter.settings import AuthSettings
from exporter.telemetry import Telemetry
from exporter.texts import text

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

__all__ = ["credential_expiry", "token_source"]

CONNECT_TIMEOUT = 10
READ_TIMEOUT = 20
RETRIES = 1
# Authorities whose instances Microsoft's library knows; another one (Azure Stack, a test) must not be looked up at Microsoft.
_KNOWN_AUTHORITIES = {"login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn"}


def token_source(
    auth: AuthSettings,
    *,
    scope: str,
    source: str,
    ca_file: Path | None,
    telemetry: Telemetry,
    clock: Callable[[], float],
) -> TokenSource:
    """Make the token source that the settings ask for; `source` names it in metrics.

    Raises:
        ConfigError: a file that the credential needs is missing or cannot be read.
    """
    try:
        if auth.token is not None:
            return StaticToken(auth.token)
        if auth.token_file is not None:
            tokens = FileToken(auth.token_file)
            tokens.token()
            return tokens
        expiry = credential_expiry(auth)
        watched = [WatchedFile(one) for one in (auth.client_secret_file, auth.certificate_file) if one is not None]
        for one in watched:
            one.read()
    except CredentialError as error:
        raise ConfigError([("auth", str(error))]) from error
    if expiry is not None:
        telemetry.gauge("credential_expiry_timestamp_seconds").labels(auth.method).set(expiry)
    return FetchedToken(
        lambda: _connect(auth, scope, ca_file, telemetry),
        source=source,
        telemetry=telemetry,
        clock=clock,
        stamp=lambda: [one.stamp() for one in watched],
    )


def _connect(auth: AuthSettings, scope: str, ca_file: Path | None, telemetry: Telemetry) -> Callable[[], AccessToken]:
    """Make a credential; the call it gives back raises CredentialError with the reason that Microsoft names."""
    from azure.core.exceptions import AzureError  # noqa: PLC0415

    expiry = credential_expiry(auth)
    if expiry is not None:  # a certificate may have been replaced
        telemetry.gauge("credential_expiry_timestamp_seconds").labels(auth.method).set(expiry)
    try:
        credential = _credential(auth, ca_file)
    except (ValueError, AzureError) as error:
        raise CredentialError(f"{auth.method}: {_reason(error)}") from error

    def fetch() -> AccessToken:
        try:
            return credential.get_token(scope)
        except (AzureError, ValueError) as error:
            raise CredentialError(f"{auth.method}: {_reason(error)}") from error

    return fetch


def _credential(auth: AuthSettings, ca_file: Path | None) -> TokenCredential:
    from azure import identity  # noqa: PLC0415 - 150 ms and 30 MiB that a static token does not need

    options: dict[str, Any] = {
        "connection_timeout": CONNECT_TIMEOUT,
        "read_timeout": READ_TIMEOUT,
        "retry_total": RETRIES,
    }
    if ca_file is not None:
        options["connection_verify"] = str(ca_file)
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


def _secret(auth: AuthSettings) -> str:
    if auth.client_secret is not None:
        return auth.client_secret.get_secret_value()
    return WatchedFile(auth.client_secret_file or Path()).read()


_TRACES = re.compile(r"(Trace ID|Correlation ID|Timestamp): \S+( \S+Z)?", re.IGNORECASE)


def _reason(error: Exception) -> str:
    """Take the sentence that tells what is wrong, such as AADSTS7000215; the trace ids differ at every try."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return text(_TRACES.sub("", lines[0] if lines else type(error).__name__), 400)


def credential_expiry(auth: AuthSettings) -> float | None:
    """Tell when the credential itself expires, in Unix seconds: a certificate's notAfter, or the configured day.

    Raises:
        CredentialError: the certificate cannot be read.
    """
    if auth.client_secret_expires_on is not None:
        return datetime.combine(auth.client_secret_expires_on, time(), UTC).timestamp()
    if auth.certificate_file is None:
        return None
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    pem = WatchedFile(auth.certificate_file).read()
    try:
        return load_pem_x509_certificate(pem.encode()).not_valid_after_utc.timestamp()
    except ValueError as error:
        raise CredentialError(f"{auth.certificate_file} holds no PEM certificate") from error
