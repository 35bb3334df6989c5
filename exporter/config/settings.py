"""Every option of the exporter, once: its flag, its environment variable and its key in the file.

Precedence is flag, environment, file, default. The docstring under a field is its sentence in `--help` and in
docs/configuration.md. The sections of the sources are declared by the sources; `with_sources` adds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import product
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, create_model, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from exporter.config.durations import Duration
from exporter.config.fields import (
    Address,
    FilePath,
    HttpUrl,
    ListSetting,
    Rate,
    Secret,
    Section,
    TelemetryPath,
    Text,
    is_exposed,
)
from exporter.config.publishers import DEFAULT, PublisherSettings, publishers_with
from exporter.config.shards import WHOLE, ShardSetting
from exporter.domain.errors import Problem

__all__ = [
    "ENV_PREFIX",
    "ApiSettings",
    "AuthSettings",
    "CollectionSettings",
    "DeclaredSource",
    "HttpUrl",
    "LogSettings",
    "PublisherSettings",
    "Rate",
    "Section",
    "Settings",
    "SourceSettings",
    "WebSettings",
    "with_sources",
]

ENV_PREFIX = "MARKETPLACE_EXPORTER_"


class SourceSettings(Section):
    """What every source has to be told; each gives its own defaults and sentences."""

    base_url: HttpUrl
    scope: Text
    requests_per_second: float


class ApiSettings(SourceSettings):
    """How the upstream APIs are called: where the Cloud Partner Portal API is, and the limits that all share."""

    base_url: HttpUrl = "https://cloudpartner.azure.com"
    """Where the Cloud Partner Portal API is."""
    scope: Text = "https://cloudpartner.azure.com/.default"
    """OAuth scope of tokens for the Cloud Partner Portal API."""
    timeout: Annotated[Duration, Field(gt=0)] = 30.0
    """Longest time for one request, answer included."""
    max_concurrency: Annotated[int, Field(ge=1, le=64)] = 8
    """Most requests under way at once to each of the APIs."""
    requests_per_second: Rate = 10.0
    """Most requests per second to the Cloud Partner Portal API, on average."""
    max_retries: Annotated[int, Field(ge=0, le=10)] = 3
    """Most retries of one request after 429, 5xx and transport errors."""
    allow_insecure: bool = False
    """Send credentials over plain http to other hosts too; anybody on the way can read and use them."""
    ca_file: FilePath | None = None
    """PEM file with the certificate authorities to trust instead of the built-in ones, for API and token endpoint."""


AuthMethod = Literal[
    "default", "token", "client_secret", "client_certificate", "workload_identity", "managed_identity", "azure_cli"
]

# What each method cannot do without, and what else it can use; anything more contradicts it.
_METHODS: dict[AuthMethod, tuple[str, str]] = {
    "default": ("", "token token_file client_id authority"),
    "token": ("token|token_file", ""),
    "client_secret": ("tenant_id client_id client_secret|client_secret_file", "authority client_secret_expires_on"),
    "client_certificate": ("tenant_id client_id certificate_file", "authority"),
    "workload_identity": ("", "tenant_id client_id federated_token_file authority"),
    "managed_identity": ("", "client_id"),
    "azure_cli": ("", "tenant_id"),
}


class AuthSettings(Section):
    """How the exporter proves who it is."""

    method: AuthMethod = "default"
    """Kind of credential; `default` is the token if one is given, else whatever azure-identity's chain finds."""
    token: Secret | None = None
    """Bearer token."""
    token_file: FilePath | None = None
    """File with the bearer token; read again when it changes."""
    tenant_id: Text | None = None
    """Directory (tenant) of the app registration."""
    client_id: Text | None = None
    """Application (client) id of the app registration, or of the user-assigned managed identity."""
    client_secret: Secret | None = None
    """Client secret."""
    client_secret_file: FilePath | None = None
    """File with the client secret; read again when it changes."""
    client_secret_expires_on: date | None = None
    """Day on which the client secret expires (YYYY-MM-DD), for the metric and its alert; Azure tells it only there."""
    certificate_file: FilePath | None = None
    """PEM file with certificate and private key; read again when it changes."""
    federated_token_file: FilePath | None = None
    """File with the federated token; the workload-identity webhook sets it through AZURE_FEDERATED_TOKEN_FILE."""
    authority: HttpUrl | None = None
    """Token endpoint of a sovereign cloud, such as `https://login.microsoftonline.us`."""

    @model_validator(mode="after")
    def _fits_method(self) -> Self:
        given = {name for name, value in self if value is not None and name != "method"}
        needed, useful = ([one.split("|") for one in names.split()] for names in _METHODS[self.method])
        for choices in needed:
            if not given & set(choices):
                raise ValueError(f"method {self.method} needs {' or '.join(choices)}")
        for choices in (*needed, ["token", "token_file"]):
            if len(given & set(choices)) > 1:
                raise ValueError(f"{' and '.join(choices)} are both set; keep one")
        if unused := sorted(given - {name for choices in (*needed, *useful) for name in choices}):
            raise ValueError(f"method {self.method} does not use {', '.join(unused)}; remove it")
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
    message_text: bool = True
    """Whether metrics tell what Microsoft says of an offer that waits for its publisher; pages always do."""
    shard: ShardSetting = WHOLE
    """Which part of the offers is collected here, as `ordinal/total`: `0/3` is the first of three."""
    state_file: FilePath | None = None
    """File that keeps what is known over restarts; one file per exporter."""

    @model_validator(mode="after")
    def _fresh_long_enough(self) -> Self:
        if self.mode == "background" and self.stale_after <= self.interval:
            raise ValueError("stale_after is not longer than interval: offers would come and go; make it several times")
        return self


class WebConfigSettings(Section):
    """The web configuration file."""

    file: FilePath | None = None
    """YAML file with TLS, users and headers: https://prometheus.io/docs/prometheus/latest/configuration/https/."""


def _some(addresses: tuple[str, ...]) -> tuple[str, ...]:
    if not addresses:
        raise ValueError("is an empty list")
    return addresses


class WebSettings(Section):
    """How the exporter is reached."""

    listen_address: Annotated[tuple[Address, ...], *ListSetting, AfterValidator(_some)] = (":10142",)
    """Address to listen on; may be given several times."""
    telemetry_path: TelemetryPath = "/metrics"
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
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    account_sources: ClassVar[tuple[str, ...]] = ()
    """Sources whose lists are those of an account: nothing in them names a publisher."""

    publishers: tuple[PublisherSettings, ...] = ()
    """What to watch: `publisher` for all its offers, `publisher/offer` for one; may be given several times."""
    api: ApiSettings = ApiSettings()
    auth: AuthSettings = AuthSettings()
    credentials: dict[str, AuthSettings] = {}
    """More credentials, for publishers of other accounts: NAME is for `publishers[].credential`, KEY any key of `auth`."""
    collection: CollectionSettings = CollectionSettings()
    web: WebSettings = WebSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Nothing but the arguments: `load` puts them together, and knows where each came from."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @field_validator("publishers")
    @classmethod
    def _one_publisher_per_account(cls, value: tuple[PublisherSettings, ...]) -> tuple[PublisherSettings, ...]:
        """The account's lists name no publisher, so that only the settings can tell whose an offer is."""
        for source, credential in product(cls.account_sources, {one.credential: None for one in value}):
            named = (one for one in value if one.names_sources and one.credential == credential)
            users = [one for one in named if source in one.sources]
            offers = [offer for one in users for offer in one.offers]
            if len(users) > 1 and (not all(one.offers for one in users) or len(set(offers)) < len(offers)):
                names = ", ".join(one.id for one in users)
                raise ValueError(
                    f"{names} share the source {source}, which tells no publishers apart; "
                    "let one of them have it, or name the offers of each"
                )
        return value

    @field_validator("credentials")
    @classmethod
    def _named(cls, value: dict[str, AuthSettings]) -> dict[str, AuthSettings]:
        for name in value:
            if name == DEFAULT or not re.fullmatch("[a-z0-9]+([_-][a-z0-9]+)*", name):
                raise ValueError(
                    f"{name!r:.60} is no name here; names are of small letters, digits, and single - or _ between them, "
                    f"and {DEFAULT} is the one in auth"
                )
        return value

    @property
    def all_credentials(self) -> Mapping[str, AuthSettings]:
        """All credentials by name."""
        return {DEFAULT: self.auth, **self.credentials}

    def section(self, source: type[DeclaredSource]) -> SourceSettings:
        """The options of a source."""
        section: SourceSettings = getattr(self, source.section)
        return section

    def secrets(self) -> tuple[str, ...]:
        """The secrets among the settings, for the log's blotting."""
        given = [secret for one in self.all_credentials.values() for secret in (one.token, one.client_secret)]
        return tuple(one.get_secret_value() for one in given if one is not None)

    def contradictions(self) -> Iterator[Problem]:
        """What is wrong between sections: credentials that do not exist, or would travel over plain http."""
        for publisher in self.publishers:
            if publisher.credential not in self.all_credentials:
                known = ", ".join(self.all_credentials)
                yield "publishers", f"{publisher.id} wants the credential {publisher.credential}; known are {known}"
        sections = ((name, getattr(self, name)) for name in type(self).model_fields)
        urls = {f"{name}.base_url": one.base_url for name, one in sections if isinstance(one, SourceSettings)}
        urls |= {f"credentials.{name}.authority": one.authority or "" for name, one in self.credentials.items()}
        for name, url in {**urls, "auth.authority": self.auth.authority or ""}.items():
            if is_exposed(url) and not self.api.allow_insecure:
                host = urlsplit(url).hostname
                yield (
                    name,
                    f"plain http would show the credential on the way to {host}; use https, or api.allow_insecure",
                )


class DeclaredSource(Protocol):
    """What the settings need to know of a source; see `exporter.sources.base.Source`."""

    name: ClassVar[str]
    section: ClassVar[str]
    settings: ClassVar[type[SourceSettings]]
    is_account: ClassVar[bool]


Model = TypeVar("Model", bound=Settings)


def with_sources(model: type[Model], sources: Sequence[type[DeclaredSource]]) -> type[Model]:
    """Make the model that also has the sections of these sources, and takes only their names for `publishers[].sources`."""
    names: Any = Literal[tuple(one.name for one in sources)]
    described = Field(description=model.model_fields["publishers"].description)
    fields: dict[str, Any] = {"publishers": (Annotated[publishers_with(names), described], ())}
    for one in sources:
        section: Any = one.settings
        if one.section not in model.model_fields:
            fields[one.section] = (section, section())
    known = create_model(model.__name__, __base__=model, __doc__=model.__doc__, **fields)
    known.account_sources = tuple(one.name for one in sources if one.is_account)
    return known
