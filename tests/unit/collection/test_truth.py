"""One bad answer changes nothing of what is known: the sources and the engine as they are, with answers by a script."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from exporter.exposition.encoder import encode
from exporter.sources.deadline import Deadline
from exporter.sources.failures import refusal
from exporter.telemetry.metrics import PREFIX
from tests.unit.collection.world import World

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
EMPTY = [{}, None, {"error": {"code": "Busy"}}, "", "<html>", '"a text"', {"status": None}]
UP = 'azure_marketplace_publisher_up{publisher_id="contoso"}'


@dataclass(frozen=True)
class Refused:
    """An answer that is no success."""

    status: int


REFUSALS = [Refused(status) for status in (302, 400, 403, 404, 409, 503)]


@dataclass
class Site:
    """All three APIs, as the client of each source; answers are by path, what is not written down is 404."""

    world: World
    answers: dict[str, Any]
    base_url: str = "https://api.example"

    def clock(self) -> float:
        return self.world.clock.now

    def get(self, operation: str, path: str, *, params: Mapping[str, str], deadline: Deadline) -> bytes:
        deadline.check()
        answer = self.answers.get(path, Refused(404))
        if callable(answer):
            answer = answer(urlencode(params))
        if isinstance(answer, Refused):
            raise refusal(operation, answer.status, b'{"error": {"code": "No", "message": "not now"}}', str)
        return (answer if isinstance(answer, str) else json.dumps(answer)).encode()

    def look(self) -> dict[str, float]:
        """One refresh, and what is known after it: samples without those that tell a time of our own."""
        self.world.refresh()
        assert self.world.engine is not None
        text = b"".join(encode(self.world.engine.snapshot, self.clock(), 3600).text.plain(b"")).decode()
        samples = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in samples if "_last_" not in name and "_duration_" not in name}

    @contextmanager
    def instead(self, path: str, answer: Any) -> Iterator[None]:
        """Let one path answer something else for a while."""
        right = self.answers[path]
        self.answers[path] = answer
        yield
        self.answers[path] = right


Start = Callable[..., Site]


@pytest.fixture
def start(world: World) -> Start:
    """Watch this world; arguments are settings, and answers that are other ones."""

    def begin(*offers: str, answers: Mapping[str, Any] | None = None, **collection: Any) -> Site:
        site = Site(world, WORLD | dict(answers or {}))
        world.real_sources(lambda _: site)
        world.all_sources(*offers, **collection)
        return site

    return begin


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


def test_the_world_is_read_as_it_is(start: Start) -> None:
    samples = start().look()
    for offer in OFFERS:
        assert samples[of("offer_status", offer, status="failed")] == 1
        assert samples[of("offer_up", offer)] == 1
    assert samples[of("offer_step_status", "app", step_id="preview-certification", status="rejected")] == 1
    assert samples[of("offer_messages", "app", level="error")] == 2
    assert samples[UP] == 1


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("answer", [*REFUSALS, *EMPTY])
def test_a_status_that_cannot_be_read_takes_nothing_away(start: Start, offer: str, answer: Any) -> None:
    """The data stays, the offer says that it could not be read, and the next refresh asks again."""
    site = start()
    before = site.look()
    with site.instead(OFFERS[offer], answer):
        after = site.look()
    assert told(after, offer) == told(before, offer)
    assert {one: after[of("offer_up", one)] for one in OFFERS} == dict.fromkeys(OFFERS, 1) | {offer: 0}
    assert after[UP] == 0
    assert site.look() == before


@pytest.mark.parametrize("is_at_rest", [True, False])
@pytest.mark.parametrize("path", DETAILS)
@pytest.mark.parametrize("refused", REFUSALS)
def test_details_that_cannot_be_read_stay_as_they_were(
    start: Start, path: str, refused: Refused, is_at_rest: bool
) -> None:
    """They are asked for again, the failure is counted, and no since-time is lost."""
    running = {} if is_at_rest else {CENTER.format(APP): {"value": [SUBMITTED | {"substate": "Publishing"}]}}
    site = start(answers=running, terminal_interval="0s")
    before = site.look()
    with site.instead(path, refused):
        after = site.look()
    assert told(after, "app") == told(before, "app")
    assert after[of("offer_up", "app")] == (refused.status == 404)
    assert sum(site.world.counted().values()) == 1
    assert site.look() == before


def test_one_odd_entry_costs_only_itself(start: Start) -> None:
    site = start(terminal_interval="0s")
    before = site.look()
    odd = [None, "a text", 7, ["a list"]]
    paths = (CLOUD_LIST, CENTER_LIST, CENTER.format(APP), INGESTION_LIST, INGESTION.format(SAAS), *DETAILS)
    for path in paths:
        right = WORLD[path]
        entries = [*odd, *(right if isinstance(right, list) else right["value"])]
        with site.instead(path, entries if isinstance(right, list) else {"value": entries}):
            assert site.look() == before, path
    status = WORLD[CLOUD.format("vm")]
    with site.instead(CLOUD.format("vm"), status | {"steps": [*odd, STEP], "messages": [None, 7]}):
        assert told(site.look(), "vm") == told(before, "vm")
    with site.instead(CLOUD.format("vm"), status | {"messages": ["plain words"]}):
        assert site.look()[of("offer_messages", "vm", level="unknown")] == 1
    name = PREFIX + "unknown_values_total"
    assert site.world.telemetry.registry.get_sample_value(name, {"field": "entry"}) == len(odd) * (len(paths) + 1) + 2


def test_a_list_that_was_half_read_removes_nothing(start: Start) -> None:
    """An entry without an id, or a next page that is not there, may be the offer that was told before."""
    site = start()
    before = site.look()
    for path, offer in ((CLOUD_LIST, "vm"), (CENTER_LIST, "app"), (INGESTION_LIST, "saas")):
        for entry in ({}, {"id": None}, {"error": {"code": "Busy"}}):
            with site.instead(path, [entry] if path == CLOUD_LIST else {"value": [entry]}):
                assert told(site.look(), offer) == told(before, offer), (path, entry)
    for path, link, offer in ((CENTER_LIST, "nextLink", "app"), (INGESTION_LIST, "@nextLink", "saas")):
        first = {"value": [], link: f"{path}?more=1"}
        with site.instead(path, lambda query, first=first: Refused(404) if "more" in query else first):
            assert told(site.look(), offer) == told(before, offer), path
    assert site.look() == before


@pytest.mark.parametrize("offer", ["app", "saas"])
def test_submissions_that_are_gone_are_no_news(start: Start, offer: str) -> None:
    """A product of which one was told cannot have none."""
    site = start()
    before = site.look()
    with site.instead(OFFERS[offer], {"value": []}):
        after = site.look()
    assert told(after, offer) == told(before, offer)
    assert after[of("offer_up", offer)] == 0


def test_a_newer_submission_without_a_number_is_the_newest(start: Start) -> None:
    newer = SUBMITTED | {"id": "1152921500000000009", "releaseNumber": None}
    older = SUBMITTED | {"state": "Published", "substate": "InStore"}
    samples = start(answers={CENTER.format(APP): {"value": [newer, older]}}).look()
    assert samples[of("offer_status", "app", status="failed")] == 1


@pytest.mark.parametrize("is_known", [True, False])
def test_a_named_offer_that_was_deleted_is_not_found(start: Start, is_known: bool) -> None:
    """Who knew it and who did not say the same."""
    site = start(*OFFERS)
    if is_known:
        site.look()
    site.answers |= {CLOUD_LIST: [], CENTER_LIST: {"value": []}, INGESTION_LIST: {"value": []}}
    site.answers |= dict.fromkeys(OFFERS.values(), Refused(404))
    samples = site.look()
    assert {samples[of("offer_up", one)] for one in OFFERS} == {0}
