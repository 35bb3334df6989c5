"""The page docs/dashboards.md: what the dashboards show, panel by panel, and how to use them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any

from exporter.offers import Level, OfferStatus, Party, StepStatus
from exporter.palette import looks
from grafana.builder.looks import words

__all__ = ["page"]

_HEAD = """\
# Dashboards

Written by `make generate` from `grafana/builder/`; do not edit.

Three dashboards as classic dashboard JSON, written for Grafana 10 to 13. See them without an Azure account:

    docker compose up --build        # then open http://localhost:3000
    make stack                       # the same without containers, if Prometheus and Alertmanager are on the path

## Use them in your own Grafana

| way | files |
|---|---|
| upload (Dashboards, New, Import) | `grafana/import/*.json`; Grafana asks which Prometheus to use |
| provisioning, Git, Kubernetes sidecar or operator | `grafana/dashboards/*.json`; the data source is a variable, nothing is asked |

Nothing has to be edited: no data source, job or publisher is written into them. They need the metrics of this exporter; the
panels and marks about alerts also need `grafana/rules/` in Prometheus. They are read-only in Grafana: copy one to change it, so
that an update does not overwrite your changes.

Variables: data source, job, then publisher and offer (or instance), each with several values or all, each offering only what
the ones before it leave. Links between the dashboards keep them. Alerts link to the offer they are about
(`/d/azure-marketplace-offer?var-publisher_id=...&var-offer_id=...`).

## How to read them

- **Replicas are merged.** What belongs together, a state and its beginning, is joined on each target first, so no replica lends
  its time to the state of another. Where two disagree, for one refresh or so, one of the two states is shown, never both.
- **A state is a number only inside Grafana.** State timelines need one series per row, so the queries turn the exporter's state
  set into the place of the state in its enumeration, and the panel turns that back into words and a colour.
- **Nothing is not zero.** A panel without data is empty; it shows 0 only if the exporter says so.
- **Since** and **for** count from when the exporter first saw a state; `collection.state_file` keeps that over restarts.

## States, their order and their colours

The same in every panel, on the landing page and here; all from `exporter/palette.py`. Orange and purple ask the publisher to
act, blue is with Microsoft, red went wrong, green is done, grey is at rest, magenta is new to the exporter.

"""

_TAIL = """
## How this is tested

Every expression is asked of a real Prometheus that scrapes two replicas of the demo: no panel is empty (five are by nature: no
pause, no token, no credential, no failing source and no alert of the exporter's own in the demo), no row is doubled, variables choose. What the
tables show is worked out by Grafana's own library (`@grafana/data`) from those answers. The files fit a strict schema made of
the types that Grafana 13.2 publishes, and rules like those of Grafana's dashboard-linter.

No package index carries a Grafana server, so none has drawn these dashboards in this project's checks. With one at hand,
this provisions them, asks Grafana for the data of each panel, and writes a screenshot of each:

    GRAFANA_HOME=/usr/share/grafana SCREENSHOTS=. .venv/bin/pytest tests/integration/test_stack_grafana.py
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
            yield f"| {name} | `{one.state}` | {one.code} | {names[one.state]} | {one.colour.name} |"


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
                yield f"| {panel['title']} | {panel['description']} |"
