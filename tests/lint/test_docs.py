"""The pages say nothing that is not so: their settings load, their names exist, their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from exporter.config.options import CommandLine, load, options
from exporter.config.settings import AuthMethod
from exporter.domain.errors import REASONS
from exporter.exposition.families import FAMILIES
from exporter.sources.registry import SOURCES
from exporter.telemetry.metrics import PREFIX, Telemetry

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL = (DOCS / "install.md").read_text(encoding="utf-8")
TEXT = (DOCS / "operations.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def settings(folder: Path, text: str) -> CommandLine:
    (folder / "exporter.yaml").write_text(text, encoding="utf-8")
    return load([f"--config.file={folder / 'exporter.yaml'}"], {}, sources=SOURCES)


def first_yaml(text: str) -> str:
    return text.partition("```yaml\n")[2].partition("```")[0]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_good_settings(tmp_path: Path, example: str) -> None:
    assert settings(tmp_path, example).publishers[0].id == "contoso"


def test_every_method_has_an_example() -> None:
    assert set(re.findall(r"^  method: (\w+)$", TEXT, re.MULTILINE)) == set(get_args(AuthMethod))


def test_metrics_exist() -> None:
    known = {one.name for one in FAMILIES} | {one.name for one in Telemetry().documented}
    full = set(re.findall(r"\bazure_marketplace_\w+[a-z]\b", TEXT)) - {PREFIX.removesuffix("_")}
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


@pytest.mark.parametrize("page", ["configuration.md", "development.md", "install.md", "operations.md", "scaling.md"])
def test_links_lead_somewhere(page: str) -> None:
    for target, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", (DOCS / page).read_text(encoding="utf-8")):
        text = (DOCS / (target or page)).read_text(encoding="utf-8")
        headings = [
            re.sub(r"[^\w -]", "", one).lower().replace(" ", "-")
            for one in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        ]
        assert not anchor or anchor in headings, (target, anchor)


def test_the_readme_starts_with_a_login_and_keeps_its_state(tmp_path: Path) -> None:
    first = settings(tmp_path, first_yaml(README))
    assert [(one.id, one.offers) for one in first.publishers] == [("contoso", ()), ("fabrikam", ("my-vm",))]
    assert first.auth.method == "azure_cli"
    assert first.collection.state_file


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
