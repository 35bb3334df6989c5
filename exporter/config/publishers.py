"""The list of publishers: ids, `publisher/offer`, or mappings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, create_model, field_validator

from exporter.config.fields import Identifier, ListSetting, Section, Text

__all__ = ["DEFAULT", "PublisherSettings", "publishers_with"]

DEFAULT = "default"
"""The name of the credential in `auth`."""


class PublisherSettings(Section):
    """One publisher to watch, with all or some of its offers."""

    id: Identifier
    """Publisher id as in Partner Center, such as `contoso`."""
    offers: tuple[Identifier, ...] = ()
    """Offer ids to watch; without any, all that the API lists."""
    sources: tuple[str, ...] = ("cloud_partner",)
    """APIs to ask, in the order of preference: an offer that several know is taken from the first."""
    credential: Text = DEFAULT
    """Name of the credential among `credentials`; without it, the one in `auth`."""
    _names_sources: bool = PrivateAttr(default=False)

    def model_post_init(self, context: Any, /) -> None:
        """A private attribute outlives copies, and two that differ in it are not equal."""
        del context
        self._names_sources = "sources" in self.model_fields_set

    @property
    def names_sources(self) -> bool:
        """Whether the settings say which APIs to ask; otherwise those that refuse from the start are no failure."""
        return self._names_sources

    @field_validator("sources")
    @classmethod
    def _once_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("is an empty list")
        if len(set(value)) < len(value):
            raise ValueError("names one of them more than once")
        return value


def _entry(value: Any) -> Any:
    """Read `publisher` and `publisher/offer`."""
    if isinstance(value, str):
        publisher, slash, offer = value.partition("/")
        return {"id": publisher, "offers": [offer] if slash else []}
    if isinstance(value, dict | PublisherSettings | None):
        return value
    raise ValueError("is no publisher; write publisher, publisher/offer or a mapping with id, and digits in quotes")


def _joined(publishers: Iterable[PublisherSettings]) -> tuple[PublisherSettings, ...]:
    """Make one entry of those that name the same publisher; one without offers stands for all of them."""
    joined: dict[str, PublisherSettings] = {}
    for one in publishers:
        known = joined.setdefault(one.id, one)
        if known.model_copy(update={"offers": one.offers}) != one:
            raise ValueError(f"{one.id} stands there twice with different settings; make one entry of them")
        if known is not one:
            offers = (*known.offers, *one.offers) if known.offers and one.offers else ()
            joined[one.id] = known.model_copy(update={"offers": offers})
    return tuple(joined.values())


def publishers_with(names: Any) -> Any:
    """The type of the list of publishers, where `names`, a Literal, are the sources that there are."""
    field = PublisherSettings.model_fields["sources"]
    sources: Any = Annotated[tuple[names, ...], Field(description=field.description)]
    publisher: Any = create_model("PublisherSettings", __base__=PublisherSettings, sources=(sources, get_args(names)))
    return Annotated[tuple[Annotated[publisher, BeforeValidator(_entry)], ...], *ListSetting, AfterValidator(_joined)]
