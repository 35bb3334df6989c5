"""Every fault, as a client meets it."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest
import requests

from exporter.simulator import Simulator, demo, empty, serve_in_thread
from exporter.simulator.faults import Fault

from .conftest import EPOCH, Client, Start, until

OFFERS = "/contoso/offers"
STATUS = "/contoso/offers/billing/status"


@pytest.fixture
def client(start: Start) -> Client:
    return start(demo(epoch=EPOCH))


def raw_bytes(client: Client, path: str) -> bytes:
    """All that comes over the wire until the server closes; raises if it resets."""
    address = urlsplit(client.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as sock:
        lines = (f"GET /api/publishers{path}?api-version=2017-10-31 HTTP/1.1", "Host: x", "Authorization: Bearer x")
        sock.sendall("\r\n".join((*lines, "", "")).encode())
        received = b""
        while chunk := sock.recv(65536):
            received += chunk
        return received


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503, 504, 599])
def test_status(client: Client, status: int) -> None:
    client.fault({"kind": "status", "status": status, "times": 1})
    answer = client.cpp(STATUS)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message"}
    assert client.cpp(STATUS).status_code == 200


@pytest.mark.parametrize(
    ("told", "header"),
    [
        (None, None),
        (7, "7"),
        ("date:30", "Mon, 21 Sep 2026 14:13:50 GMT"),
        ("-5", "-5"),
        ("soon", "soon"),
        ("99999999999", "99999999999"),
    ],
)
def test_retry_after(client: Client, told: object, header: str | None) -> None:
    client.fault({"kind": "status", "status": 429, "retry_after": told})
    assert client.cpp(STATUS).headers.get("retry-after") == header


def test_a_burst_ends_after_its_count(client: Client) -> None:
    client.fault({"kind": "status", "status": 503, "times": 3, "offer": "billing"})
    assert [client.cpp(STATUS).status_code for _ in range(5)] == [503, 503, 503, 200, 200]
    assert client.get("/control/faults").json()[0]["hits"] == 3


def test_other_offers_are_untouched_and_clearing_helps(client: Client) -> None:
    client.fault({"kind": "status", "offer": "billing"})
    assert client.cpp("/contoso/offers/insights/status").status_code == 200
    assert client.cpp(STATUS).status_code == 503
    assert client.ask("DELETE", "/control/faults").status_code == 204
    assert client.cpp(STATUS).status_code == 200


def test_respond(client: Client) -> None:
    client.fault({"kind": "respond", "status": 207, "body": {"a": [1]}, "headers": {"X-Odd": "yes"}, "times": 1})
    answer = client.cpp(STATUS)
    assert (answer.status_code, answer.json(), answer.headers["x-odd"]) == (207, {"a": [1]}, "yes")
    client.fault({"kind": "respond", "text": "plain"})
    assert client.cpp(STATUS).text == "plain"


def test_redirect(client: Client) -> None:
    client.fault({"kind": "redirect", "location": "http://other.invalid/x", "status": 307})
    answer = client.cpp(STATUS)
    assert (answer.status_code, answer.headers["location"]) == (307, "http://other.invalid/x")


def test_null(client: Client) -> None:
    client.fault({"kind": "null"})
    assert client.cpp(STATUS).json() is None


def test_html(client: Client) -> None:
    client.fault({"kind": "html"})
    answer = client.cpp(STATUS)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_oversize(client: Client) -> None:
    client.fault({"kind": "oversize", "size": 3_000_000, "times": 1}, {"kind": "oversize"})
    assert len(client.cpp(STATUS).json()[0]) == 3_000_000 - 4
    with client.cpp(STATUS, stream=True) as answer:
        assert int(answer.headers["content-length"]) == 64 * 1024 * 1024


def test_documented_sample_is_right_but_for_its_two_mistakes(client: Client) -> None:
    client.fault({"kind": "documented_sample"})
    text = client.cpp(STATUS).text
    with pytest.raises(ValueError, match="property name"):
        json.loads(text)
    corrected = json.loads(text.replace(" liveLinks", ' "liveLinks').replace("[], }", "[]}"))
    assert list(corrected) == ["status", "messages", "steps", "previewLinks", "liveLinks"]
    assert [step["id"] for step in corrected["steps"]][-2:] == ["publisher-signoff", "live"]
    assert corrected["steps"][-1]["status"] == "complete"


def test_truncated_json_is_a_complete_answer(client: Client) -> None:
    whole = client.cpp(STATUS).text
    client.fault({"kind": "truncated_json"})
    answer = client.cpp(STATUS)
    assert answer.text == whole[: len(whole) // 2]
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(answer.text)


def test_wrong_types(client: Client) -> None:
    client.fault({"kind": "wrong_types"})
    status = client.cpp(STATUS).json()
    assert status["status"] == {"text": "running"}
    assert status["previewLinks"] == "none"
    assert status["steps"][0]["progressPercentage"] == [100]


def test_wrong_content_type(client: Client) -> None:
    whole = client.cpp(STATUS)
    client.fault({"kind": "wrong_content_type", "content_type": "application/octet-stream"})
    answer = client.cpp(STATUS)
    assert (answer.text, answer.headers["content-type"]) == (whole.text, "application/octet-stream")


def test_duplicate_and_vanishing_offers(client: Client) -> None:
    ids = [entry["id"] for entry in client.cpp(OFFERS).json()]
    client.fault(
        {"kind": "duplicate_offers", "times": 1},
        {"kind": "vanishing_offers", "offers": ["billing", "ingress"], "times": 1},
        {"kind": "vanishing_offers"},
    )
    assert [entry["id"] for entry in client.cpp(OFFERS).json()] == [name for name in ids for _ in range(2)]
    assert [entry["id"] for entry in client.cpp(OFFERS).json()] == [
        name for name in ids if name not in {"billing", "ingress"}
    ]
    assert client.cpp(OFFERS).json() == []


def test_a_list_fault_leaves_answers_without_a_list_alone(client: Client) -> None:
    whole = client.cpp(STATUS).json()
    client.fault({"kind": "vanishing_offers"})
    assert client.cpp(STATUS).json() == whole


def test_hold_never_answers(client: Client) -> None:
    client.fault({"kind": "hold", "times": 1})
    with pytest.raises(requests.ReadTimeout):
        client.cpp(STATUS, timeout=0.2)
    assert client.cpp(STATUS).status_code == 200


def test_hold_may_end_in_silence(client: Client) -> None:
    client.fault({"kind": "hold", "seconds": 0})
    assert raw_bytes(client, STATUS) == b""


def test_drop_closes_without_a_word(client: Client) -> None:
    client.fault({"kind": "drop"})
    assert raw_bytes(client, STATUS) == b""
    with pytest.raises(requests.ConnectionError):
        client.cpp(STATUS)


def test_reset_in_the_middle(client: Client) -> None:
    client.fault({"kind": "reset"})
    with pytest.raises(ConnectionResetError):
        raw_bytes(client, STATUS)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.cpp(STATUS)


def test_short_body_ends_early_and_politely(client: Client) -> None:
    client.fault({"kind": "short_body", "size": 11})
    head, _, body = raw_bytes(client, STATUS).partition(b"\r\n\r\n")
    assert body == b'{"status":"'
    assert b"200 OK" in head
    assert b"content-length: 11\r" not in head.lower()


def test_slow_but_valid(start: Start) -> None:
    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    client = start(demo(epoch=EPOCH), pause=pause)
    whole = client.cpp(STATUS).json()
    client.fault({"kind": "slow", "seconds": 3600})
    # With a pause that is over at once the answer may not be held back for an hour.
    assert client.cpp(STATUS).json() == whole
    assert waited == [3600]


def test_trickle_comes_in_small_parts(start: Start) -> None:
    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(seconds)

    client = start(demo(epoch=EPOCH), pause=pause)
    whole = client.cpp(STATUS).content
    client.fault({"kind": "trickle", "seconds": 2, "size": 50})
    assert client.cpp(STATUS).content == whole
    assert waited == [2.0] * ((len(whole) - 1) // 50)


def test_slow_is_over_when_the_client_goes(client: Client) -> None:
    client.fault({"kind": "slow", "seconds": 60, "times": 1})
    with pytest.raises(requests.ReadTimeout):
        client.cpp(STATUS, timeout=0.2)
    until(lambda: client.simulator.seen.as_json()["by_code"] == {"none": 1})


def test_trickle_stops_when_the_client_goes(client: Client) -> None:
    client.fault({"kind": "trickle", "times": 1, "seconds": 60})
    with client.cpp(STATUS, stream=True) as answer:
        assert answer.raw.read(1) == b"{"
    assert client.cpp(STATUS).status_code == 200


def test_faults_may_be_there_from_the_start(start: Start) -> None:
    client = start(empty("acme"), faults=[Fault(kind="status", status=500)])
    assert client.cpp("/acme/offers").status_code == 500


def test_refuses_what_is_no_fault(client: Client) -> None:
    answer = client.ask("POST", "/control/faults", json=[{"kind": "weird"}])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")


def test_held_answers_do_not_keep_the_server_from_ending(caplog: pytest.LogCaptureFixture) -> None:
    simulator = Simulator(empty("acme"), faults=[Fault(kind="hold")])
    with serve_in_thread(simulator.app) as server:
        address = urlsplit(server.url)
        sock = socket.create_connection((address.hostname, address.port), timeout=10)
        sock.sendall(b"GET /api/publishers HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: simulator.seen.in_flight == 1)
    with sock:
        assert sock.recv(1) == b""
    assert [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}] == []


def test_requests_without_an_answer_are_counted_as_such(client: Client) -> None:
    client.fault({"kind": "drop"})
    raw_bytes(client, STATUS)
    until(lambda: client.simulator.seen.as_json()["by_code"] == {"none": 1})
