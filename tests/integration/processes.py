"""Real processes under test: started on free ports of the loopback, watched through their output, ended at the end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import requests

__all__ = [
    "LISTENING",
    "TIMEOUT",
    "Exporter",
    "Process",
    "Prometheus",
    "Simulator",
    "clean_environment",
    "faulty_simulator",
    "wait_until",
]

Result = TypeVar("Result")

TIMEOUT = 30.0
LISTENING = r"msg=\"Listening on\"(?: component=web)? address=(127\.0\.0\.1:[1-9]\d*)"
"""What Prometheus and Alertmanager say of their address, whatever their version."""
PAUSE = 0.05


def wait_until(ask: Callable[[], Result], what: str, timeout: float = TIMEOUT) -> Result:
    """Ask again and again until the answer is true in some way, and give it; fails when the time is over.

    Refused connections and failed assertions on the way count as "not yet"; the last one is told in the end.
    """
    end = time.monotonic() + timeout
    last: object = None
    while time.monotonic() < end:
        try:
            last = answer = ask()
            if answer:
                return answer
        except (requests.RequestException, AssertionError) as error:
            last = error
        time.sleep(PAUSE)
    raise AssertionError(f"{what}: not within {timeout:g} s; last: {last!r}")


class Process:
    """A process whose standard output and error go to files in `folder`."""

    def __init__(
        self, command: Sequence[str | Path], folder: Path, *, environ: Mapping[str, str] | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._stdout, self._stderr = folder / "stdout", folder / "stderr"
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(
                [str(one) for one in command],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=folder,
                env=clean_environment() | dict(environ or {}),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    @property
    def output(self) -> str:
        """All that it has printed so far."""
        return self._stdout.read_text(encoding="utf-8")

    @property
    def log(self) -> str:
        """All that it has logged so far."""
        return self._stderr.read_text(encoding="utf-8")

    def wait_for_text(self, pattern: str, timeout: float = TIMEOUT) -> re.Match[str]:
        """Wait until output or log shows a match of the pattern."""

        def look() -> re.Match[str] | None:
            found = re.search(pattern, self.output + "\n" + self.log)
            if found is None and self.exit_code is not None:
                raise ProcessLookupError(f"ended with {self.exit_code}: {self.output}{self.log}")
            return found

        found = wait_until(look, f"{pattern!r} in the output", timeout)
        assert found is not None
        return found

    def wait_for_start(self, pattern: str) -> str:
        """Wait for the line that tells where it listens, give the first group; what does not start is ended."""
        try:
            return self.wait_for_text(pattern)[1]
        except BaseException:
            self.kill()
            raise

    def wait(self, timeout: float = TIMEOUT) -> int:
        """Wait for its end and give the exit code."""
        return self._process.wait(timeout)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def terminate(self, timeout: float = TIMEOUT) -> int:
        """Send SIGTERM and give the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self) -> None:
        """Make sure that it is gone."""
        if self.exit_code is None:
            self._process.kill()
        self._process.wait()


def clean_environment() -> dict[str, str]:
    """The environment without what would change settings, proxies or buffering of a process under test."""
    unwanted = re.compile(
        r"MARKETPLACE_EXPORTER_.*|.*_proxy|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|PYTHONPATH|COV_.*", re.IGNORECASE
    )
    return {name: value for name, value in os.environ.items() if not unwanted.fullmatch(name)}


class Exporter(Process):
    """A running `azure-marketplace-exporter`; `url` is where it said it listens (the first address, if several)."""

    def __init__(
        self, command: Sequence[str | Path], folder: Path, *, environ: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(command, folder, environ=environ)
        self.url = self.wait_for_start(r"(?m)^(?=.*\blistening\b).*?\baddress\W+(https?://[^\s\"]+)")

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET a path; the caller judges the status."""
        return requests.get(self.url + path, **({"timeout": 10} | options))

    def metrics(self, **headers: str) -> str:
        """Scrape, by default in the text format."""
        answer = self.get("/metrics", headers=headers)
        assert answer.status_code == requests.codes.ok, answer.text
        return answer.text

    def samples(self) -> dict[str, float]:
        """Scrape and give all samples: the text before the value, such as `name{label="x"}`, and the value."""
        lines = [line for line in self.metrics().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def wait_for_sample(self, name: str, value: float | None = None, timeout: float = TIMEOUT) -> float:
        """Wait until this very sample is there, with this value if one is given."""

        def look() -> tuple[float] | None:
            found = self.samples().get(name)
            return None if found is None or value not in {None, found} else (found,)

        found = wait_until(look, name if value is None else f"{name} {value}", timeout)
        assert found is not None
        return found[0]

    def wait_until_ready(self, timeout: float = TIMEOUT) -> None:
        """Wait for the end of the first refresh."""
        wait_until(lambda: self.get("/-/ready").status_code == requests.codes.ok, "ready", timeout)


def faulty_simulator(*arguments: str) -> list[str | Path]:
    """The command line of tests/faults: the simulator with a control API, by which tests write offers and set faults."""
    return [sys.executable, Path(__file__).resolve().parents[1] / "faults" / "run.py", *arguments]


class Simulator(Process):
    """A running simulator; its control API is there if it was started by `faulty_simulator`."""

    def __init__(self, command: Sequence[str | Path], folder: Path) -> None:
        super().__init__(command, folder)
        self.url = self.wait_for_start(r"listening on (http\S+)")

    @property
    def address(self) -> str:
        """Host and port, to start another one at the same place."""
        return self.url.partition("//")[2]

    def put_offer(self, publisher: str, offer: str, status: Mapping[str, Any]) -> None:
        """Define what the API says of an offer; the key `list` holds fields of its list entry."""
        answer = requests.put(f"{self.url}/control/offers/{publisher}/{offer}", json=status, timeout=10)
        assert answer.status_code == requests.codes.no_content, answer.text

    def delete_offer(self, publisher: str, offer: str) -> None:
        """Let an offer vanish."""
        answer = requests.delete(f"{self.url}/control/offers/{publisher}/{offer}", timeout=10)
        assert answer.status_code == requests.codes.no_content, answer.text

    def control(self, method: str, path: str, **options: Any) -> requests.Response:
        """Use any other part of the control API."""
        return requests.request(method, f"{self.url}/control/{path}", **({"timeout": 10} | options))


class Prometheus(Process):
    """A running Prometheus with a data folder of its own."""

    def __init__(self, program: Path, config: Path, folder: Path, *options: str) -> None:
        super().__init__(
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--web.listen-address=127.0.0.1:0",
                "--web.enable-lifecycle",
                *options,
            ],
            folder,
        )
        self.url = "http://" + self.wait_for_start(LISTENING)
        wait_until(lambda: requests.get(f"{self.url}/-/ready", timeout=5).ok, "Prometheus ready")

    def api(self, path: str, **params: str) -> Any:
        """Ask its HTTP API and give the data."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=params, timeout=10)
        assert answer.ok, answer.text
        return answer.json()["data"]

    def query(self, promql: str) -> dict[str, float]:
        """Ask for an instant vector: the labels as sorted JSON, without name, instance and job, and the value."""
        result = self.api("query", query=promql)["result"]
        return {_labels(one["metric"]): float(one["value"][1]) for one in result}

    def wait_for(self, promql: str, timeout: float = TIMEOUT) -> dict[str, float]:
        """Wait until a query has a result."""
        return wait_until(lambda: self.query(promql), promql, timeout)


def _labels(metric: Mapping[str, str]) -> str:
    return json.dumps({k: v for k, v in sorted(metric.items()) if k not in {"__name__", "instance", "job"}})
