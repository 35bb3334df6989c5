"""The first settings and commands that README.md and docs/install.md give are good ones."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from exporter.config.options import CommandLine, load

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")


def first_yaml(text: str) -> str:
    return text.partition("```yaml\n")[2].partition("```")[0]


def settings(folder: Path, text: str) -> CommandLine:
    (folder / "exporter.yaml").write_text(first_yaml(text), encoding="utf-8")
    return load([f"--config.file={folder / 'exporter.yaml'}"], {})


def test_the_readme_starts_with_a_login_and_keeps_its_state(tmp_path: Path) -> None:
    first = settings(tmp_path, README)
    assert [(one.id, one.offers) for one in first.publishers] == [("contoso", ()), ("fabrikam", ("my-vm",))]
    assert first.auth.method == "azure_cli"
    assert first.collection.state_file


def test_the_container_finds_what_its_settings_name(tmp_path: Path) -> None:
    container = INSTALL.partition("## Container")[2].partition("## Helm")[0]
    secret = settings(tmp_path, container).auth.client_secret_file
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
