"""The file behind `--web.config.file`, in the format that Prometheus' exporters share.

The format is that of https://prometheus.io/docs/prometheus/latest/configuration/https/. What Python's TLS cannot do is an
error that names the key and what to write instead; nothing is left out silently.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator

from exporter.config.durations import Duration
from exporter.config.fields import Section
from exporter.config.problems import dotted, words
from exporter.config.yaml_file import read_mapping
from exporter.domain.errors import ConfigError

__all__ = ["HttpServerConfig", "RateLimit", "TlsServerConfig", "WebConfig", "read"]

WHERE = "web.config.file"
MAX_COST = 20


class Part(Section):
    """A mapping of the file."""

    @model_validator(mode="before")
    @classmethod
    def _blank_is_absent(cls, value: Any) -> Any:
        """Drop keys without a value, which the format takes for absent."""
        return {key: one for key, one in value.items() if one is not None} if isinstance(value, dict) else value


_UNVERIFIED = "RequestClientCert", "RequireAnyClientCert", "RequireClientCert"
_SWITCHED_OFF = "TLS10", "TLS11"


def _client_auth(value: Any) -> Any:
    if value in _UNVERIFIED:
        raise ValueError(
            f"{value} cannot be had: Python verifies every certificate it asks for; "
            "use VerifyClientCertIfGiven or RequireAndVerifyClientCert"
        )
    return value or "NoClientCert"


def _version(value: Any) -> Any:
    if value in _SWITCHED_OFF:
        raise ValueError(f"{value} cannot be had: OpenSSL 3 has switched it off; use TLS12")
    return value


def _curves(value: list[str]) -> list[str]:
    if len(value) > 1:
        raise ValueError("Python can set one curve only; keep one, or leave the key out for OpenSSL's own choice")
    return value


ClientAuth = Annotated[
    Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"], BeforeValidator(_client_auth)
]
TlsVersion = Annotated[Literal["TLS12", "TLS13"], BeforeValidator(_version)]
Curve = Literal["CurveP256", "CurveP384", "CurveP521", "X25519"]
File = Annotated[Path | None, BeforeValidator(lambda value: value or None)]


class TlsServerConfig(Part):
    """`tls_server_config`; an empty one means plain HTTP."""

    cert: str | None = None
    key: SecretStr | None = None
    client_ca: str | None = None
    cert_file: File = None
    key_file: File = None
    client_ca_file: File = None
    client_auth_type: ClientAuth = "NoClientCert"
    client_allowed_sans: frozenset[str] = frozenset()
    min_version: TlsVersion = "TLS12"
    max_version: TlsVersion = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: Annotated[tuple[Curve, ...], AfterValidator(_curves)] = ()

    @property
    def is_enabled(self) -> bool:
        """True if the section says anything at all."""
        return bool(self.model_fields_set)

    @property
    def wants_client_certificate(self) -> bool:
        """True if clients are asked for a certificate."""
        return self.client_auth_type != "NoClientCert"

    def files(self) -> tuple[Path, ...]:
        """The files that the section names."""
        return tuple(one for one in (self.cert_file, self.key_file, self.client_ca_file) if one)

    def relative_to(self, directory: Path) -> Self:
        """The same with relative paths taken from the directory of the web configuration file."""
        names = ("cert_file", "key_file", "client_ca_file")
        return self.model_copy(update={name: directory / getattr(self, name) for name in names if getattr(self, name)})

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for name in ("cert", "key", "client_ca"):
            if getattr(self, name) and getattr(self, f"{name}_file"):
                raise ValueError(f"{name} and {name}_file are both set; keep one")
        if not self.is_enabled:
            return self
        for name in ("cert", "key"):
            if not getattr(self, name) and not getattr(self, f"{name}_file"):
                raise ValueError(f"{name}_file is missing; without it there is no TLS")
        if self.min_version > self.max_version:
            raise ValueError("min_version is above max_version")
        self._check_client_auth()
        return self

    def _check_client_auth(self) -> None:
        has_ca = bool(self.client_ca or self.client_ca_file)
        if has_ca and not self.wants_client_certificate:
            raise ValueError("client_ca_file is set but no certificate is asked for; set client_auth_type")
        if self.wants_client_certificate and not has_ca:
            raise ValueError(f"client_auth_type {self.client_auth_type} needs client_ca_file")
        if self.client_allowed_sans and self.client_auth_type != "RequireAndVerifyClientCert":
            raise ValueError("client_allowed_sans needs client_auth_type RequireAndVerifyClientCert")


_HEADERS: dict[str, frozenset[str]] = {
    "Content-Security-Policy": frozenset(),
    "Strict-Transport-Security": frozenset(),
    "X-Content-Type-Options": frozenset({"nosniff"}),
    "X-Frame-Options": frozenset({"deny", "sameorigin"}),
    "X-XSS-Protection": frozenset(),
}


def _header(name: str, value: str) -> str | None:
    if name not in _HEADERS:
        return f"cannot be configured; there are {', '.join(_HEADERS)}"
    if value and _HEADERS[name] and value not in _HEADERS[name]:
        return f"must be {' or '.join(sorted(_HEADERS[name]))}"
    return None if re.fullmatch(r"[\t\x20-\x7e]*", value) else "must be plain ASCII on one line"


def _scalars(headers: Any) -> Any:
    """Take a number or a boolean for its text, as Go's YAML does: `X-XSS-Protection: 1`."""
    if not isinstance(headers, dict):
        return headers
    shown = {True: "true", False: "false"}
    return {
        name: (shown[value] if isinstance(value, bool) else str(value)) if isinstance(value, int | float) else value
        for name, value in headers.items()
        if value is not None
    }


def _headers(headers: dict[str, str]) -> dict[str, str]:
    problems = [f"{name} {what}" for name, value in headers.items() if (what := _header(name, value))]
    if problems:
        raise ValueError("; ".join(problems))
    return headers


class HttpServerConfig(Part):
    """`http_server_config`; `http2` is accepted, and HTTP/1.1 is spoken either way."""

    http2: bool = True
    headers: Annotated[dict[str, str], BeforeValidator(_scalars), AfterValidator(_headers)] = Field(
        default_factory=dict
    )


class RateLimit(Part):
    """`rate_limit`: one request per `interval` (seconds; 0 is no limit), and `burst` of them at once.

    A burst of 0 beside an interval refuses every request, as in exporter-toolkit.
    """

    interval: Annotated[Duration, BeforeValidator(lambda value: "0s" if value in (0, "0") else value)] = 0.0
    burst: Annotated[int, Field(ge=0)] = 1


_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")


def _hash(secret: SecretStr) -> SecretStr:
    shape = _BCRYPT.fullmatch(secret.get_secret_value())
    if shape is None:
        raise ValueError("is no bcrypt hash; make one with: htpasswd -nBC 10 '' | tr -d ':\\n'")
    if not 4 <= int(shape[1]) <= MAX_COST:  # noqa: PLR2004 - bcrypt's least
        raise ValueError(f"has the cost {shape[1]}; a check would take minutes, use 10 to 12")
    return secret


class WebConfig(Part):
    """The whole file."""

    tls_server_config: TlsServerConfig = TlsServerConfig()
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: Annotated[
        dict[str, Annotated[SecretStr, AfterValidator(_hash)]], BeforeValidator(lambda value: value or {})
    ] = Field(default_factory=dict)
    rate_limit: RateLimit = RateLimit()


def read(path: Path) -> WebConfig:
    """Read the file.

    Raises:
        ConfigError: it cannot be read or does not hold what it should; no secret is part of the message.
    """
    content = read_mapping(WHERE, path)
    try:
        config = WebConfig.model_validate(content)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise ConfigError([(f"{WHERE}.{dotted(one['loc'])}", words(one)) for one in problems]) from None
    return config.model_copy(update={"tls_server_config": config.tls_server_config.relative_to(path.parent)})
