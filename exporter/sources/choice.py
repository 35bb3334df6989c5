"""Which APIs are asked for a publisher whose settings do not say: all that its credential can be used for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from exporter.config.settings import AuthSettings, PublisherSettings, Settings
from exporter.domain.errors import CredentialError
from exporter.sources.auth.tokens import WatchedFile
from exporter.sources.base import Source
from exporter.sources.registry import SOURCES

__all__ = ["Choice", "chosen"]

# The application id that some tokens for Microsoft Graph name instead of its URL.
_RESOURCES = {"00000003-0000-0000-c000-000000000000": "https://graph.microsoft.com"}


class Choice(NamedTuple):
    """A publisher with the sources to ask; with `is_shared` some are not, whose lists may have offers of others."""

    publisher: PublisherSettings
    is_shared: bool = False


def chosen(settings: Settings, kinds: Sequence[type[Source]] = SOURCES) -> Iterator[Choice]:
    """The publishers of the settings."""
    for one in settings.publishers:
        yield Choice(one) if one.names_sources else _choice(one, settings, kinds)


def _choice(one: PublisherSettings, settings: Settings, kinds: Sequence[type[Source]]) -> Choice:
    kinds = [kind for kind in kinds if kind.name in one.sources]
    others = [two for two in settings.publishers if two is not one and two.credential == one.credential]
    shared = {kind.name for kind in kinds if kind.is_account and any(_collide(one, two, kind) for two in others)}
    token = _token(settings.all_credentials[one.credential])
    asked = set(one.sources) if token is None else _of_audience(token, settings, kinds)
    sources = tuple(name for name in one.sources if name in asked - shared) or one.sources[:1]
    return Choice(one.model_copy(update={"sources": sources}), bool(asked & shared))


def _collide(one: PublisherSettings, other: PublisherSettings, kind: type[Source]) -> bool:
    """Whether an offer that the account lists could be either's, for nothing in the list names a publisher."""
    if one.offers and other.offers:
        return not set(one.offers).isdisjoint(other.offers)
    return not one.offers or (other.names_sources and kind.name in other.sources)


def _token(auth: AuthSettings) -> str | None:
    """The token that is given; one that cannot be read is refused elsewhere, in words."""
    if auth.token is not None:
        return auth.token.get_secret_value()
    try:
        return None if auth.token_file is None else WatchedFile(auth.token_file).read()
    except CredentialError:
        return ""


def _of_audience(token: str, settings: Settings, kinds: Iterable[type[Source]]) -> set[str]:
    audience = _audience(token)
    scopes = {kind.name: settings.section(kind).scope.removesuffix("/.default").rstrip("/") for kind in kinds}
    return {name for name, scope in scopes.items() if scope == audience}


def _audience(token: str) -> str:
    """What an Entra token says that it is for, empty if it is opaque: its middle part is a JSON object in Base64."""
    try:
        claims = token.split(".")[1]
        audience = str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["aud"]).rstrip("/")
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return _RESOURCES.get(audience, audience)
