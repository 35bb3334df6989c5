"""One bad answer changes nothing of what is known: the command, asked again at each scrape, against an HTTP server."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sources.canned import Answer, Canned, Handler, serving

from .conftest import TOKEN, StartExporter
from .processes import Exporter

CLOUD_LIST = "/api/publishers/contoso/offers"
CLOUD = "/api/publishers/contoso/offers/{}/status"
CENTER_LIST = "/v1.0/ingestion/products"
CENTER = "/v1.0/ingestion/products/{}/submissions"
INGESTION_LIST = "/rp/product-ingestion/product"
INGESTION = "/rp/product-ingestion/submission/{}"
GUID = "11111111-2222-3333-4444-{:012d}"
APP, SAAS = GUID.format(1), GUID.format(2)
SUBMISSION = f"/v1.0/ingestion/products/{APP}/submissions/1152921500000000001"
ALL = ["cloud_partner", "partner_center", "product_ingestion"]

STEP = {
    "id": "certify",
    "stepName": "Certification",
    "status": "rejected",
    "progressPercentage": 100,
    "messages": [{"messageHtml": "<p>no</p>", "level": "error", "timestamp": "2026-01-05T10:11:12Z"}],
}
ENTRY = {
    "id": "vm",
    "offerTypeId": "microsoft-azure-virtualmachines",
    "status": "running",
    "definition": {"displayText": "A machine"},
    "changedTime": "2026-01-05T10:11:12Z",
}
SUBMITTED = {
    "id": "1152921500000000001",
    "state": "InProgress",
    "substate": "Failed",
    "releaseNumber": 1,
    "targets": [{"type": "Scope", "value": "Preview"}],
}
WORKFLOW = {
    "type": "Push",
    "targetEnvironment": "Preview",
    "workflowSteps": [{"name": "Certification", "state": "Failed"}],
}
FINDING = {"errorCode": "E1", "severity": "Error", "message": "no logo"}
TARGETED = {
    "id": f"submission/{SAAS}/1152921500000000002",
    "target": {"targetType": "preview"},
    "status": "completed",
    "result": "failed",
}
WORLD: dict[str, Any] = {
    CLOUD_LIST: [ENTRY],
    CLOUD.format("vm"): {"status": "failed", "messages": [], "steps": [STEP]},
    CENTER_LIST: {
        "value": [
            {
                "id": APP,
                "name": "An app",
                "resourceType": "AzureApplication",
                "externalIDs": [{"type": "AzureOfferId", "value": "app"}],
            }
        ]
    },
    CENTER.format(APP): {"value": [SUBMITTED]},
    f"{SUBMISSION}/workflowdetails": {"value": [WORKFLOW]},
    f"{SUBMISSION}/reports": {"value": [{"status": "Failed", "reportTimeInUtc": "2026-01-05T10:11:12Z"}]},
    f"{SUBMISSION}/validations": {"value": [FINDING]},
    INGESTION_LIST: {
        "value": [{"id": f"product/{SAAS}", "identity": {"externalId": "saas"}, "type": "softwareAsAService"}]
    },
    INGESTION.format(SAAS): {"value": [TARGETED]},
}
OFFERS = {"vm": CLOUD.format("vm"), "app": CENTER.format(APP), "saas": INGESTION.format(SAAS)}
"""Each offer, and the path that tells its status."""

DETAILS = [f"{SUBMISSION}/{one}" for one in ("workflowdetails", "reports", "validations")]
REFUSALS = [Answer({"error": {"code": "No", "message": "not now"}}, status) for status in (400, 403, 404, 409)] + [
    Answer(b"", 302, {"Location": "https://elsewhere.example/"}),
    Answer(b"overloaded", 503),
]
EMPTY = [{}, None, {"error": {"code": "Busy"}}, b"", b"<html>", "a text", {"status": None}]


@dataclass
class Watched:
    """An exporter that asks when it is asked, and the API that it watches."""

    site: Canned
    exporter: Exporter

    def look(self) -> dict[str, float]:
        """One refresh, and what is known after it: samples without what tells a time of our own, nor the process."""
        return {
            name: value
            for name, value in self.exporter.samples().items()
            if name.startswith(
                ("azure_marketplace_offer_", "azure_marketplace_publisher_", "azure_marketplace_source_")
            )
            and "_last_" not in name
            and "_duration_" not in name
        }

    def failures(self) -> float:
        samples = self.exporter.samples()
        return sum(value for name, value in samples.items() if "refresh_failures_total" in name)

    @contextmanager
    def instead(self, path: str, answer: Any) -> Iterator[None]:
        """Let one path answer something else for a while."""
        right = self.site.answers[path]
        self.site.put(path, answer)
        yield
        self.site.answers[path] = right


Watch = Callable[..., Watched]


@pytest.fixture
def watch(exporter: StartExporter) -> Iterator[Watch]:
    """Watch this world, all of it by default, with settings of one's own."""
    with serving() as site:

        def start(changes: Mapping[str, Any] | None = None, **answers: Any) -> Watched:
            for path, answer in (WORLD | answers).items():
                site.put(path, answer)
            base = {"base_url": site.url, "requests_per_second": 1000}
            settings = {
                "publishers": [{"id": "contoso", "sources": ALL}],
                "api": base | {"max_retries": 0},
                "partner_center": base,
                "product_ingestion": base,
                "collection": {"mode": "on_scrape", "timeout": "5s"},
            }
            for section, value in (changes or {}).items():
                old = settings.get(section)
                settings[section] = {**old, **value} if isinstance(old, dict) else value
            watched = Watched(site, exporter(settings))
            watched.exporter.wait_until_ready()
            return watched

        yield start


def of(name: str, offer: str, **labels: str) -> str:
    """A sample of an offer by its labels."""
    labels = {"offer_id": offer, "publisher_id": "contoso"} | labels
    return f"azure_marketplace_{name}{{{','.join(f'{key}={json.dumps(labels[key])}' for key in sorted(labels))}}}"


def told(samples: Mapping[str, float], offer: str) -> dict[str, float]:
    """All that is said of an offer, but whether it could be read."""
    return {
        name: value
        for name, value in samples.items()
        if f'offer_id="{offer}"' in name and not name.startswith("azure_marketplace_offer_up")
    }


def test_the_world_is_read_as_it_is(watch: Watch) -> None:
    samples = watch().look()
    for offer in OFFERS:
        assert samples[of("offer_status", offer, status="failed")] == 1
        assert samples[of("offer_up", offer)] == 1
    assert samples[of("offer_step_status", "app", step_id="preview-certification", status="rejected")] == 1
    assert samples[of("offer_messages", "app", level="error")] == 2
    assert samples['azure_marketplace_publisher_up{publisher_id="contoso"}'] == 1


def test_a_passing_refusal_of_the_status_takes_nothing_away(watch: Watch) -> None:
    """A.1, A.2: the data stays, the offer says that it could not be read, and the next refresh asks again."""
    watched = watch()
    before = watched.look()
    for offer, path in OFFERS.items():
        for reply in REFUSALS:
            with watched.instead(path, reply):
                after = watched.look()
            assert told(after, offer) == told(before, offer), (offer, reply)
            assert after[of("offer_up", offer)] == 0, (offer, reply)
            assert after['azure_marketplace_publisher_up{publisher_id="contoso"}'] == 0, (offer, reply)
            others = [one for one in OFFERS if one != offer]
            assert [after[of("offer_up", one)] for one in others] == [1, 1], (offer, reply)
            assert watched.look() == before, (offer, reply)


def test_a_refusal_does_not_flip_an_offer_to_the_next_source(watch: Watch) -> None:
    """A.2: another source that tells something else is not believed before what was told is stale."""
    product = {"id": f"product/{GUID.format(9)}", "identity": {"externalId": "vm"}, "type": "azureVirtualMachine"}
    entry = {
        **TARGETED,
        "id": f"submission/{GUID.format(9)}/7",
        "target": {"targetType": "live"},
        "result": "succeeded",
    }
    watched = watch(
        **{
            INGESTION_LIST: {"value": [*WORLD[INGESTION_LIST]["value"], product]},
            INGESTION.format(GUID.format(9)): {"value": [entry]},
        }
    )
    before = watched.look()
    for status in (403, 404, 500):
        with watched.instead(CLOUD.format("vm"), Answer({}, status)):
            after = watched.look()
        assert told(after, "vm") == told(before, "vm")
        assert after[of("offer_up", "vm")] == 0


def test_an_answer_without_a_status_is_no_news(watch: Watch) -> None:
    """A.3."""
    watched = watch()
    before = watched.look()
    for offer, path in OFFERS.items():
        for body in EMPTY:
            with watched.instead(path, body):
                after = watched.look()
            assert told(after, offer) == told(before, offer), (offer, body)
            assert after[of("offer_up", offer)] == 0, (offer, body)
            assert watched.look() == before, (offer, body)


@pytest.mark.parametrize("is_at_rest", [True, False])
def test_details_that_cannot_be_read_stay_as_they_were(watch: Watch, is_at_rest: bool) -> None:
    """A.4: they are asked for again, the failure is counted, and no since-time is lost."""
    running = {**SUBMITTED, "substate": "Publishing"}
    world = {} if is_at_rest else {CENTER.format(APP): {"value": [running]}}
    watched = watch({"collection": {"terminal_interval": "0s"}}, **world)
    before = watched.look()
    for path in DETAILS:
        for reply in REFUSALS:
            counted = watched.failures()
            with watched.instead(path, reply):
                after = watched.look()
            assert told(after, "app") == told(before, "app"), (path, reply)
            assert after[of("offer_up", "app")] == (reply.status == 404), (path, reply)
            assert watched.failures() > counted, (path, reply)
            assert watched.look() == before, (path, reply)


def test_one_odd_entry_costs_only_itself(watch: Watch) -> None:
    """A.5."""
    watched = watch({"collection": {"terminal_interval": "0s"}})
    before = watched.look()
    odd = [None, "a text", 7, ["a list"]]
    for path in (CLOUD_LIST, CENTER_LIST, CENTER.format(APP), INGESTION_LIST, INGESTION.format(SAAS), *DETAILS):
        right = WORLD[path]
        entries = [*odd, *(right if isinstance(right, list) else right["value"])]
        with watched.instead(path, entries if isinstance(right, list) else {"value": entries}):
            assert watched.look() == before, path
    status = WORLD[CLOUD.format("vm")]
    with watched.instead(CLOUD.format("vm"), {**status, "steps": [*odd, STEP], "messages": [None, 7]}):
        assert told(watched.look(), "vm") == told(before, "vm")
    with watched.instead(CLOUD.format("vm"), {**status, "messages": ["plain words"]}):
        assert watched.look()[of("offer_messages", "vm", level="unknown")] == 1
    log = watched.exporter.log
    assert log.count("field=entry") > 0
    seen = watched.exporter.samples()['azure_marketplace_exporter_unknown_values_total{field="entry"}']
    assert seen >= 4 * 9


def test_a_list_that_was_half_read_removes_nothing(watch: Watch) -> None:
    """An entry without an id, or a next page that is not there, may be the offer that was told before."""
    watched = watch()
    before = watched.look()
    for path, offer in ((CLOUD_LIST, "vm"), (CENTER_LIST, "app"), (INGESTION_LIST, "saas")):
        for entry in ({}, {"id": None}, {"error": {"code": "Busy"}}):
            with watched.instead(path, [entry] if path == CLOUD_LIST else {"value": [entry]}):
                assert told(watched.look(), offer) == told(before, offer), (path, entry)
    for path, link, offer in ((CENTER_LIST, "nextLink", "app"), (INGESTION_LIST, "@nextLink", "saas")):
        with watched.instead(path, lambda handler, path=path, link=link: _first_page(path, link, handler)):
            assert told(watched.look(), offer) == told(before, offer), path
    assert watched.look() == before


def _first_page(path: str, link: str, handler: Handler) -> None:
    """An empty page, and a next one that is not there."""
    (Answer({}, 404) if "more" in handler.path else Answer({"value": [], link: f"{path}?more=1"}))(handler)


def test_submissions_that_are_gone_are_no_news(watch: Watch) -> None:
    """A product of which one was told cannot have none."""
    watched = watch()
    before = watched.look()
    for offer in ("app", "saas"):
        with watched.instead(OFFERS[offer], {"value": []}):
            after = watched.look()
        assert told(after, offer) == told(before, offer)
        assert after[of("offer_up", offer)] == 0


def test_a_newer_submission_without_a_number_is_the_newest(watch: Watch) -> None:
    newer = {**SUBMITTED, "id": "1152921500000000009", "releaseNumber": None}
    older = {**SUBMITTED, "state": "Published", "substate": "InStore"}
    samples = watch(**{CENTER.format(APP): {"value": [newer, older]}}).look()
    assert samples[of("offer_status", "app", status="failed")] == 1


def test_a_token_that_an_answer_quotes_is_shown_nowhere(watch: Watch) -> None:
    step = {**STEP, "stepName": f"Step {TOKEN}", "messages": [{"messageHtml": f"<p>{TOKEN}</p>", "level": "error"}]}
    watched = watch(**{CLOUD.format("vm"): {"status": "failed", "messages": [], "steps": [step]}})
    for path in ("/metrics", "/", "/offers/contoso/vm", "/api/v1/offers"):
        text = watched.exporter.get(path).text
        assert "vm" in text
        assert TOKEN not in text, path


def test_a_named_offer_that_was_deleted_is_not_found(watch: Watch) -> None:
    """A.6: the process that knew it and a new one say the same."""
    named = {"publishers": [{"id": "contoso", "sources": ALL, "offers": ["vm", "app", "saas"]}]}
    old = watch(named)
    gone = {CLOUD_LIST: [], CENTER_LIST: {"value": []}, INGESTION_LIST: {"value": []}}
    new = watch(named, **gone | dict.fromkeys(OFFERS.values(), Answer({}, 404)))
    for offer in OFFERS:
        name = of("offer_up", offer)
        assert (old.look()[name], new.look()[name]) == (0, 0), offer


def test_an_entry_in_a_list_replaces_no_history(watch: Watch) -> None:
    """A.7: the list of the source that told the offer is out for longer than what it told is shown."""
    product = {**WORLD[CENTER_LIST]["value"][0], "id": GUID.format(8), "resourceType": "AzureThirdPartyVirtualMachine"}
    product = {**product, "externalIDs": [{"type": "AzureOfferId", "value": "vm"}]}
    watched = watch(
        {"collection": {"stale_after": "1s"}}, **{CENTER_LIST: {"value": [*WORLD[CENTER_LIST]["value"], product]}}
    )
    before = watched.look()
    with watched.instead(CLOUD_LIST, Answer({}, 500)):
        time.sleep(1.1)
        after = watched.look()
        assert after[of("offer_up", "vm")] == 0
        assert of("offer_status", "vm", status="failed") not in watched.look()
    assert watched.look() == before


def test_offers_are_those_of_the_last_good_lists(watch: Watch) -> None:
    """A.8."""
    watched = watch()
    name = 'azure_marketplace_publisher_offers{publisher_id="contoso"}'
    assert watched.look()[name] == 3
    for path in (CLOUD_LIST, CENTER_LIST, INGESTION_LIST):
        with watched.instead(path, Answer({}, 500)):
            assert watched.look()[name] == 3


def test_times_that_a_wrong_clock_left_behind_are_repaired(watch: Watch, tmp_path: Path) -> None:
    """A.9: a state file from a day when the clock was a month ahead."""
    state = tmp_path / "state"
    watched = watch({"collection": {"state_file": str(state)}})
    watched.look()
    watched.exporter.terminate()
    head, body = gzip.decompress(state.read_bytes()).decode().split("\n", 1)
    month, now = 30 * 86400, time.time()
    content = json.loads(
        body, parse_float=lambda text: float(text) + month if abs(float(text) - now) < 3600 else float(text)
    )
    state.write_text(f"{head}\n{json.dumps(content)}\n", encoding="utf-8")
    again = watch({"collection": {"state_file": str(state)}})
    times = {
        name: value
        for name, value in again.exporter.samples().items()
        if "_timestamp_seconds" in name and "azure_marketplace_" in name
    }
    assert len(times) > 10
    assert {name for name, value in times.items() if value > time.time()} == set()


def test_never_and_the_future_are_no_times(watch: Watch) -> None:
    """A.9: 1601 and the ends of .NET's calendar mean never; what lies ahead is no time of the past."""
    changed = of("offer_changed_timestamp_seconds", "vm")
    watched = watch()
    assert changed in watched.look()
    for moment in (
        "1601-01-01T00:00:00Z",
        "0001-01-01T00:00:00",
        "9999-12-31T23:59:59.9999999Z",
        "2199-01-01T00:00:00Z",
    ):
        with watched.instead(CLOUD_LIST, [{**ENTRY, "changedTime": moment}]):
            assert changed not in watched.look(), moment


def test_an_offer_that_comes_back_keeps_its_times(watch: Watch) -> None:
    """A.10."""
    watched = watch()
    before = watched.look()
    with watched.instead(CLOUD_LIST, []):
        assert of("offer_up", "vm") not in watched.look()
    time.sleep(0.01)
    assert watched.look() == before


def test_offers_that_hang_hold_up_no_other_api(watch: Watch) -> None:
    """B.11: twenty of them, at the default number of workers, which is eight."""
    hanging = [f"slow-{number}" for number in range(20)]
    entries = [{**ENTRY, "id": one} for one in hanging]
    answers = {CLOUD.format(one): lambda _: time.sleep(30) for one in hanging}
    watched = watch({"collection": {"timeout": "3s"}}, **{CLOUD_LIST: entries}, **answers)
    samples = watched.look()
    assert [samples[of("offer_up", one)] for one in ("app", "saas")] == [1, 1]
    assert {samples[of("offer_up", one)] for one in hanging} == {0}
    assert samples['azure_marketplace_publisher_offers_left_out{publisher_id="contoso"}'] <= 12


def test_a_pause_of_one_api_is_none_of_another(watch: Watch) -> None:
    """B.11."""
    watched = watch()
    with watched.instead(CLOUD.format("vm"), Answer({}, 429, {"Retry-After": "600"})):
        watched.look()
    samples = watched.look()
    assert samples[of("offer_up", "vm")] == 0
    assert [samples[of("offer_up", one)] for one in ("app", "saas")] == [1, 1]


def test_no_cookie_is_kept(watch: Watch) -> None:
    """B.15."""
    status = Answer(WORLD[CLOUD.format("vm")], headers={"Set-Cookie": "session=1; Path=/"})
    watched = watch(**{CLOUD.format("vm"): status})
    watched.look()
    assert [one.headers for one in watched.site.asked if "Cookie" in one.headers] == []


def test_a_retry_after_of_nothing_is_not_taken_at_its_word(watch: Watch) -> None:
    """B.15: four attempts at least as far apart as the back-off."""
    watched = watch({"api": {"max_retries": 2}})
    times: list[float] = []

    def busy(handler: Handler) -> None:
        times.append(time.monotonic())
        Answer(b"busy", 503, {"Retry-After": "0"})(handler)

    with watched.instead(CLOUD.format("vm"), busy):
        watched.look()
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) == 2
    assert gaps[1] >= 0.5
