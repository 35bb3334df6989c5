"""The tests prove the package that users install, not the folder it is built from."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import exporter


def test_the_package_under_test_is_the_installed_one() -> None:
    assert Path(exporter.__file__).parent == Path(sysconfig.get_path("purelib")) / "exporter"
