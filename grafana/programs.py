"""Programs that belong together: find them, start one after the other, end them in the reverse order."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

__all__ = ["Program", "Stack", "StackError", "find", "folders"]

ROOT = Path(__file__).resolve().parent.parent
START_TIMEOUT = 60.0
END_TIMEOUT = 15.0


class StackError(Exception):
    """A program is missing, does not start, or has ended."""


def find(*names: str) -> Path:
    """Find a program by the first of its names that is there.

    Raises:
        StackError: if none is.
    """
    for name in names:
        for folder in (*(str(one) for one in folders()), None):
            if found := shutil.which(name, path=folder):
                return Path(found)
    raise StackError(f"{names[0]} is not on the path; install it, or run .ci/tools")


def folders() -> tuple[Path, Path]:
    """Give the folders where programs are looked for before the path."""
    return Path(os.environ.get("TOOLS_DIR", ROOT / ".tools")) / "bin", Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Program:
    """A running program and where it listens."""

    name: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def address(self) -> str:
        """Host and port."""
        return self.url.removeprefix("http://")


class Stack:
    """Programs that are started one after the other and ended together, the last one first."""

    def __init__(self, folder: Path, *, any_port: bool = False) -> None:
        self.folder = folder
        self.any_port = any_port
        self.programs: list[Program] = []

    def __enter__(self) -> Self:
        """Begin with nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End all programs."""
        for program in reversed(self.programs):
            _signal(program, signal.SIGTERM)
            try:
                program.process.wait(END_TIMEOUT)
            except subprocess.TimeoutExpired:
                _signal(program, signal.SIGKILL)
                program.process.wait()

    def port(self, preferred: int) -> int:
        """Choose a port of the loopback: the usual one if it is free."""
        for wanted in (0,) if self.any_port else (preferred, 0):
            with socket.socket() as one:
                try:
                    one.bind(("127.0.0.1", wanted))
                except OSError:
                    continue
                port: int = one.getsockname()[1]
                return port
        raise StackError("the loopback has no free port")

    def write(self, name: str, content: object) -> Path:
        """Write a configuration file."""
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
        return path

    def run(self, name: str, command: Sequence[str | Path], *, environ: Mapping[str, str] | None = None) -> None:
        """Run a program to its end.

        Raises:
            StackError: if it fails.
        """
        process = self._begin(name, command, environ)
        program = Program(name, "", process, self.folder / f"{name}.log")
        self.programs.append(program)
        if code := process.wait():
            raise StackError(f"{name} has ended with {code}; its log:\n{_tail(program.log)}")
        self.programs.remove(program)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        port: int,
        *,
        ready: str | None = "/",
        environ: Mapping[str, str] | None = None,
    ) -> Program:
        """Start a program and wait until GET of `ready` works, or until the port takes connections if that is None."""
        process = self._begin(name, command, environ)
        program = Program(name, f"http://127.0.0.1:{port}", process, self.folder / f"{name}.log")
        self.programs.append(program)
        self._wait(program, ready)
        return program

    def _begin(
        self, name: str, command: Sequence[str | Path], environ: Mapping[str, str] | None
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as output:
            # A session of its own: Ctrl-C reaches this program only, which then ends them in order.
            return subprocess.Popen(  # noqa: S603 - the programs that this file's users name
                [str(one) for one in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=os.environ | dict(environ or {}),
                start_new_session=True,
            )

    def _wait(self, program: Program, ready: str | None) -> None:
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end:
            self.check()
            if _answers(program, ready):
                return
            time.sleep(0.1)
        raise StackError(f"{program.name} did not start within {START_TIMEOUT:g} s; its log:\n{_tail(program.log)}")

    def check(self) -> None:
        """See that all programs run.

        Raises:
            StackError: for the first one that has ended.
        """
        for program in self.programs:
            if (code := program.process.poll()) is not None:
                raise StackError(f"{program.name} has ended with {code}; its log:\n{_tail(program.log)}")


def _signal(program: Program, number: int) -> None:
    """Reach what the program has started, too: it is the first of its session."""
    with suppress(ProcessLookupError):
        os.killpg(program.process.pid, number)


def _answers(program: Program, ready: str | None) -> bool:
    try:
        if ready is None:
            host, port = program.address.split(":")
            socket.create_connection((host, int(port)), 2).close()
        else:
            urllib.request.urlopen(program.url + ready, timeout=2).close()  # noqa: S310 - the loopback
    except OSError:
        return False
    return True


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
