"""The pages say nothing that is not so: settings load, names exist, links lead to files of a clean clone, commands can be run."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest
import yaml

from exporter.config.options import CommandLine, help_text, load, options
from exporter.config.settings import AuthMethod
from exporter.domain.errors import REASONS
from exporter.exposition.families import FAMILIES
from exporter.simulator import cli as simulator
from exporter.sources.registry import SOURCES
from exporter.telemetry.metrics import PREFIX, Telemetry

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL = (DOCS / "install.md").read_text(encoding="utf-8")
TEXT = (DOCS / "operations.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


SETTINGS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page.read_text(encoding="utf-8"), "yaml"), start=1)
    if re.search(r"^publishers:", block, re.MULTILINE)
]


def settings(folder: Path, text: str, *flags: str) -> CommandLine:
    (folder / "exporter.yaml").write_text(text, encoding="utf-8")
    return load([f"--config.file={folder / 'exporter.yaml'}", *flags], {}, sources=SOURCES)


def first_yaml(text: str) -> str:
    return text.partition("```yaml\n")[2].partition("```")[0]


def test_every_method_has_an_example() -> None:
    assert set(re.findall(r"^  method: (\w+)$", TEXT, re.MULTILINE)) == set(get_args(AuthMethod))


def test_metrics_exist() -> None:
    known = {one.name for one in FAMILIES} | {one.name for one in Telemetry().documented}
    everything = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    full = set(re.findall(r"\bazure_marketplace_\w+[a-z]\b", everything)) - {PREFIX.removesuffix("_")}
    assert full
    assert full <= known
    table = TEXT.partition("## Failures")[2].partition("## State file")[0]
    short = set(re.findall(r"`((?:api|token|unknown)_\w+)", table))
    assert len(short) >= 6
    assert {PREFIX + one for one in short} <= known


def test_every_reason_is_explained() -> None:
    table = TEXT.partition("| `reason` |")[2].partition("\n\n")[0]
    assert {
        reason
        for row in re.findall(r"^\|[^|]*\|([^|]*)\|", table, re.MULTILINE)
        for reason in re.findall(r"`(\w+)`", row)
    } == set(REASONS)


def test_options_exist() -> None:
    known = {option.name for option in options(SOURCES)}
    named = set(re.findall(r"`((?:api|auth|collection|web|log)\.[a-z_]+)(?:: [^`]*)?`", TEXT))
    assert len(named) > 10
    assert named <= known
    flags = {option.flag for option in options(SOURCES)}
    assert set(re.findall(r"(--[a-z][a-z.-]+)", TEXT)) <= flags


@pytest.mark.parametrize("example", SETTINGS)
def test_every_settings_file_of_the_pages_loads(tmp_path: Path, example: str) -> None:
    is_whole = "method: client_secret" not in example or re.search("client_secret(_file)?: ", example)
    flags = [] if is_whole else ["--auth.client-secret-file=client-secret"]  # as in the systemd unit
    assert settings(tmp_path, example, *flags).publishers


@pytest.fixture(scope="module")
def clone() -> set[Path]:
    """What a clean clone has."""
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True, encoding="utf-8")
    return {ROOT / name for name in names.stdout.split("\0")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_what_a_clone_has(page: Path, clone: set[Path]) -> None:
    for target, anchor in re.findall(r"\]\(((?!https?:)[^)#\s]*)(?:#([\w-]+))?\)", page.read_text(encoding="utf-8")):
        file = (page.parent / target).resolve() if target else page
        assert file in clone or any(file in one.parents for one in clone), target
        assert not anchor or anchor in anchors(file), (target, anchor)


def anchors(file: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}


def test_the_targets_of_the_readme_exist() -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= set(re.findall(r"\bmake ([a-z-]+)\b", README)) <= known


@pytest.mark.parametrize("text", [help_text(SOURCES), simulator.parser().format_help()], ids=["exporter", "simulator"])
def test_help_names_no_file_that_is_not_installed(text: str) -> None:
    assert re.findall(r"(?<![\w/:.])(?:docs|grafana|helm|tests)/|\b\w+\.md\b", text) == []


def test_the_container_finds_what_its_settings_name(tmp_path: Path) -> None:
    container = INSTALL.partition("## Container")[2].partition("## Helm")[0]
    secret = settings(tmp_path, first_yaml(container)).auth.client_secret_file
    mounts = re.findall(r'--volume "?([^ "]+)"?', container)
    inside = {mount.split(":")[1]: mount for mount in mounts}
    assert secret
    assert inside[str(secret.parent)] == "$PWD/secrets:/run/secrets/marketplace:ro"
    for flag in ("config.file", "collection.state-file"):
        (path,) = re.findall(rf"--{flag}=(\S+)", container)
        assert path in inside or str(Path(path).parent) in inside


def test_the_locked_installation_is_that_of_the_makefile() -> None:
    """Without them pip would fetch the newest tools to build the package, unchecked."""
    commands = re.findall(r"^/opt/\S+/pip install (.*)$", INSTALL, re.MULTILINE)
    assert commands == [
        "--require-hashes -r requirements.txt -r requirements-build.txt",
        "--no-deps --no-build-isolation .",
    ]


def test_the_chart_keeps_its_state() -> None:
    values = yaml.safe_load(first_yaml(INSTALL.partition("## Helm")[2]))
    known = yaml.safe_load((ROOT / "helm/azure-marketplace-exporter/values.yaml").read_text(encoding="utf-8"))
    assert values["state"] == {"volume": "persistentVolumeClaim"}
    assert set(values) <= set(known)
