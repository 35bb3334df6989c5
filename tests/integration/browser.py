"""Chromium without a window: what it makes of a page, what it says on its console, and how the page looks."""

from __future__ import annotations

import subprocess
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 60.0
DARK = "--blink-settings=preferredColorScheme=0"


@dataclass(frozen=True)
class Visit:
    """The document after all that might run has run, and the lines of the console."""

    dom: str
    console: tuple[str, ...]

    @property
    def complaints(self) -> list[str]:
        """What the browser refused or could not load."""
        words = ("refused", "violates", "blocked", "failed to load", "error")
        return [line for line in self.console if any(word in line.lower() for word in words)]


@dataclass(frozen=True)
class Browser:
    program: Path

    def visit(self, url: str, *options: str) -> Visit:
        """Load a page, and give scripts two seconds of the browser's own time."""
        done = self._run("--dump-dom", "--virtual-time-budget=2000", "--enable-logging=stderr", *options, url)
        console = (line for line in done.stderr.splitlines() if "CONSOLE" in line)
        return Visit(done.stdout, tuple(console))

    def picture(self, url: str, path: Path, size: tuple[int, int], *options: str) -> bytes:
        """Take a picture and give its PNG."""
        width, height = size
        self._run(f"--screenshot={path}", f"--window-size={width},{height}", "--hide-scrollbars", *options, url)
        return path.read_bytes()

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory() as profile:
            return subprocess.run(
                [
                    str(self.program),
                    "--headless=new",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--no-first-run",
                    f"--user-data-dir={profile}",
                    *arguments,
                ],
                check=True,
                capture_output=True,
                encoding="utf-8",
                timeout=TIMEOUT,
            )


def corner(png: bytes) -> str:
    """Give the colour of the top left pixel; there every filter of PNG foretells zero, so that it stands as it is."""
    data, at = b"", 8
    while at < len(png):
        length, kind = int.from_bytes(png[at : at + 4]), png[at + 4 : at + 8]
        data += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += length + 12
    return "#" + zlib.decompress(data)[1:4].hex()
