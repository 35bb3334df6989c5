"""The lock files, checked against what the locked packages themselves ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt")


def _locked(name: str) -> dict[str, set[str]]:
    """Read a lock: the extras of each package in it."""
    lines = re.findall(r"(?m)^(\S+==\S+)", (ROOT / name).read_text(encoding="utf-8"))
    pins = map(Requirement, lines)
    return {canonicalize_name(pin.name): {canonicalize_name(extra) for extra in pin.extras} for pin in pins}


def _wanted(locked: dict[str, set[str]]) -> Iterator[tuple[str, str, str]]:
    """Who asks whom for which extra, among the packages of a lock that are installed here."""
    installed = {canonicalize_name(one.metadata["Name"]) for one in distributions()}
    for name, extras in locked.items():
        if name not in installed:
            continue
        for text in distribution(name).requires or ():
            needed = Requirement(text)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                for extra in needed.extras:
                    yield name, canonicalize_name(needed.name), canonicalize_name(extra)


@pytest.mark.parametrize("name", LOCKS)
def test_extras_are_pinned(name: str) -> None:
    """Without its extra in the lock, pip takes the newest release of a package for it and then refuses the whole lock."""
    locked = _locked(name)
    assert [one for one in _wanted(locked) if one[2] not in locked.get(one[1], set())] == []


def test_there_are_extras() -> None:
    """So that the test above has something to find."""
    assert ("msal", "pyjwt", "crypto") in set(_wanted(_locked("requirements.txt")))
    assert ("pytest-cov", "coverage", "toml") in set(_wanted(_locked("requirements-dev.txt")))


@pytest.mark.parametrize("name", LOCKS)
def test_no_index_is_named(name: str) -> None:
    """Where packages come from is the affair of the machine that installs them."""
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")
