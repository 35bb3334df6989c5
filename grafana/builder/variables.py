"""The variables of the dashboards; each offers only what the ones before it leave."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import QueryVariable

from grafana.builder.frame import variable

__all__ = ["CHOSEN", "exporter_variables", "offer_variables"]

CHOSEN = ('publisher_id=~"$publisher_id"', 'offer_id=~"$offer_id"')
"""Matchers for series that know no job, because alert rules aggregate it away."""


def _job(all_value: str | None = ".+") -> QueryVariable:
    series = "azure_marketplace_exporter_build_info"
    return variable("job", "Job", "The scrape job of the exporter.", series, all_value=all_value)


def _publisher() -> QueryVariable:
    series = 'azure_marketplace_publisher_up{job=~"$job"}'
    return variable("publisher_id", "Publisher", "Publishers whose offers are shown.", series)


def offer_variables() -> tuple[QueryVariable, ...]:
    """Give job, publisher and offer."""
    series = 'azure_marketplace_offer_up{job=~"$job", publisher_id=~"$publisher_id"}'
    return _job(), _publisher(), variable("offer_id", "Offer", "Offers that are shown.", series)


def exporter_variables() -> tuple[QueryVariable, ...]:
    """Give job, instance and publisher.

    Here "all" must be a list of this exporter's jobs and instances: `up`, `process_*` and `scrape_*` exist for every other
    target of Prometheus too.
    """
    series = 'azure_marketplace_exporter_build_info{job=~"$job"}'
    instance = variable("instance", "Instance", "Replicas of the exporter.", series, all_value=None)
    return _job(all_value=None), instance, _publisher()
