"""The release: reproducible, complete, and running in an empty environment."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .processes import Exporter, wait_until

if TYPE_CHECKING:
    from .conftest import Keep

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
STEM = f"azure_marketplace_exporter-{VERSION}"
WHEEL, SDIST = f"{STEM}-py3-none-any.whl", f"{STEM}.tar.gz"
CHART, SBOM = f"azure-marketplace-exporter-{VERSION}.tgz", f"azure-marketplace-exporter-{VERSION}.cdx.json"


def run(*command: str | Path, **options: Any) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    output: str = done.stdout
    return output


def sources(folder: Path) -> Path:
    """Copy what git would hand out to a folder, with other times and modes."""
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
            (folder / name).chmod(0o600)
    return folder


def build(root: Path, out: Path, umask: int) -> Path:
    """Run the build as `make dist` does, and return the folder with the result."""
    variables = os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}
    run(sys.executable, root / ".ci/dist.py", out, env=variables, umask=umask)
    return out


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build from the tree, and from a copy elsewhere with another umask; both at once, to save time."""
    folder = tmp_path_factory.mktemp("dist")
    copy = sources(folder / "elsewhere")
    with ThreadPoolExecutor() as pool:
        first = pool.submit(build, ROOT, folder / "first", 0o022)
        second = pool.submit(build, copy, folder / "second", 0o077)
    return first.result(), second.result()


@pytest.fixture(scope="module")
def dist(builds: tuple[Path, Path]) -> Path:
    return builds[0]


def content(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def names(archive: Path) -> set[str]:
    """Return the files of a source archive, without its top folder."""
    with tarfile.open(archive) as opened:
        return {member.name.partition("/")[2] for member in opened.getmembers() if member.isfile()}


def test_there_is_everything(dist: Path) -> None:
    assert set(content(dist)) == {WHEEL, SDIST, CHART, SBOM, "SHA256SUMS"}
    run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=dist)


def test_another_copy_of_the_source_gives_the_same_bytes(builds: tuple[Path, Path]) -> None:
    first, second = map(content, builds)
    assert first == second


def test_the_source_archive_has_what_a_distributor_needs(dist: Path) -> None:
    """All of the repository but what only its own automation uses."""
    tracked = set(run("git", "ls-files", cwd=ROOT).splitlines())
    wanted = {name for name in tracked if not name.startswith((".ci/", ".github/"))}
    assert names(dist / SDIST) >= wanted | {"tests/integration/test_dist.py", "LICENSE", "requirements.txt"}


def test_the_wheel_has_the_package_and_nothing_else(dist: Path) -> None:
    with zipfile.ZipFile(dist / WHEEL) as wheel:
        found = set(wheel.namelist())
        entry_points = wheel.read(f"{STEM}.dist-info/entry_points.txt").decode()
    tracked = set(run("git", "ls-files", "exporter", cwd=ROOT).splitlines())
    untracked = set(run("git", "ls-files", "--others", "--exclude-standard", "exporter", cwd=ROOT).splitlines())
    assert {name for name in found if ".dist-info/" not in name} == tracked | untracked
    assert f"{STEM}.dist-info/licenses/LICENSE" in found
    assert "azure-marketplace-exporter = exporter.cli:main" in entry_points


def test_the_chart_is_of_the_same_version(dist: Path) -> None:
    shown = run(Path(sys.executable).parent / "helm", "show", "chart", dist / CHART)
    assert f"\nversion: {VERSION}\n" in shown
    assert f"appVersion: {VERSION}\n" in shown
    with tarfile.open(dist / CHART) as package:
        assert {member.mtime for member in package.getmembers()} == {1700000000}
        assert "azure-marketplace-exporter/values.schema.json" in package.getnames()


def test_the_sbom_lists_what_is_locked(dist: Path) -> None:
    text = (dist / SBOM).read_text("utf-8")
    bom = json.loads(text)
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    component = bom["metadata"]["component"]
    assert (component["name"], component["version"]) == ("azure-marketplace-exporter", VERSION)
    listed = {(item["name"].lower().replace("_", "-"), item["version"]) for item in bom["components"]}
    lock = (ROOT / "requirements.txt").read_text("utf-8")
    assert listed == set(re.findall(r"^([a-z0-9-]+)(?:\[\S+\])?==([^\s;]+)", lock, re.MULTILINE))
    graph = {item["ref"]: item.get("dependsOn", []) for item in bom["dependencies"]}
    assert any(ref.startswith("azure-identity") for ref in graph[component["bom-ref"]])
    assert all(item.get("licenses") for item in bom["components"])
    assert str(ROOT) not in text
    assert "file://" not in text


def pythons() -> dict[str, Path]:
    """One interpreter for each Python from 3.11 on that this machine has."""
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    folders += sorted((Path.home() / ".pyenv/versions").glob("*/bin"))
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("python3.[0-9][0-9]"))):
        version = path.name.removeprefix("python")
        runs = subprocess.run([path, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0
        if int(version.partition(".")[2]) >= 11 and runs:
            found.setdefault(version, path)
    return found


def test_the_wheel_runs_the_demo_under_the_oldest_and_the_newest_python(dist: Path, tmp_path: Path, keep: Keep) -> None:
    """But for the one that runs all the other tests."""
    known = pythons()
    if "3.11" not in known:
        pytest.skip("no Python 3.11")  # which is a failure in CI
    versions = sorted(known)
    for version in {versions[0], versions[-1]} - {"{}.{}".format(*sys.version_info)}:
        run_the_demo(known[version], dist / WHEEL, tmp_path / version, keep)


def run_the_demo(python: Path, wheel: Path, folder: Path, keep: Keep) -> None:
    """In an empty environment, with what is locked and the wheel."""
    run(python, "-m", "venv", "--without-pip", folder)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin/python")
    run(*pip, "install", "--quiet", "--require-hashes", "--no-deps", "--no-compile", "-r", ROOT / "requirements.txt")
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel)
    run(*pip, "check")
    program = folder / "bin/azure-marketplace-exporter"
    assert f"azure-marketplace-exporter {VERSION} " in run(program, "--version", env={})
    exporter = keep(lambda folder: Exporter([program, "--demo", "--web.listen-address=127.0.0.1:0"], folder))
    wait_until(lambda: "azure_marketplace_offer_status{" in exporter.metrics(), "offers", 60)
    assert exporter.terminate() == 0, exporter.log
