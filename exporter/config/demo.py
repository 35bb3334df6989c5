"""The settings with which the exporter watches the simulator."""

from __future__ import annotations

from pydantic import SecretStr

from exporter.config.settings import AuthSettings, PublisherSettings, Settings, SourceSettings

__all__ = ["demo_settings"]

PUBLISHERS = ("contoso", "fabrikam")
ACCOUNT = "contoso"
"""The publisher whose account the two Partner Center APIs show."""
INTERVAL = 5.0


def demo_settings(settings: Settings, api_url: str) -> Settings:
    """Point the settings at the simulator; what concerns the web and the logs stays as the user wants it."""
    fields = type(settings).model_fields
    sections = [name for name in fields if isinstance(getattr(settings, name), SourceSettings) and name != "api"]
    return settings.model_copy(
        update={
            "publishers": tuple(_publisher(one) for one in PUBLISHERS),
            "api": settings.api.model_copy(update={"base_url": api_url, "ca_file": None}),
            **{name: getattr(settings, name).model_copy(update={"base_url": api_url}) for name in sections},
            "auth": AuthSettings(token=SecretStr("demo")),
            "collection": settings.collection.model_copy(update={"interval": INTERVAL}),
        }
    )


def _publisher(publisher_id: str) -> PublisherSettings:
    if publisher_id == ACCOUNT:
        return PublisherSettings(id=publisher_id, sources=("cloud_partner", "partner_center", "product_ingestion"))
    return PublisherSettings(id=publisher_id, sources=("cloud_partner",))
