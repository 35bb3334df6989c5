"""Reloading by signal and by request, well and badly, once and many times."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from .conftest import Keep, StartSimulator, WriteSettings
from .processes import Exporter, Simulator, wait_until
from .test_end_to_end import OFFER

PREFIX = "azure_marketplace_"
WELL = PREFIX + "exporter_config_last_reload_successful"
WHEN = PREFIX + "exporter_config_last_reload_success_timestamp_seconds"
REFRESHES = PREFIX + "exporter_refreshes_total"
UP = PREFIX + 'publisher_up{publisher_id="contoso"}'
OTHER = PREFIX + 'publisher_up{publisher_id="fabrikam"}'


class Site:
    """An exporter whose settings file can be rewritten."""

    def __init__(self, exporter: Exporter, api: Simulator, file: Path) -> None:
        self.exporter, self.api, self.file = exporter, api, file

    def rewrite(self, **changes: Any) -> None:
        """Change sections or single keys of the file."""
        settings = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        for section, value in changes.items():
            settings[section] = settings.get(section, {}) | value if isinstance(value, Mapping) else value
        self.file.write_text(yaml.safe_dump(settings), encoding="utf-8")

    def post(self) -> requests.Response:
        return requests.post(self.exporter.url + "/-/reload", timeout=30)

    def reload(self, by: str) -> None:
        """Reload and wait until it has happened."""
        before = self.exporter.samples()[WHEN]
        if by == "POST":
            assert self.post().text == "reloaded\n"
        else:
            self.exporter.signal(signal.SIGHUP)
        wait_until(lambda: self.exporter.samples()[WHEN] > before, "reloaded")

    def held(self) -> dict[str, int]:
        """Count threads, open files and, among them, connections to the API."""
        folder = Path(f"/proc/{self.exporter.pid}")
        port = f":{int(self.api.url.rpartition(':')[2]):04X}"
        lines = (folder / "net/tcp").read_text(encoding="ascii").splitlines()[1:]
        inodes = {fields[9] for fields in map(str.split, lines) if fields[2].endswith(port) and fields[3] == "01"}
        files = [link for one in (folder / "fd").iterdir() if (link := _target(one))]
        sockets = {link.removeprefix("socket:[").removesuffix("]") for link in files if link.startswith("socket:")}
        return {
            "threads": len(list((folder / "task").iterdir())),
            "files": len(files),
            "connections": len(inodes & sockets),
        }


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:  # it was closed just now
        return ""


Start = Callable[..., Site]


@pytest.fixture
def start(simulator: StartSimulator, command: Path, write_settings: WriteSettings, keep: Keep) -> Start:
    def build(**changes: Mapping[str, Any]) -> Site:
        api = simulator("--publisher", "contoso", "--publisher", "fabrikam")
        api.put_offer("contoso", "vm", OFFER)
        api.put_offer("fabrikam", "vm", OFFER)
        base = {"api": {"base_url": api.url, "max_concurrency": 1}, "web": {"enable_lifecycle": True}}
        file = write_settings(base | changes)
        return Site(keep(lambda folder: Exporter([command, f"--config.file={file}"], folder)), api, file)

    return build


def test_reload(start: Start) -> None:
    """New publishers are collected from now on, and what is known of the old ones stays."""
    site = start()
    site.exporter.wait_for_sample(UP, 1)
    known = {name: value for name, value in site.exporter.samples().items() if "_since_" in name}
    site.rewrite(publishers=["contoso", "fabrikam"])
    site.reload("POST")
    site.exporter.wait_for_sample(OTHER, 1)
    samples = site.exporter.samples()
    assert samples[WELL] == 1
    assert {name: samples[name] for name in known} == known
    assert "configuration reloaded" in site.exporter.log
    site.rewrite(publishers=["fabrikam"])
    site.reload("SIGHUP")
    wait_until(lambda: UP not in site.exporter.samples(), "contoso is gone")
    assert not [name for name in site.exporter.samples() if "contoso" in name]


BAD = {
    "publishers: [": "is not YAML",
    "publisher: [contoso]": "did you mean publishers?",
    "{publishers: [contoso], collection: {interval: 0s}}": "collection.interval",
    "{publishers: [contoso], auth: {token_file: /nonexistent}}": "cannot read /nonexistent",
    "{}": "nothing to watch",
    None: "No such file",
}


def test_a_bad_file_leaves_the_old_settings_in_force(start: Start) -> None:
    """Everybody is told, whoever asked; a good file heals it."""
    site = start()
    site.exporter.wait_for_sample(UP, 1)
    when, good = site.exporter.samples()[WHEN], site.file.read_text(encoding="utf-8")
    for number, (content, complaint) in enumerate(BAD.items()):
        site.file.unlink() if content is None else site.file.write_text(content, encoding="utf-8")
        if number % 2:
            site.exporter.signal(signal.SIGHUP)
        else:
            answer = site.post()
            assert answer.status_code == 500
            assert complaint in answer.text
        site.exporter.wait_for_text(f"level=error .*configuration not reloaded.*{re.escape(complaint)}")
        assert (site.exporter.samples()[WELL], site.exporter.samples()[WHEN]) == (0, when)
    refreshes = site.exporter.samples()[REFRESHES]
    wait_until(lambda: site.exporter.samples()[REFRESHES] > refreshes, "the old settings at work")
    assert site.exporter.samples()[UP] == 1
    site.file.write_text(good, encoding="utf-8")
    site.reload("SIGHUP")
    assert site.exporter.samples()[WELL] == 1


def test_many_reloads_leave_nothing_behind(start: Start) -> None:
    """No thread, file or connection is left behind, and the process is well throughout."""
    site = start(collection={"interval": "1h", "stale_after": "1d"})
    site.exporter.wait_for_sample(UP, 1)
    ended = threading.Event()
    health: list[int] = []

    def watch() -> None:
        with requests.Session() as session:
            while not ended.wait(0.01):
                health.append(session.get(site.exporter.url + "/-/healthy", timeout=10).status_code)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for number in range(60):
            site.rewrite(collection={"timeout": f"{number + 10}s"})
            assert site.post().status_code == 200
            if number == 20:
                early = settled(site)
    finally:
        ended.set()
        watcher.join()
    late = settled(site)
    assert late["connections"] <= 1, "as many as api.max_concurrency allows"
    assert late["threads"] <= early["threads"] + 1
    assert late["files"] <= early["files"] + 2
    assert set(health) == {200}
    assert 1 <= site.exporter.samples()[REFRESHES] <= 61, "each engine refreshes once, unless the next one comes first"
    site.exporter.wait_for_sample(UP, 1)
    assert "Traceback" not in site.exporter.log


def settled(site: Site) -> dict[str, int]:
    """Count what is held once the threads of the last reload have ended."""
    lowest = site.held()
    end = time.monotonic() + 1
    while time.monotonic() < end:
        now = site.held()
        lowest = {name: min(value, lowest[name]) for name, value in now.items()}
        time.sleep(0.02)
    return lowest


def test_reload_while_a_refresh_hangs(start: Start) -> None:
    """The new settings begin at once; what the old refresh finds in the end is never shown."""
    site = start(collection={"interval": "1h", "stale_after": "1d"})
    site.exporter.wait_for_sample(UP, 1)
    site.api.control("POST", "faults", json={"kind": "slow", "seconds": 1, "times": 1, "operation": "list_offers"})
    site.api.control("DELETE", "requests")
    site.rewrite(collection={"timeout": "11s"})
    site.post()
    wait_until(lambda: site.api.control("GET", "requests").json()["by_operation"], "a slow refresh under way")
    site.rewrite(publishers=["fabrikam"])
    assert site.post().status_code == 200
    site.exporter.wait_for_sample(OTHER, 1)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        samples = site.exporter.samples()
        assert samples[OTHER] == 1
        assert UP not in samples
        time.sleep(0.05)
    assert site.exporter.get("/-/healthy").status_code == site.exporter.get("/-/ready").status_code == 200
    assert "Traceback" not in site.exporter.log
