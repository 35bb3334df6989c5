"""Credentials by azure-identity, which is imported only when the settings ask for one of them."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from exporter.config.settings import AuthSettings
from exporter.domain.errors import ConfigError, CredentialError
from exporter.domain.texts import text
from exporter.sources.auth.tokens import AccessToken, FetchedToken, FileToken, StaticToken, TokenSource, WatchedFile
from exporter.telemetry.metrics import Telemetry

__all__ = ["credential_expiry", "token_source"]

CONNECT_TIMEOUT = 10
READ_TIMEOUT = 20
RETRIES = 0
"""None, because azure-core sleeps for as long as a Retry-After says, were it a year; we ask again after a while."""
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
    if ca_file is not None:
        _check_authorities(ca_file)
    try:
        expiry = credential_expiry(auth)
        tokens = _token_source(auth, scope=scope, source=source, ca_file=ca_file, telemetry=telemetry, clock=clock)
    except CredentialError as error:
        raise ConfigError([("auth", str(error))]) from error
    # A reload may have changed the kind of credential; what was told of the old one is no longer true.
    telemetry.credential_expiry_timestamp_seconds.clear()
    telemetry.token_expiry_timestamp_seconds.remove(source)
    _tell_expiry(auth, expiry, telemetry)
    return tokens


def _check_authorities(path: Path) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        raise ConfigError([("api.ca_file", f"{path} holds no certificates in PEM form: {error}")]) from error


def _token_source(
    auth: AuthSettings,
    *,
    scope: str,
    source: str,
    ca_file: Path | None,
    telemetry: Telemetry,
    clock: Callable[[], float],
) -> TokenSource:
    if auth.token is not None:
        return StaticToken(auth.token)
    if auth.token_file is not None:
        tokens = FileToken(auth.token_file)
        tokens.token()
        return tokens
    files = tuple(WatchedFile(one) for one in (auth.client_secret_file, auth.certificate_file) if one is not None)
    _read(files)
    if auth.method == "workload_identity":
        _check_workload_identity(auth)
    _credential(auth, ca_file).close()  # making one asks nobody, and tells what is wrong with the settings

    def fetch() -> AccessToken:
        _read(files)
        _tell_expiry(auth, credential_expiry(auth), telemetry)  # a certificate may have been replaced
        with closing(_credential(auth, ca_file)) as credential:
            try:
                token: AccessToken = credential.get_token(scope)
            except Exception as error:
                # Whatever the library raises, without a token nothing can be asked.
                raise CredentialError(f"{auth.method}: {_reason(error)}") from error
            return token

    return FetchedToken(fetch, source=source, telemetry=telemetry, clock=clock, files=files)


def _read(files: tuple[WatchedFile, ...]) -> None:
    """See whether they can be read, and take note of what is in them, for the log's blotting."""
    for one in files:
        one.read()


def _check_workload_identity(auth: AuthSettings) -> None:
    """Name what neither the settings nor the webhook's variables tell; CredentialError."""
    needed = {
        "tenant_id": (auth.tenant_id, "AZURE_TENANT_ID"),
        "client_id": (auth.client_id, "AZURE_CLIENT_ID"),
        "federated_token_file": (auth.federated_token_file, "AZURE_FEDERATED_TOKEN_FILE"),
    }
    missing = [
        f"{name} ({variable})" for name, (given, variable) in needed.items() if not (given or os.environ.get(variable))
    ]
    if missing:
        raise CredentialError(
            f"method workload_identity needs {', '.join(missing)}; is the pod labelled for the webhook?"
        )
    WatchedFile(auth.federated_token_file or Path(os.environ["AZURE_FEDERATED_TOKEN_FILE"])).read()


def _tell_expiry(auth: AuthSettings, expiry: float | None, telemetry: Telemetry) -> None:
    if expiry is not None:
        telemetry.credential_expiry_timestamp_seconds.labels(auth.method).set(expiry)


def _credential(auth: AuthSettings, ca_file: Path | None) -> Any:
    """Make a credential of azure-identity's; CredentialError with what it says is wrong."""
    try:
        return _new_credential(auth, ca_file)
    except (ValueError, OSError) as error:
        raise CredentialError(f"{auth.method}: {_reason(error)}") from error


def _new_credential(auth: AuthSettings, ca_file: Path | None) -> Any:
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


_ADVICE = re.compile(
    r"(Visit|To mitigate this issue, please refer to the troubleshooting guidelines here at) https://\S+[^.\n]*\.?"
)
MAX_REASON = 1500  # the default chain has a sentence for each of its many members


def _reason(error: Exception) -> str:
    """Take what tells what is wrong, such as AADSTS7000215; the body repeats it, and the trace ids differ at every try."""
    said = _TRACES.sub("", str(error).partition("\nContent: ")[0])
    return text(_ADVICE.sub("", said), MAX_REASON) or type(error).__name__


def credential_expiry(auth: AuthSettings) -> float | None:
    """Tell when the credential itself expires, in Unix seconds: a certificate's notAfter, or the configured day.

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
