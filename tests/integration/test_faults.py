"""What each fault of the API does to a running exporter, one row each: metrics, log, bystanders, recovery.

All rows share one exporter, which gives a request one second and one retry, and refreshes whenever it is scraped, so that
nothing has to be waited for but the faults. The offer contoso/hit is aimed at; contoso/calm and the publisher fabrikam
stand by and must not be touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from .processes import Exporter, Simulator, faulty_simulator, wait_until
from .test_end_to_end import OFFER

Samples = dict[str, float]

PREFIX = "azure_marketplace_"
OWN = PREFIX + "exporter_"
HIT, CALM = ('{offer_id="%s",publisher_id="contoso"}' % name for name in ("hit", "calm"))  # noqa: UP031 - braces
CONTOSO, FABRIKAM = ('{publisher_id="%s"}' % name for name in ("contoso", "fabrikam"))  # noqa: UP031 - braces
UP, SUCCESS, SINCE = (
    PREFIX + name
    for name in ("offer_up", "offer_last_success_timestamp_seconds", "offer_status_since_timestamp_seconds")
)
RUNNING = PREFIX + 'offer_status{offer_id="hit",publisher_id="contoso",status="running"}'
PUBLISHER_UP, REFRESHED = PREFIX + "publisher_up", PREFIX + "publisher_last_refresh_timestamp_seconds"
ALL_UP = {UP + HIT: 1.0, UP + CALM: 1.0, PUBLISHER_UP + CONTOSO: 1.0, PUBLISHER_UP + FABRIKAM: 1.0}


@dataclass(frozen=True)
class Site:
    """The shared processes."""

    api: Simulator
    exporter: Exporter

    @contextmanager
    def fault(self, fault: Mapping[str, Any]) -> Iterator[None]:
        """Set a fault for the block, and let everything work again after it."""
        self.api.control("POST", "faults", json=dict(fault)).raise_for_status()
        try:
            yield
        finally:
            self.api.control("DELETE", "faults").raise_for_status()

    def calm(self) -> Samples:
        """Give the samples once a refresh of contoso found everything well."""
        return self.wait(lambda now: all(now.get(name) == value for name, value in ALL_UP.items()), "all is well")

    def wait(self, done: Callable[[Samples], bool], what: str, timeout: float = 10) -> Samples:
        """Give the first samples of which something is true."""

        def look() -> Samples | None:
            samples = self.exporter.samples()
            return samples if done(samples) else None

        found = wait_until(look, what, timeout)
        assert found is not None
        return found

    def after(self, before: Samples) -> Samples:
        """Give the samples once contoso was refreshed again."""
        return self.wait(lambda now: now[REFRESHED + CONTOSO] > before[REFRESHED + CONTOSO], "a refresh")


@pytest.fixture(scope="module")
def site(tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("faults")
    api = Simulator(faulty_simulator("--publisher=contoso"), folder / "simulator")
    for publisher, offer in (("contoso", "hit"), ("contoso", "calm"), ("fabrikam", "other")):
        api.put_offer(publisher, offer, OFFER)
    settings = {
        "publishers": ["contoso", "fabrikam"],
        "api": {"base_url": api.url, "timeout": "1s", "max_retries": 1, "requests_per_second": 100},
        "collection": {"mode": "on_scrape", "timeout": "8s"},
        "web": {"listen_address": ["127.0.0.1:0"]},
    }
    path = folder / "exporter.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    try:
        exporter = Exporter(
            [tool("azure-marketplace-exporter"), f"--config.file={path}"],
            folder / "exporter",
            environ={"MARKETPLACE_EXPORTER_AUTH__TOKEN": "token"},
        )
    except BaseException:
        api.kill()
        raise
    yield Site(api, exporter)
    exporter.kill()
    api.kill()


def failures(samples: Samples) -> Samples:
    """Give the failures counted so far, by reason."""
    start = OWN + 'refresh_failures_total{reason="'
    return {name[len(start) : -2]: value for name, value in samples.items() if name.startswith(start)}


def grown(before: Samples, after: Samples) -> set[str]:
    """Name the reasons of the failures that were counted in between."""
    return {reason for reason, count in failures(after).items() if count > failures(before)[reason]}


def requests_total(samples: Samples, operation: str, code: str) -> float:
    return samples.get(f'{OWN}api_requests_total{{code="{code}",operation="{operation}"}}', 0)


@dataclass(frozen=True)
class Row:
    """A fault, and what becomes of it: the reason it is counted under, the status code, a part of the log line."""

    fault: dict[str, Any]
    reason: str
    code: str
    log: str
    retried: bool = False
    throttled: bool = False


def status(code: int, **details: Any) -> dict[str, Any]:
    return {"kind": "status", "status": code} | details


NO_WHOLE_ANSWER = "no whole answer to offer_status"
ROWS = {
    "401": Row(status(401), "credential", "401", "offer_status was answered with 401: Unauthorized: Simulated."),
    "404": Row(status(404), "not_found", "404", "offer_status was answered with 404: NotFound: Simulated."),
    "429 date": Row(status(429, retry_after="date:1"), "throttled", "429", "answered with 429", True, True),
    "503 for an hour": Row(status(503, retry_after=3600), "upstream", "503", "900 s to wait are more than are left"),
    "no answer": Row({"kind": "hold"}, "timeout", "none", "no answer to offer_status in time", True),
    "trickling body": Row({"kind": "trickle", "seconds": 0.3}, "timeout", "200", f"{NO_WHOLE_ANSWER} in time", True),
    "dropped": Row({"kind": "drop"}, "transport", "none", "no answer to offer_status", True),
    "reset in the middle": Row({"kind": "reset", "size": 20}, "transport", "200", NO_WHOLE_ANSWER, True),
    "no object": Row({"kind": "respond", "body": "<html>"}, "decode", "200", "the status of contoso/hit"),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_one_offer(site: Site, row: Row) -> None:
    """A fault of one offer's answer: that offer is down with its old data, all others are as before."""
    before = site.calm()
    said = len(site.exporter.log)
    with site.fault({"operation": "offer_status", "offer": "hit"} | row.fault):
        hit = site.wait(lambda now: now[UP + HIT] == 0, "hit")
    assert {name: hit[name] for name in ALL_UP} == ALL_UP | {UP + HIT: 0, PUBLISHER_UP + CONTOSO: 0}
    assert grown(before, hit) == {row.reason}
    assert requests_total(hit, "offer_status", row.code) > requests_total(before, "offer_status", row.code)
    assert (hit[OWN + "api_retries_total"] > before[OWN + "api_retries_total"]) is row.retried
    assert (hit[OWN + "api_throttled_total"] > before[OWN + "api_throttled_total"]) is row.throttled
    assert hit[RUNNING] == 1
    assert hit[SUCCESS + HIT] < hit[SUCCESS + CALM]
    assert hit[SUCCESS + HIT] < hit[REFRESHED + CONTOSO]
    lines = [line for line in site.exporter.log[said:].splitlines() if "offer not fetched" in line]
    assert [f"reason={row.reason}" in line and "offer_id=hit" in line for line in lines] == [True]
    assert row.log in lines[0]

    after = site.calm()
    assert after[SUCCESS + HIT] > hit[SUCCESS + HIT]
    assert after[SINCE + HIT] == before[SINCE + HIT]
    assert "Traceback" not in site.exporter.log


ABSORBED = {
    "a 429 that is past": (status(429, times=1, retry_after="date:-60"), "429", True),
    "a dropped connection": ({"kind": "drop", "times": 1}, "none", True),
    "slow but valid": ({"kind": "slow", "seconds": 0.7, "times": 1}, "200", False),
}


@pytest.mark.parametrize(("fault", "code", "retried"), ABSORBED.values(), ids=ABSORBED.keys())
def test_absorbed(site: Site, fault: dict[str, Any], code: str, *, retried: bool) -> None:
    """What one retry or a little patience heals is counted, and shows nowhere else."""
    before = site.calm()
    said = len(site.exporter.log)
    with site.fault({"operation": "offer_status", "offer": "hit"} | fault):
        now = site.after(before)
    assert {name: now[name] for name in ALL_UP} == ALL_UP
    assert grown(before, now) == set()
    assert requests_total(now, "offer_status", code) > requests_total(before, "offer_status", code)
    assert now[OWN + "api_retries_total"] - before[OWN + "api_retries_total"] == retried
    assert now[SUCCESS + HIT] > before[SUCCESS + HIT]
    assert "warning" not in site.exporter.log[said:]


LISTS = {
    "403": (status(403), "forbidden", "403"),
    "no object": ({"kind": "respond", "body": "<html>"}, "decode", "200"),
    "no answer": ({"kind": "hold"}, "timeout", "none"),
}


@pytest.mark.parametrize(("fault", "reason", "code"), LISTS.values(), ids=LISTS.keys())
def test_list(site: Site, fault: dict[str, Any], reason: str, code: str) -> None:
    """A list that cannot be had deletes nothing: the publisher is down with all that was known, the other one is up."""
    before = site.calm()
    said = len(site.exporter.log)
    with site.fault({"operation": "list_offers", "publisher": "contoso"} | fault):
        hit = site.wait(lambda now: now[PUBLISHER_UP + CONTOSO] == 0, "hit")
    assert {name: hit[name] for name in ALL_UP} == dict.fromkeys(ALL_UP, 0) | {PUBLISHER_UP + FABRIKAM: 1}
    assert grown(before, hit) == {reason}
    assert requests_total(hit, "list_offers", code) > requests_total(before, "list_offers", code)
    assert hit[RUNNING] == 1
    assert hit[f"{PREFIX}publisher_offers{CONTOSO}"] == 2
    assert hit[REFRESHED + CONTOSO] > hit[f"{PREFIX}publisher_last_success_timestamp_seconds{CONTOSO}"]
    lines = [line for line in site.exporter.log[said:].splitlines() if "level=warning" in line]
    assert lines
    assert all("publisher_id=contoso" in line and f"reason={reason}" in line for line in lines)
    assert site.calm()[SINCE + HIT] == before[SINCE + HIT]


def test_vanishing(site: Site) -> None:
    """An offer that a good list no longer has is no failure: it is gone. Back within a day, it has its since-times."""
    before = site.calm()
    site.api.delete_offer("contoso", "hit")
    now = site.wait(lambda now: UP + HIT not in now, "vanished")
    assert not [name for name in now if 'offer_id="hit"' in name]
    assert now[UP + CALM] == now[PUBLISHER_UP + CONTOSO] == 1
    assert now[f"{PREFIX}publisher_offers{CONTOSO}"] == 1
    assert grown(before, now) == set()
    site.api.put_offer("contoso", "hit", OFFER)
    assert site.calm()[SINCE + HIT] == before[SINCE + HIT]
