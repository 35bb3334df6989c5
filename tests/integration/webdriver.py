"""Chromium by way of its driver: goes to pages, waits for what scripts do there, runs scripts and takes pictures."""

from __future__ import annotations

import base64
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

TIMEOUT = 60.0
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
)


@dataclass(frozen=True)
class Page:
    """One window of the browser."""

    session: str

    def _post(self, path: str, **body: Any) -> Any:
        answer = requests.post(f"{self.session}/{path}", json=body, timeout=TIMEOUT)
        value = answer.json()["value"]
        assert answer.ok, value
        return value

    def resize(self, width: int, height: int) -> None:
        """Give the page this size; a window without a frame is as large as its page."""
        self._post("window/rect", width=width, height=height)
        inner = self.script("return [window.innerWidth, window.innerHeight]")
        self._post("window/rect", width=2 * width - inner[0], height=2 * height - inner[1])

    def go(self, url: str) -> None:
        """Go to an address."""
        self._post("url", url=url)

    def script(self, text: str, *arguments: Any) -> Any:
        """Run a script in the page, and give what it returns."""
        return self._post("execute/sync", script=text, args=list(arguments))

    def console(self) -> list[str]:
        """What came on the console since the last call: also what the browser refused or could not load."""
        return [line["message"] for line in self._post("se/log", type="browser")]

    def devtools(self, command: str, **parameters: Any) -> None:
        """Give a command of the browser's developer tools."""
        self._post("goog/cdp/execute", cmd=command, params=parameters)

    def prefer(self, scheme: str) -> None:
        """Like light or dark pages."""
        wanted = {"name": "prefers-color-scheme", "value": scheme}
        self.devtools("Emulation.setEmulatedMedia", features=[wanted])

    def wait(self, condition: str, what: str, seconds: float = TIMEOUT) -> None:
        """Wait until a script returns something that is true."""
        end = time.monotonic() + seconds
        while not self.script(condition):
            assert time.monotonic() < end, what
            time.sleep(0.2)

    def picture(self, path: Path) -> None:
        """Take a picture of what is in the window."""
        answer = requests.get(f"{self.session}/screenshot", timeout=TIMEOUT)
        path.write_bytes(base64.b64decode(answer.json()["value"]))


@contextmanager
def browser(driver: Path, chromium: Path, profile: Path) -> Iterator[Page]:
    """Run a browser with an empty profile."""
    with subprocess.Popen(
        [str(driver), "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ports = (re.search(r"successfully on port (\d+)", line) for line in process.stdout)
            url = next(f"http://127.0.0.1:{port[1]}" for port in ports if port)
            options = {"binary": str(chromium), "args": [*OPTIONS, f"--user-data-dir={profile}"]}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            body = {"capabilities": {"alwaysMatch": wanted}}
            answer = requests.post(f"{url}/session", json=body, timeout=TIMEOUT).json()["value"]
            page = Page(f"{url}/session/{answer['sessionId']}")
            yield page
            requests.delete(page.session, timeout=TIMEOUT)
        finally:
            process.terminate()
