"""Every option of the exporter, once: its flag, its environment variable and its key in the file.

Precedence is flag, environment, file, default. The docstring under a field is its sentence in `--help` and in
docs/configuration.md.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from exporter.config.durations import Duration
from exporter.config.shards import WHOLE, ShardSetting

__all__ = [
    "ENV_PREFIX",
    "ApiSettings",
    "AuthSettings",
    "CollectionSettings",
    "LogSettings",
    "PartnerCenterSettings",
    "ProductIngestionSettings",
    "PublisherSettings",
    "Settings",
    "WebSettings",
]

ENV_PREFIX = "MARKETPLACE_EXPORTER_"

SourceName = Literal["cloud_partner", "partner_center", "product_ingestion"]

ACCOUNT_SOURCES: tuple[SourceName, ...] = ("partner_center", "product_ingestion")
"""APIs whose lists are those of an account: nothing in them names a publisher."""


class Section(BaseModel):
    """A group of settings: frozen, and without room for unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _identifier(value: str) -> str:
    value = value.strip()
    if value in {"", ".", ".."} or "/" in value or not value.isprintable():
        raise ValueError(f"{value!r} is no id; ids are not empty and hold no slash")
    return value


Identifier = Annotated[str, AfterValidator(_identifier)]


class PublisherSettings(Section):
    """One publisher to watch, with all or some of its offers."""

    id: Identifier
    """Publisher id as in Partner Center, such as `contoso`."""
    offers: tuple[Identifier, ...] = ()
    """Offer ids to watch; without any, all that the API lists."""
    sources: Annotated[tuple[SourceName, ...], Field(min_length=1)] = ("cloud_partner",)
    """APIs to ask, in the order of preference: an offer that several know is taken from the first."""

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        if len(set(self.sources)) < len(self.sources):
            raise ValueError("sources names one of them more than once")
        return self


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _publishers(value: Any) -> Any:
    """Read `publisher`, `publisher/offer` and objects; entries of one publisher are joined."""
    entries = _split(value)
    if not isinstance(entries, list | tuple):
        return entries
    merged: dict[str, dict[str, Any]] = {}
    objects = []
    for entry in entries:
        if not isinstance(entry, str):
            objects.append(entry)
            continue
        publisher, slash, offer = entry.partition("/")
        known = merged.setdefault(publisher, {"id": publisher, "offers": []})
        if not slash:
            known["all"] = True
        known["offers"].append(offer)
    for known in merged.values():
        if known.pop("all", False):
            known["offers"] = []
    return [*merged.values(), *objects]


Publishers = Annotated[tuple[PublisherSettings, ...], NoDecode, BeforeValidator(_publishers)]
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bad port or a broken IPv6 address
        is_good = False
    if not is_good or any(one in value for one in "?#@"):
        # Not shown, because it may hold a password.
        raise ValueError("this is no plain http or https URL; it has no user, query or fragment")
    return value.rstrip("/")


HttpUrl = Annotated[str, AfterValidator(_http_url)]


class ApiSettings(Section):
    """How the upstream APIs are called: where the Cloud Partner Portal API is, and the limits that all share."""

    base_url: HttpUrl = "https://cloudpartner.azure.com"
    """Where the Cloud Partner Portal API is."""
    scope: str = "https://cloudpartner.azure.com/.default"
    """OAuth scope of tokens for the Cloud Partner Portal API."""
    timeout: Annotated[Duration, Field(gt=0)] = 30.0
    """Longest time for one request, answer included."""
    max_concurrency: Annotated[int, Field(ge=1, le=64)] = 8
    """Most requests under way at once."""
    requests_per_second: Annotated[float, Field(gt=0, le=1000)] = 10.0
    """Most requests per second to the Cloud Partner Portal API, on average."""
    max_retries: Annotated[int, Field(ge=0, le=10)] = 3
    """Most retries of one request after 429, 5xx and transport errors."""
    ca_file: Path | None = None
    """PEM file with the certificate authorities to trust instead of the built-in ones, for API and token endpoint."""


class PartnerCenterSettings(Section):
    """Where the Partner Center submission API is, and how fast it may be asked."""

    base_url: HttpUrl = "https://api.partner.microsoft.com"
    """Where the Partner Center submission API is."""
    scope: str = "https://api.partner.microsoft.com/.default"
    """OAuth scope of tokens for the Partner Center submission API."""
    requests_per_second: Annotated[float, Field(gt=0, le=1000)] = 5.0
    """Most requests per second to the Partner Center submission API, on average."""


_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview\d*)?")


def _version(value: str) -> str:
    if not _VERSION.fullmatch(value):
        raise ValueError(f"{value!r} is no version; write a day, such as 2022-07-01 or 2022-03-01-preview2")
    return value


class ProductIngestionSettings(Section):
    """Where the Product Ingestion API is, which version of it is meant, and how fast it may be asked."""

    base_url: HttpUrl = "https://graph.microsoft.com"
    """Where the Product Ingestion API is."""
    scope: str = "https://graph.microsoft.com/.default"
    """OAuth scope of tokens for the Product Ingestion API."""
    requests_per_second: Annotated[float, Field(gt=0, le=1000)] = 5.0
    """Most requests per second to the Product Ingestion API, on average."""
    version: Annotated[str, AfterValidator(_version)] = "2022-07-01"
    """What is sent as `$version`; each resource comes in its newest version that is not newer than this."""


AuthMethod = Literal[
    "default", "token", "client_secret", "client_certificate", "workload_identity", "managed_identity", "azure_cli"
]

# What each method cannot do without, and what else it can use; anything more contradicts the method.
_AUTH_NEEDS: dict[AuthMethod, tuple[tuple[str, ...], ...]] = {
    "default": (),
    "token": (("token", "token_file"),),
    "client_secret": (("tenant_id",), ("client_id",), ("client_secret", "client_secret_file")),
    "client_certificate": (("tenant_id",), ("client_id",), ("certificate_file",)),
    "workload_identity": (),
    "managed_identity": (),
    "azure_cli": (),
}
_AUTH_USES: dict[AuthMethod, frozenset[str]] = {
    "default": frozenset({"token", "token_file", "client_id", "authority"}),
    "token": frozenset(),
    "client_secret": frozenset({"authority", "client_secret_expires_on"}),
    "client_certificate": frozenset({"authority"}),
    "workload_identity": frozenset({"tenant_id", "client_id", "federated_token_file", "authority"}),
    "managed_identity": frozenset({"client_id"}),
    "azure_cli": frozenset({"tenant_id"}),
}


class AuthSettings(Section):
    """How the exporter proves who it is."""

    method: AuthMethod = "default"
    """Kind of credential; `default` is the token if one is given, else whatever azure-identity's chain finds."""
    token: SecretStr | None = None
    """Bearer token."""
    token_file: Path | None = None
    """File with the bearer token; read again when it changes."""
    tenant_id: str | None = None
    """Directory (tenant) of the app registration."""
    client_id: str | None = None
    """Application (client) id of the app registration, or of the user-assigned managed identity."""
    client_secret: SecretStr | None = None
    """Client secret."""
    client_secret_file: Path | None = None
    """File with the client secret; read again when it changes."""
    client_secret_expires_on: date | None = None
    """Day on which the client secret expires (YYYY-MM-DD), for the metric and its alert; Azure tells it only there."""
    certificate_file: Path | None = None
    """PEM file with certificate and private key; read again when it changes."""
    federated_token_file: Path | None = None
    """File with the federated token; the workload-identity webhook sets it through AZURE_FEDERATED_TOKEN_FILE."""
    authority: HttpUrl | None = None
    """Token endpoint of a sovereign cloud, such as `https://login.microsoftonline.us`."""

    @model_validator(mode="after")
    def _fits_method(self) -> Self:
        given = {name for name, value in self if value is not None and name != "method"}
        for choices in _AUTH_NEEDS[self.method]:
            if not given & set(choices):
                raise ValueError(f"method {self.method} needs {' or '.join(choices)}")
            if len(given & set(choices)) > 1:
                raise ValueError(f"{' and '.join(choices)} are both set; keep one")
        if {"token", "token_file"} <= given:
            raise ValueError("token and token_file are both set; keep one")
        used = _AUTH_USES[self.method] | {name for choices in _AUTH_NEEDS[self.method] for name in choices}
        if given - used:
            raise ValueError(f"method {self.method} does not use {', '.join(sorted(given - used))}; remove it")
        return self


class CollectionSettings(Section):
    """When offers are fetched, and how long they are shown."""

    mode: Literal["background", "on_scrape"] = "background"
    """`background` fetches by the interval, `on_scrape` once for all scrapes of the same moment."""
    interval: Annotated[Duration, Field(ge=1)] = 300.0
    """Time between the starts of two refreshes in the background."""
    timeout: Annotated[Duration, Field(gt=0)] = 240.0
    """Longest time for one refresh; what is not fetched by then counts as failed."""
    terminal_interval: Annotated[Duration, Field(ge=0)] = 3600.0
    """How often an offer at rest is asked for its steps while its entry in the list stays the same."""
    stale_after: Annotated[Duration, Field(gt=0)] = 3600.0
    """Age at which the series of an offer are withdrawn; its health series stay."""
    shard: ShardSetting = WHOLE
    """Which part of the offers is collected here, as `ordinal/total`: `0/3` is the first of three."""
    state_file: Path | None = None
    """File that keeps what is known over restarts; one file per exporter."""

    @model_validator(mode="after")
    def _fresh_long_enough(self) -> Self:
        if self.mode == "background" and self.stale_after <= self.interval:
            raise ValueError("stale_after is not longer than interval: offers would come and go; make it several times")
        return self


_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%a-z]+\]|[^:\[\]\s]*):(?P<port>[0-9]{1,5})")
_MAX_PORT = 65535


def _address(value: str) -> str:
    shape = _ADDRESS.fullmatch(value)
    if shape is None or int(shape["port"]) > _MAX_PORT:
        raise ValueError(f"{value!r} is no address; write host:port, :port or [ipv6]:port")
    return value


_TAKEN = re.compile(r"/(?:-|api|offers|static)/.*|/(?:docs|probe|sd)(?:/.*)?")


def _path(value: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]+", value):
        raise ValueError(f"{value!r} is no path; it starts with a slash and is not empty, such as /metrics")
    if _TAKEN.fullmatch(value):
        raise ValueError(f"{value!r} has another use; choose a path of its own, such as /metrics")
    return value


class WebConfigSettings(Section):
    """The web configuration file."""

    file: Path | None = None
    """YAML file with TLS, users and headers, in the format that Prometheus' exporters share; see docs/web.md."""


class WebSettings(Section):
    """How the exporter is reached."""

    listen_address: Annotated[
        tuple[Annotated[str, AfterValidator(_address)], ...], NoDecode, BeforeValidator(_split), Field(min_length=1)
    ] = (":10142",)
    """Address to listen on; may be given several times."""
    telemetry_path: Annotated[str, AfterValidator(_path)] = "/metrics"
    """Path of the metrics."""
    enable_lifecycle: bool = False
    """Allow reloading by `POST /-/reload`; SIGHUP always does."""
    external_url: HttpUrl | None = None
    """URL under which users reach the exporter; logged at the start. Links on pages are relative and do without it."""
    config: WebConfigSettings = WebConfigSettings()
    open_health: bool = False
    """Answer /-/healthy and /-/ready without credentials and outside the rate limit."""
    systemd_socket: bool = False
    """Listen on the sockets that a systemd socket unit hands over instead of the addresses."""


class LogSettings(Section):
    """What is logged, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severity that is logged."""
    format: Literal["logfmt", "json"] = "logfmt"
    """Form of a log line."""


class Settings(BaseSettings):
    """All settings; build it with `exporter.config.options.load`, which knows where they come from."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    publishers: Publishers = ()
    """What to watch: `publisher` for all its offers, `publisher/offer` for one; may be given several times."""
    api: ApiSettings = ApiSettings()
    partner_center: PartnerCenterSettings = PartnerCenterSettings()
    product_ingestion: ProductIngestionSettings = ProductIngestionSettings()
    auth: AuthSettings = AuthSettings()
    collection: CollectionSettings = CollectionSettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _once_each(self) -> Self:
        ids = [publisher.id for publisher in self.publishers]
        for twice in {one for one in ids if ids.count(one) > 1}:
            raise ValueError(f"publisher {twice!r} is listed more than once; join its entries")
        return self

    @model_validator(mode="after")
    def _one_publisher_per_account(self) -> Self:
        """The account's lists name no publisher, so that only the settings can tell whose an offer is."""
        for source in ACCOUNT_SOURCES:
            users = [one for one in self.publishers if source in one.sources]
            offers = [offer for one in users for offer in one.offers]
            if len(users) > 1 and (not all(one.offers for one in users) or len(set(offers)) < len(offers)):
                names = ", ".join(one.id for one in users)
                raise ValueError(
                    f"{names} share the source {source}, which tells no publishers apart; "
                    "let one of them have it, or name the offers of each"
                )
        return self

    def secrets(self) -> tuple[str, ...]:
        """Give the secrets among the settings, for the log's blotting."""
        given = (self.auth.token, self.auth.client_secret)
        return tuple(one.get_secret_value() for one in given if one is not None)
