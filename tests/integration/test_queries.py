"""The queries of docs/queries.md, asked of a real Prometheus that scrapes two replicas and an exporter without access."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from .conftest import Keep, StartExporter, StartPrometheus, scrape_config
from .processes import Exporter, Prometheus, Simulator, faulty_simulator, wait_until

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "queries.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```promql\n(.*?)```", PAGE, re.DOTALL)
EXPIRY = datetime.now(UTC).date() + timedelta(days=40)

LATE: dict[str, Any] = {
    "status": "running",
    "messages": [],
    "steps": [{"id": "certify", "stepName": "Certify", "estimatedTimeFrame": "< 0.001 min", "status": "inProgress"}],
}
WAITING = {"gateway-vm", "billing", "backup-agent", "vault-connector", "scan-engine", "sql-appliance"}
HAS_STATUS: set[tuple[str, ...]] = {
    ("contoso", "waiting_for_publisher_review"),
    ("fabrikam", "canceled"),
    ("fabrikam", "never_published"),
}
# By the labels that matter: rows that are there for certain, and rows that must not be there.
EXPECTED: list[tuple[tuple[str, ...], set[tuple[str, ...]], set[tuple[str, ...]]]] = [
    (("offer_id",), {(one,) for one in WAITING}, {("data-mesh",), ("pilot",), ("late",)}),
    (("offer_id",), {("gateway-vm",), ("billing",)}, {("backup-agent",), ("data-mesh",)}),
    (
        ("offer_id", "status"),
        {("sql-appliance", "blocked"), ("vault-connector", "failed"), ("scan-engine", "failed")},
        {("billing", "rejected")},
    ),
    (("offer_id", "step_name"), {("data-mesh", "Test Drive Validation"), ("late", "Certify")}, {("pilot", "Live")}),
    (("offer_id", "step_id"), {("late", "certify")}, {("sql-appliance", "displayprovision")}),
    (("offer_id", "quantile"), {("late", "0.5"), ("late", "0.8")}, {("sql-appliance", "0.5"), ("pilot", "0.5")}),
    (("offer_id",), {("gateway-vm",), ("billing",), ("scan-engine",)}, {("data-mesh",), ("landing-zone",)}),
    (("offer_id",), {("edge-cache",)}, {("gateway-vm",), ("landing-zone",)}),
    (("publisher_id", "status"), HAS_STATUS, {("northwind", "running")}),
    (("offer_id", "step_id"), {("gateway-vm", "preview-certification")}, {("late", "certify")}),
    (("publisher_id",), {("contoso",), ("fabrikam",)}, {("northwind",)}),
    (("publisher_id", "source", "reason"), {("northwind", "cloud_partner", "credential")}, set()),
    ((), {()}, set()),
]


def test_every_query_of_the_page(
    keep: Keep, exporter: StartExporter, prometheus: StartPrometheus, tmp_path: Path
) -> None:
    assert len(QUERIES) == len(EXPECTED) == PAGE.count("```promql")
    server = prometheus(scrape_config(*watched(keep, exporter), without_access(exporter, tmp_path)))
    for query, (labels, there, not_there) in zip(QUERIES, EXPECTED, strict=True):
        rows = wait_until(partial(answer, server, query, labels, there), query)
        assert not rows & not_there, query
    hours = [float(one["value"][1]) for one in server.api("query", query=QUERIES[0])["result"]]
    assert hours == sorted(hours, reverse=True)
    (days,) = server.query(QUERIES[-1]).values()
    assert 38 < days < 41


def watched(keep: Keep, exporter: StartExporter) -> list[Exporter]:
    """Two replicas that watch the demo as it is 25 minutes after its beginning, and an offer that is late at once."""
    demo = faulty_simulator("--scenario=demo", f"--epoch={time.time() - 1500}")
    api = keep(lambda folder: Simulator(demo, folder))
    api.put_offer("fabrikam", "late", LATE)
    fast = {"base_url": api.url, "requests_per_second": 100}
    account = {"id": "contoso", "sources": ["partner_center", "product_ingestion", "cloud_partner"]}
    publishers = [account, {"id": "fabrikam", "sources": ["cloud_partner"]}]
    settings = {"publishers": publishers, "api": fast, "partner_center": fast, "product_ingestion": fast}
    return [exporter(settings) for _ in range(2)]


def without_access(exporter: StartExporter, tmp_path: Path) -> Exporter:
    """An exporter whose token endpoint refuses connections."""
    secret = tmp_path / "secret"
    secret.write_text("a secret", encoding="utf-8")
    auth = {
        "method": "client_secret",
        "authority": "https://127.0.0.1:1",
        "tenant_id": "tenant",
        "client_id": "app",
        "client_secret_file": str(secret),
        "client_secret_expires_on": EXPIRY.isoformat(),
        "token_file": None,
    }
    return exporter({"publishers": [{"id": "northwind", "sources": ["cloud_partner"]}], "auth": auth})


def answer(
    server: Prometheus, query: str, labels: tuple[str, ...], there: set[tuple[str, ...]]
) -> set[tuple[str, ...]]:
    """The rows by these labels, where all that are to be there are there, and none names a replica."""
    rows = [one["metric"] for one in server.api("query", query=query)["result"]]
    assert not any({"instance", "job"} & row.keys() for row in rows)
    some = {tuple(row.get(label, "") for label in labels) for row in rows}
    assert there <= some, some
    return some
