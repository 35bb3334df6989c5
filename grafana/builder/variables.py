"""The variables of the dashboards; each offers only what the ones before it leave."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import CustomVariable, QueryVariable
from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from exporter.domain.offers import Party
from grafana.builder.panels import DATASOURCE

__all__ = ["PARTIES", "exporter_variables", "offer_variables", "overview_variables"]

PARTIES = {
    "all": ".+",
    "waiting for you": Party.PUBLISHER.value,
    "with Microsoft": Party.MICROSOFT.value,
    "at rest": Party.NOBODY.value,
}
"""Which offers the overview lists, by the words in the title of its list; its figures choose, when they are clicked."""


OTHERS = 5
"""How many offers one is compared with."""


def _values_of(name: str, label: str, description: str, series: str) -> QueryVariable:
    """Let the user choose one value of a label."""
    return (
        QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(DATASOURCE)
        .query(f"label_values({series}, {name})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    )


def _with_all(choice: QueryVariable, all_value: str | None = ".+") -> QueryVariable:
    """Let the user choose several, all of them at first; without `all_value` that is the list of them."""
    everything = VariableOption(selected=True, text=["All"], value=["$__all"])
    choice = choice.multi(True).include_all(True).current(everything)
    return choice if all_value is None else choice.all_value(all_value)


def _job(all_value: str | None = ".+") -> QueryVariable:
    series = "azure_marketplace_exporter_build_info"
    choice = _values_of("job", "Job", "The scrape job of the exporter.", series)
    # As with the data source: there is one nearly always.
    return _with_all(choice, all_value).hide(VariableHide.HIDE_VARIABLE)


def _publisher() -> QueryVariable:
    series = 'azure_marketplace_publisher_up{job=~"$job"}'
    return _values_of("publisher_id", "Publisher", "", series)


def _offer() -> QueryVariable:
    series = 'azure_marketplace_offer_up{job=~"$job", publisher_id=~"$publisher_id"}'
    return _values_of("offer_id", "Offer", "", series)


def overview_variables() -> tuple[QueryVariable | CustomVariable, ...]:
    """Give job, publishers, offers, and who has to act next."""
    first, *_ = ((words, value) for words, value in PARTIES.items())
    party = (
        CustomVariable("party")
        .label("List")
        .description("Which offers the list holds; the figures above it choose.")
        .values(", ".join(f"{words} : {value}" for words, value in PARTIES.items()))
        .options(
            [
                VariableOption(selected=(words, value) == first, text=words, value=value)
                for words, value in PARTIES.items()
            ]
        )
        .current(VariableOption(selected=True, text=first[0], value=first[1]))
        .hide(VariableHide.HIDE_VARIABLE)
    )
    return _job(), _with_all(_publisher()), _with_all(_offer()), party


def offer_variables() -> tuple[QueryVariable, ...]:
    """Give job, one publisher, one of its offers, and those of its others that have changed last, to compare with."""
    series = 'azure_marketplace_offer_changed_timestamp_seconds{job=~"$job", publisher_id=~"$publisher_id", offer_id!="$offer_id"}'
    others = (
        QueryVariable("compare")
        .label("Compare")
        .description("Offers to compare with.")
        .datasource(DATASOURCE)
        .query(f"query_result(topk({OTHERS}, max by (offer_id) ({series})))")
        .regex('/offer_id="([^"]+)"/')
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .hide(VariableHide.HIDE_VARIABLE)
    )
    return _job(), _publisher(), _offer(), _with_all(others, None)


def exporter_variables() -> tuple[QueryVariable, ...]:
    """Give job, instances and publishers.

    Here "all" must be a list of this exporter's jobs and instances: `up`, `process_*` and `scrape_*` exist for every other
    target of Prometheus too.
    """
    series = 'azure_marketplace_exporter_build_info{job=~"$job"}'
    instance = _with_all(_values_of("instance", "Instance", "", series), None)
    return _job(None), instance, _with_all(_publisher())
