"""Every answer that public clients have seen, fed to the command, and the metrics that it makes of it.

What is expected stands in answers.txt; `UPDATE_GOLDEN=1` writes it anew. Of each file the offers are told with their
status, who has to act, live, version, steps and messages, then what is not well.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.cli import main
from exporter.simulator import serve_in_thread

ANSWERS = Path(__file__).parents[2] / "fixtures" / "answers"
FILES = sorted(str(one.relative_to(ANSWERS)) for one in ANSWERS.glob("*/*.json"))
EXPECTED = Path(__file__).with_name("answers.txt")
SECTIONS = {"cloud_partner": "api", "partner_center": "partner_center", "product_ingestion": "product_ingestion"}


class Player:
    """Plays a file by the rules of tests/fixtures/answers/README.md."""

    def __init__(self) -> None:
        self.url = ""
        self.folder = self.file = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["raw_path"].decode().partition("?")[0]
        found = self.find(path, dict(parse_qsl(scope["query_string"].decode())))
        body = json.dumps(found.get("answer")).replace("{base_url}", self.url).encode()
        await send({"type": "http.response.start", "status": found.get("status", 404), "headers": []})
        await send({"type": "http.response.body", "body": body})

    def find(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        usual = self.read("usual.json")
        own = self.read(self.file) if self.file != "usual.json" else {}
        near = [one for one in (own, *own.get("beside", ())) if fits(one, path, query)]
        near.sort(key=lambda one: (len(wanted(one)), sum(value != "*" for value in wanted(one).values())), reverse=True)
        return next(iter([*near, *(one for one in usual if fits(one, path, query))]), {})

    def read(self, file: str) -> Any:
        return json.loads((ANSWERS / self.folder / file).read_text(encoding="utf-8"))


def wanted(one: Mapping[str, Any]) -> dict[str, str]:
    query: dict[str, str] = one.get("query") or {}
    return query


def fits(one: Mapping[str, Any], path: str, query: Mapping[str, str]) -> bool:
    return one.get("path") == path and all(
        key in query and value in {"*", query[key]} for key, value in wanted(one).items()
    )


@pytest.fixture(scope="module")
def player() -> Iterator[Player]:
    one = Player()
    with serve_in_thread(one) as server:
        one.url = server.url
        yield one


@pytest.mark.usefixtures("own_logging", "no_variables")
@pytest.mark.parametrize("file", FILES)
def test_answer(file: str, player: Player, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    player.folder, player.file = file.split("/")
    settings = {
        "publishers": [{"id": "contoso", "sources": [player.folder]}],
        "api": {"max_retries": 0},
        "auth": {"token": "any-token"},
        "log": {"level": "error"},
    }
    settings.setdefault(SECTIONS[player.folder], {})["base_url"] = player.url  # type: ignore[index]  # a dictionary of any depth
    path = tmp_path / "exporter.yaml"
    path.write_text(json.dumps(settings), encoding="utf-8")
    code = main(["--once", f"--config.file={path}"])
    told = summary(capfdbinary.readouterr().out.decode(), code)
    expected = sections(EXPECTED.read_text(encoding="utf-8"))
    if "UPDATE_GOLDEN" in os.environ:
        expected[file] = told
        EXPECTED.write_text("\n".join(f"{name}\n{expected[name]}" for name in FILES if name in expected), "utf-8")
    assert told == expected[file]


def sections(content: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in content.splitlines(keepends=True):
        if line.endswith(".json\n"):
            name = line.strip()
            found[name] = ""
        elif line.strip():
            found[name] += line
    return found


def summary(exposition: str, code: int) -> str:
    offers: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    trouble = [] if code == 0 else [f"exit {code}"]
    for family in text_string_to_metric_families(exposition):
        for name, labels, value, *_ in family.samples:
            short = name.removeprefix("azure_marketplace_")
            if "offer_id" in labels and (value or short == "offer_live"):
                offers[labels["offer_id"]][short].append(of_offer(short, labels, value))
            elif (short.endswith("failure") and value == 1) or (
                short.endswith(("failures_total", "values_total")) and value
            ):
                trouble.append(f"{short} {labels.get('reason') or labels.get('field') or ''}".strip())
    lines = [f"  {offer_id}: {offer(known)}" for offer_id, known in sorted(offers.items())]
    return "".join(f"{line}\n" for line in [*lines, *(f"  ! {one}" for one in trouble)])


def of_offer(name: str, labels: Mapping[str, str], value: float) -> str:
    said = {
        "offer_status": labels.get("status", ""),
        "offer_waiting_on": labels.get("party", ""),
        "offer_live": "live" if value else "not live",
        "offer_live_since_timestamp_seconds": f"since {value:.0f}",
        "offer_version": f"version {value:.0f}",
        "offer_step_status": f"{labels.get('step_id')} {labels.get('status')}",
        "offer_step_progress_ratio": f"{labels.get('step_id')} at {value:.0%}",
    }
    return said.get(name) or f"{value:.0f} {labels.get('level')}"


def offer(known: Mapping[str, list[str]]) -> str:
    names = ("offer_status", "offer_waiting_on", "offer_live", "offer_live_since_timestamp_seconds", "offer_version")
    more = ("offer_step_status", "offer_step_progress_ratio", "offer_messages", "offer_step_messages")
    is_up = "" if "offer_up" in known else "down, "
    return is_up + ", ".join(one for name in (*names, *more) for one in known.get(name, ()))
