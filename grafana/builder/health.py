"""The dashboard Exporter: does the exporter itself work, and what does Microsoft's API answer."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, table
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from grafana.builder import columns
from grafana.builder.alerts import OF_THE_EXPORTER, alerts_table, mark_alerts
from grafana.builder.frame import EXPORTER, frame
from grafana.builder.looks import good_or_bad, thresholds
from grafana.builder.metrics import own_series, process_series, replica_series
from grafana.builder.panels import Query, Sizes, tile
from grafana.builder.promql import age
from grafana.builder.tables import table_of
from grafana.builder.traffic import credentials_panels, process_panels, refresh_panels, upstream_panels
from grafana.builder.variables import exporter_variables
from grafana.builder.verdict import verdict

__all__ = ["health"]

_TILE = Sizes(6, 3)


def health() -> Dashboard:
    """Build it."""
    dashboard = frame(
        EXPORTER,
        "Azure Marketplace / Exporter",
        "The exporter itself: is what it shows fresh, what does Microsoft's API answer, which credential ends when.",
        span="6h",
        variables=exporter_variables(),
    )
    mark_alerts(dashboard, OF_THE_EXPORTER)
    for panel in (verdict(), _up(), _complete(), _oldest(), _settings()):
        dashboard.with_panel(panel)
    dashboard.with_panel(_publishers()).with_panel(_sources()).with_panel(_replicas()).with_panel(_alerts())
    for title, panels in (("Microsoft's API", upstream_panels()), ("Refreshes", refresh_panels())):
        dashboard.with_row(Row(title))
        for one in panels:
            dashboard.with_panel(one)
    for title, panels in (("Credentials", credentials_panels()), ("Process and scrape", process_panels())):
        row = Row(title).collapsed(True)
        for one in panels:
            row.with_panel(one)
        dashboard.with_row(row)
    return dashboard


def _up() -> stat.Panel:
    return _share(
        "Replicas that answer",
        "Share of the exporters of the chosen job that answered the last scrape.",
        process_series("up"),
    )


def _complete() -> stat.Panel:
    return _share(
        "Read completely",
        "Share of the publishers whose last refresh got everything it asked for, in at least one replica.",
        f"max by (publisher_id) ({replica_series('publisher_up')})",
    )


def _share(title: str, description: str, good: str) -> stat.Panel:
    panel = tile(title, description, [Query(f"avg({good})", title)], unit="percentunit", sizes=_TILE)
    return panel.thresholds(thresholds("red", (0.01, "orange"), (1, "green"))).decimals(0).no_value("None")


def _oldest() -> stat.Panel:
    success = replica_series("publisher_last_success_timestamp_seconds")
    panel = tile(
        "Oldest data",
        "Time since the last refresh that got everything, of the publisher and the replica where that is longest ago.",
        [Query(f"max(time() - {success})", "Oldest data")],
        unit="s",
        sizes=_TILE,
    )
    return panel.thresholds(thresholds("green", (900, "orange"), (3600, "red"))).decimals(0).no_value("None")


def _settings() -> stat.Panel:
    panel = tile(
        "Settings",
        "Whether the last reload of the settings worked in every replica; if not, the settings before it still hold.",
        [Query(f"min({own_series('config_last_reload_successful')})", "Settings")],
        sizes=_TILE,
    )
    return panel.mappings(good_or_bad("In force", "Reload failed")).no_value("Not told")


def _publishers() -> table.Panel:
    by = "publisher_id, instance"

    def one(name: str) -> str:
        return f"max by ({by}) ({replica_series('publisher_' + name)})"

    failing = f"count by ({by}) ({replica_series('offer_up')} == 0) or 0 * {one('up')}"
    names = {
        "publisher_id": "Publisher",
        "instance": "Replica",
        "Value #A": "Last refresh",
        "Value #B": "Data age",
        "Value #C": "Interval",
        "Value #D": "Refresh took",
        "Value #E": "Offers",
        "Value #F": "Cannot be read",
    }
    panel = table_of(
        "Publishers by replica",
        "What the last refresh of each publisher brought, in each replica. Data age is the time since the last refresh "
        "that got everything; it is empty if there never was one.",
        [
            one("up"),
            age(replica_series("publisher_last_success_timestamp_seconds"), by),
            one("refresh_interval_seconds"),
            one("refresh_duration_seconds"),
            one("offers"),
            failing,
        ],
        columns=names,
        sizes=Sizes(24, 5),
        sort_by=[("Publisher", False), ("Replica", False)],
        empty="No publisher is watched",
    )
    panel.override_by_name("Last refresh", columns.coloured(good_or_bad("Complete", "Incomplete"), 110))
    for name in ("Data age", "Interval", "Refresh took"):
        panel.override_by_name(name, columns.seconds())
    panel.override_by_name("Publisher", [columns.width(140)])
    return panel.override_by_name("Offers", columns.number(80)).override_by_name("Cannot be read", columns.number(130))


def _sources() -> table.Panel:
    by = "publisher_id, source"

    def of(name: str, *matchers: str) -> str:
        return replica_series("source_" + name, *matchers)

    expected = f"{of('up')} unless on (job, instance, {by}) {of('expected')} == 0"
    names = {
        "publisher_id": "Publisher",
        "source": "Source",
        "Value #A": "State",
        "reason": "Reason",
        "Value #C": "Offers",
        "Value #D": "Last read",
    }
    panel = table_of(
        "Sources",
        "Which of Microsoft's APIs could be read for each publisher in the last refresh of every replica, else why not. "
        "Offers is what its list holds; an offer may be in several. Last read is the time since. Not available is one that the "
        "settings do not name, and that has never been read.",
        [
            f"min by ({by}) ({expected}) or 2 + min by ({by}) ({of('up')})",
            f"topk by ({by}) (1, max by ({by}, reason) ({of('failure')} == 1))",
            f"max by ({by}) ({of('offers')})",
            age(of("last_success_timestamp_seconds"), by),
        ],
        columns=names,
        sizes=Sizes(24, 6),
        sort_by=[("Publisher", False), ("Source", False)],
        empty="No source is asked",
    )
    panel.override_by_name("State", columns.coloured(good_or_bad("Up", "Down", neither="Not available"), 110))
    panel.override_by_name("Offers", columns.number(80))
    return panel.override_by_name("Last read", columns.seconds())


def _replicas() -> table.Panel:
    names = {
        "instance": "Replica",
        "job": "Job",
        "version": "Version",
        "Value #B": "Shard",
        "Value #C": "Of",
    }
    by = "job, instance"
    expressions = [
        f"max by ({by}, version) ({own_series('build_info')})",
        f"max by ({by}) ({own_series('shard_ordinal')})",
        f"max by ({by}) ({own_series('shards')})",
    ]
    panel = table_of(
        "Replicas",
        "Which version each replica runs, and which share of the offers it collects; shards count from 0. Choose a job to "
        "see only its replicas.",
        expressions,
        columns=names,
        sizes=Sizes(24, 5),
        sort_by=[("Replica", False)],
        empty="No replica answers",
    )
    only_its_own = {
        "title": "Only this job",
        "url": f"/d/{EXPORTER}?var-job=${{__value.raw}}&${{datasource:queryparam}}",
    }
    panel.override_by_name("Job", columns.linked(only_its_own))
    panel.override_by_name("Version", [columns.width(100)])
    return panel.override_by_name("Shard", columns.number(80)).override_by_name("Of", columns.number(80))


def _alerts() -> table.Panel:
    return alerts_table(
        "Alerts about the exporter",
        "Alerts that are pending or firing and are not about one offer, if Prometheus has this project's rules. Choose one "
        "to read its runbook.",
        OF_THE_EXPORTER,
        sizes=Sizes(24, 5),
    )
