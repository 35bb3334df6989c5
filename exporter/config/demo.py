"""The settings with which the exporter watches the simulator."""

from __future__ import annotations

from pydantic import SecretStr

from exporter.config.settings import AuthSettings, PublisherSettings, Settings

__all__ = ["demo_settings"]

PUBLISHERS = ("contoso", "fabrikam")
ACCOUNT = "contoso"
"""The publisher whose account the two Partner Center APIs show."""
INTERVAL = 5.0


def demo_settings(settings: Settings, api_url: str) -> Settings:
    """Point the settings at the simulator; what concerns the web and the logs stays as the user wants it."""
    return settings.model_copy(
        update={
            "publishers": tuple(_publisher(one) for one in PUBLISHERS),
            "api": settings.api.model_copy(update={"base_url": api_url, "ca_file": None}),
            "partner_center": settings.partner_center.model_copy(update={"base_url": api_url}),
            "product_ingestion": settings.product_ingestion.model_copy(update={"base_url": api_url}),
            "auth": AuthSettings(token=SecretStr("demo")),
            "collection": settings.collection.model_copy(update={"interval": INTERVAL}),
        }
    )


def _publisher(publisher_id: str) -> PublisherSettings:
    if publisher_id == ACCOUNT:
        return PublisherSettings(id=publisher_id, sources=("cloud_partner", "partner_center", "product_ingestion"))
    return PublisherSettings(id=publisher_id)
