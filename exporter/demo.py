"""The settings with which the exporter watches the simulator."""

from __future__ import annotations

from pydantic import SecretStr

from exporter.settings import AuthSettings, PublisherSettings, Settings

__all__ = ["demo_settings"]

PUBLISHERS = ("contoso", "fabrikam")
INTERVAL = 5.0


def demo_settings(settings: Settings, api_url: str) -> Settings:
    """Point the settings at the simulator; what concerns the web and the logs stays as the user wants it."""
    return settings.model_copy(
        update={
            "publishers": tuple(PublisherSettings(id=one) for one in PUBLISHERS),
            "api": settings.api.model_copy(update={"base_url": api_url, "ca_file": None}),
            "auth": AuthSettings(token=SecretStr("demo")),
            "collection": settings.collection.model_copy(update={"interval": INTERVAL}),
        }
    )
