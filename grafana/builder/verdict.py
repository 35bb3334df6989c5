"""The first panel of the dashboard Exporter: is anything wrong, and what."""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.models.common import BigValueTextMode

from grafana.builder.frame import DOCS, RUNBOOKS, outside
from grafana.builder.looks import thresholds
from grafana.builder.metrics import own_series, process_series, replica_series
from grafana.builder.panels import Query, Sizes, tile

__all__ = ["verdict"]

_BAD, _WORSE = 1, 2


def verdict() -> stat.Panel:
    """Name whatever is wrong, each in a tile of its own; one green tile if nothing is."""
    wrong = tuple(_wrong())
    anything = " or ".join(one.expr for one in wrong)
    well = Query(f"0 * (sum({process_series('up')}) > 0 unless on () ({anything}))", "Nothing is wrong")
    panel = tile(
        "What is wrong",
        "All that keeps offers from being watched, by replica, publisher, source or credential: orange if some data are "
        "missing or soon will be, red if a replica does not answer.",
        [*wrong, well],
        sizes=Sizes(24, 3),
        text=BigValueTextMode.NAME,
        is_loud=True,
    )
    panel.thresholds(thresholds("green", (_BAD, "orange"), (_WORSE, "red")))
    panel.links([outside("Runbooks", RUNBOOKS), outside("How to read this", DOCS)])
    return panel.no_value("No exporter answers here; another data source: ?var-datasource=NAME in the address")


def _wrong() -> tuple[Query, ...]:
    ends = f"min by (credential) ({own_series('credential_expiry_timestamp_seconds')}) - time()"
    success = f"max by (publisher_id) ({replica_series('publisher_last_success_timestamp_seconds')})"
    interval = f"max by (publisher_id) ({replica_series('publisher_refresh_interval_seconds')})"
    complete = f"max by (publisher_id) ({replica_series('publisher_up')})"
    offers = f"max by (publisher_id, offer_id) ({replica_series('offer_up')})"
    source = f"max by (publisher_id, source) ({replica_series('source_up')})"
    throttled = f"sum by (instance) (rate({own_series('api_throttled_total')}[$__rate_interval]))"
    reloaded = f"min by (instance) ({own_series('config_last_reload_successful')})"
    return (
        _if(f"max by (instance) ({process_series('up')}) == 0", "{{instance}} does not answer", _WORSE),
        _if(f"{complete} == 0", "{{publisher_id}} was not read completely"),
        _if(f"time() - {success} > clamp_min(3 * {interval}, 60)", "The data of {{publisher_id}} are old"),
        _if(f"count by (publisher_id) ({offers} == 0) > 0", "Offers of {{publisher_id}} cannot be read"),
        _if(f"{source} == 0", "{{publisher_id}}: {{source}} cannot be read"),
        _if(f"{reloaded} == 0", "{{instance}} refused its new settings"),
        _if(f"{ends} < 30 * 86400", "{{credential}} ends within 30 days"),
        _if(f"{throttled} > 0", "Microsoft throttles {{instance}}"),
    )


def _if(condition: str, words: str, weight: int = _BAD) -> Query:
    return Query(f"{weight} + 0 * ({condition})", words)
