"""The page docs/dashboards.md: what the dashboards show, panel by panel, and how to use them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from exporter.domain.offers import Level, OfferStatus, Party, StepStatus
from exporter.pages.palette import looks
from grafana.builder.looks import words

__all__ = ["page"]

_HEAD = """\
# Dashboards

Written by `make generate` from `grafana/builder/`; do not edit.

Three dashboards as classic dashboard JSON, written for Grafana 10 to 13. See them without an Azure account:

    docker compose up --build        # then open http://localhost:3000
    make stack                       # the same without containers, if Prometheus and Alertmanager are on the path

Both begin with two weeks of the simulated publishers' past: `make stack` writes it before anything else, which takes a minute
or so (`make stack ARGS=--days=0` leaves it out); with compose it appears some minutes after the start. Grafana is in no package;
`make stack` takes the one whose folder GRAFANA_HOME names.

| | light | dark |
|---|---|---|
| Overview | ![light](images/overview-light.png) | ![dark](images/overview-dark.png) |
| Offer | ![light](images/offer-light.png) | ![dark](images/offer-dark.png) |
| Exporter | ![light](images/exporter-light.png) | ![dark](images/exporter-dark.png) |

Drawn by Grafana 12.2 from that past.

## Use them in your own Grafana

| way | files |
|---|---|
| upload (Dashboards, New, Import) | `grafana/import/*.json`; Grafana asks which Prometheus to use |
| provisioning, Git, Kubernetes sidecar or operator | `grafana/dashboards/*.json`; the data source is a variable, nothing is asked |

Nothing has to be edited: no data source, job or publisher is written into them. They need the metrics of this exporter; the
panels and marks about alerts also need `grafana/rules/` in Prometheus. They are read-only in Grafana: copy one to change it, so
that an update does not overwrite your changes.

Publisher, offer and instance are chosen above the panels. Data source and job are hidden, because nearly everybody has one of
each: another one is chosen in the address (`?var-datasource=NAME&var-job=NAME`), a job also by a click on it in the dashboard
Exporter, and all links keep the choice. Alerts link to the offer they are about
(`/d/azure-marketplace-offer?var-publisher_id=...&var-offer_id=...`).

Colours of alerts mark in all charts when one began to fire. For the rules as Grafana's own alerts see [alerts](alerts.md).

## How to read them

- **Replicas are merged.** What belongs together, a state and its beginning, is joined on each target first, so no replica lends
  its time to the state of another. Where two disagree, for one refresh or so, one of the two states is shown, never both.
- **A state is a number only inside Grafana.** State timelines need one series per row, so the queries turn the exporter's state
  set into the place of the state in its enumeration, and the panel turns that back into words and a colour.
- **Nothing is not zero.** Where there is nothing, a panel says so in a sentence, and a cell is empty; 0 is what the exporter
  tells.
- **Since** counts from when the exporter first saw a state; `collection.state_file` keeps that over restarts. Durations are
  in days, so that they can be compared; what is past Microsoft's estimate is told as time, not as a share.
- **Expected live** and **80 % by** are the exporter's own [forecast](forecast.md), **Expected by** and **Due** are Microsoft's
  estimate. The rows "Lead time" tell what the forecast is made from; they fill as publications end.
- **The figures of the Overview are links.** They choose which offers the list below holds; "All offers" lists all again.
- **Offer shows one offer.** The rows at its end compare it with up to five others of its publisher.

## States, their order and their colours

The same in every panel and on the landing page, but for some shorter words; all from `exporter/pages/palette.py`. Orange and purple ask the publisher to
act, blue is with Microsoft, red went wrong, green is done, grey is at rest, magenta is new to the exporter.

"""

_TAIL = """
## How this is tested

Every expression is asked of a real Prometheus that scrapes two replicas of the demo: no panel is empty but those that are by
nature, no row is doubled, variables choose. What the tables show is worked out by Grafana's own library (`@grafana/data`) from
those answers. The files fit a strict schema made of the types that Grafana 13.2 publishes. What a real Grafana once drew
otherwise than was meant is a test of the JSON (`tests/unit/grafana/test_dashboards_lint.py`).

A Grafana server is in no package. With one at hand, this draws each dashboard in Chromium, 1280 and 1600 pixels wide: the words
and dates that are drawn are those of the data, nothing is cut in the first screen, every link leads somewhere, every query
takes less than a second with 200 offers, and Grafana evaluates the alerts. Pictures go to SCREENSHOTS:

    GRAFANA_HOME=/usr/share/grafana SCREENSHOTS=. .venv/bin/pytest tests/integration/test_dashboards_grafana.py
"""

_KINDS: tuple[tuple[str, type[StrEnum]], ...] = (
    ("offer", OfferStatus),
    ("step", StepStatus),
    ("waiting for", Party),
    ("message", Level),
)


def page(dashboards: Iterable[dict[str, Any]]) -> str:
    """Write it."""
    return _HEAD + "\n".join((*_states(), *(line for one in dashboards for line in _panels(one)))) + "\n" + _TAIL


def _states() -> Iterator[str]:
    yield "| of | state | code | shown as | colour |"
    yield "|---|---|---|---|---|"
    for name, kind in _KINDS:
        names = words(kind)
        for one in looks(kind):
            yield f"| {name} | `{one.state}` | {one.code} | {names[one.state]} | {one.colour} |"


def _panels(dashboard: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"## {dashboard['title'].rpartition(' / ')[2]}"
    yield ""
    yield f"`{dashboard['uid']}`: {dashboard['description']}"
    yield ""
    yield "| panel | what it shows |"
    yield "|---|---|"
    for on_top in dashboard["panels"]:
        for panel in (on_top, *on_top.get("panels", ())):
            if panel["type"] != "row":
                yield f"| {_title(panel)} | {panel['description']} |"


def _title(panel: dict[str, Any]) -> str:
    title: str = panel["title"]
    return title.replace("${party:text}", "all").replace("$compare", "another")
