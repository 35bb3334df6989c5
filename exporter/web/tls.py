"""From `tls_server_config` to the TLS of Python's standard library."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from exporter.domain.errors import ConfigError
from exporter.web.web_config import WHERE, TlsServerConfig

__all__ = ["is_allowed", "server_context"]

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}

_TLS13_CIPHERS = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
_CIPHERS = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
"""What Go calls its secure suites, and what OpenSSL calls them."""


def server_context(config: TlsServerConfig) -> ssl.SSLContext:
    """Make the context of a server.

    Raises:
        ConfigError: a file cannot be read or used, or a cipher suite is unknown.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[config.min_version]
    context.maximum_version = _VERSIONS[config.max_version]
    context.set_alpn_protocols(["http/1.1"])
    if config.prefer_server_cipher_suites:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if config.cipher_suites:
        _set_ciphers(context, config.cipher_suites)
    for curve in config.curve_preferences:
        context.set_ecdh_curve(_CURVES[curve])
    _load_certificate(context, config)
    if config.wants_client_certificate:
        _load_authorities(context, config)
    return context


def _fail(key: str, what: str) -> NoReturn:
    raise ConfigError([(f"{WHERE}.tls_server_config.{key}", what)])


def _set_ciphers(context: ssl.SSLContext, names: tuple[str, ...]) -> None:
    """Set the suites up to TLS 1.2; those of TLS 1.3 are all on, here as in Go."""
    for name in names:
        if name not in _CIPHERS and name not in _TLS13_CIPHERS:
            _fail(
                "cipher_suites", f"unknown cipher {name!r}; there are {', '.join(sorted({*_CIPHERS, *_TLS13_CIPHERS}))}"
            )
    chosen = [_CIPHERS[name] for name in names if name in _CIPHERS]
    if not chosen and context.minimum_version < ssl.TLSVersion.TLSv1_3:
        _fail("cipher_suites", "holds suites of TLS 1.3 only; set min_version to TLS13, or add some of TLS 1.2")
    if chosen:
        context.set_ciphers(":".join(chosen))


def _load_certificate(context: ssl.SSLContext, config: TlsServerConfig) -> None:
    key = config.key.get_secret_value() if config.key else None
    with _as_file(config.cert_file, config.cert) as certificate, _as_file(config.key_file, key) as private:
        for name, path in (("cert_file", certificate), ("key_file", private)):
            _check_readable(name, path)
        try:
            context.load_cert_chain(certificate, private, password=_no_password)
        except _EncryptedKeyError:
            _fail("key_file", "the key is encrypted; a server needs one without a password")
        except (OSError, ValueError) as error:
            _fail("cert_file", f"certificate and key cannot be used: {_reason(error)}")


def _load_authorities(context: ssl.SSLContext, config: TlsServerConfig) -> None:
    always = config.client_auth_type == "RequireAndVerifyClientCert"
    context.verify_mode = ssl.CERT_REQUIRED if always else ssl.CERT_OPTIONAL
    with _as_file(config.client_ca_file, config.client_ca) as path:
        _check_readable("client_ca_file", path)
        try:
            context.load_verify_locations(path)
        except (OSError, ValueError) as error:
            _fail("client_ca_file", f"holds no certificate authority: {_reason(error)}")


def _check_readable(name: str, path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        _fail(name, f"cannot read {path}: {error.strerror}")


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error).replace("_", " ").lower()


class _EncryptedKeyError(Exception):
    """The private key asks for a password."""


def _no_password() -> NoReturn:
    """Answer OpenSSL's question for a password, which would otherwise be asked on the terminal."""
    raise _EncryptedKeyError


@contextlib.contextmanager
def _as_file(path: Path | None, text: str | None) -> Iterator[str]:
    """A path for what may stand in the configuration itself; OpenSSL's functions want files."""
    if path is not None:
        yield str(path)
        return
    with _memory() as file:
        file.write((text or "").encode())
        file.flush()
        file.seek(0)
        yield f"/dev/fd/{file.fileno()}"


def _memory() -> Any:
    """Open a file that no other process sees, in memory where the system has that."""
    return os.fdopen(os.memfd_create("pem"), "w+b") if hasattr(os, "memfd_create") else tempfile.TemporaryFile()


def is_allowed(names: frozenset[str], certificate: Mapping[str, Any] | None) -> bool:
    """Judge a client's certificate by `client_allowed_sans`: one name must match exactly; without any, all pass."""
    return not names or any(name in names for name in _names(certificate or {}))


def _names(certificate: Mapping[str, Any]) -> Iterator[str]:
    for kind, value in certificate.get("subjectAltName", ()):
        if kind == "IP Address":
            with contextlib.suppress(ValueError):
                yield str(ipaddress.ip_address(value.strip()))
        elif kind in {"DNS", "email", "URI"}:
            yield value
