"""The image, built for real and run as Kubernetes would: other user, no capabilities, read-only root.

Registries are out of reach in many places where tests run, so the base is a stand-in: Debian trixie by debootstrap, laid
out as the official Python image (interpreter in /usr/local/bin, pip in site-packages). The Dockerfile is the real one.
The stand-in is kept in `.tools/image` for the next run.
"""

import contextlib
import hashlib
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import Keep
from .processes import Exporter, wait_until

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".tools/image"
BASE = "docker.io/library/python:3.13-slim-trixie"
IMAGE = "localhost/azure-marketplace-exporter:test"
LIMIT = 45_000_000
CA = Path("/etc/ssl/certs/ca-certificates.crt")


def sh(*command: str | Path, timeout: float = 300, **options: Any) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=timeout, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    output: str = done.stdout
    return output.strip()


def buildah(*arguments: str | Path) -> str:
    storage = ("--root", CACHE / "storage", "--runroot", CACHE / "run", "--storage-driver", "overlay")
    return sh("buildah", *storage, *arguments)


def debian_mirror() -> str:
    """Return the mirror that this machine uses itself."""
    for path in sorted(Path("/etc/apt").glob("sources.list.d/*.sources")):
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("URIs:"):
                return line.split()[1]
    raise LookupError("no *.sources file in /etc/apt/sources.list.d names a Debian mirror")


def make_root(root: Path) -> None:
    """Make the file system of the stand-in."""
    packages = "--include=python3,python3-pip,python3-venv,ca-certificates"
    sh("debootstrap", "--variant=minbase", packages, "trixie", root, debian_mirror(), timeout=600)
    library = root / "usr/local/lib/python3.13"
    (library / "site-packages").mkdir(parents=True)
    for path in (root / "usr/lib/python3/dist-packages").glob("pip*"):
        path.rename(library / "site-packages" / path.name)
    (library / "dist-packages").mkdir(exist_ok=True)
    (library / "dist-packages/site.pth").write_text("/usr/local/lib/python3.13/site-packages\n", "utf-8")
    for path in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        path.unlink()
    for name in ("python", "python3"):
        (root / "usr/local/bin" / name).symlink_to("/usr/bin/python3")
    shutil.copy(CA, root / "etc/ssl/certs/ca-certificates.crt")


@pytest.fixture(scope="module")
def base(tool: Callable[[str], Path]) -> str:
    """Make the stand-in of the base image, unless an earlier run left it."""
    tool("buildah")
    tool("debootstrap")
    if os.geteuid() != 0:
        pytest.skip("building an image without a daemon needs root")
    if BASE not in buildah("images", "--format", "{{.Name}}:{{.Tag}}"):
        root = CACHE / "rootfs"
        shutil.rmtree(root, ignore_errors=True)
        make_root(root)
        container = buildah("from", "scratch")
        buildah("copy", "--quiet", container, root, "/")
        shutil.rmtree(root)
        path = "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
        certificates = "/etc/ssl/certs/ca-certificates.crt"
        variables = (path, f"PIP_CERT={certificates}", f"SSL_CERT_FILE={certificates}")
        buildah("config", *[f"--env={variable}" for variable in variables], container)
        buildah("commit", "--quiet", "--rm", container, BASE)
    return BASE


def build(tag: str, *options: str) -> None:
    common = (
        "--isolation=chroot",
        "--pull=never",
        "--format=docker",
        "--build-arg=VERSION=0.1.0",
        "--build-arg=REVISION=0123abc",
        "--timestamp=0",
    )
    buildah("build", *common, *options, f"--tag={tag}", ROOT)


@pytest.fixture(scope="module")
def image(base: str) -> Iterator[Path]:
    """Build the image and mount it."""
    build(IMAGE, "--layers")
    with mounted(IMAGE) as root:
        yield root


@contextlib.contextmanager
def mounted(name: str) -> Iterator[Path]:
    """Mount the file system of an image for as long as the block lasts."""
    container = buildah("from", "--pull=never", name)
    try:
        yield Path(buildah("mount", container))
    finally:
        buildah("rm", container)


def files(root: Path) -> dict[str, Path]:
    return {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file() and not path.is_symlink()}


def digest(root: Path) -> dict[str, tuple[int, str]]:
    """Return mode and content of all files below a folder."""
    return {
        name: (stat.S_IMODE(path.stat().st_mode), hashlib.sha256(path.read_bytes()).hexdigest())
        for name, path in files(root).items()
    }


def test_the_configuration_of_the_image(image: Path) -> None:
    config = json.loads(buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["azure-marketplace-exporter"]
    assert config["ExposedPorts"] == {"10142/tcp": {}}
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"] == ["CMD", "azure-marketplace-exporter", "--healthcheck"]
    prefix = "org.opencontainers.image."
    labels = {key.removeprefix(prefix): value for key, value in config["Labels"].items() if key.startswith(prefix)}
    assert labels == {
        "title": "azure-marketplace-exporter",
        "description": "Prometheus exporter for the publishing status of Azure Marketplace offers",
        "licenses": "Apache-2.0",
        "version": "0.1.0",
        "revision": "0123abc",
        "created": "1970-01-01T00:00:00Z",
    }


def test_our_layers_are_small(image: Path, base: str) -> None:
    with mounted(base) as below:
        known = files(below)
        size = sum(path.stat().st_size for name, path in files(image).items() if name not in known)
    assert size <= LIMIT, f"our layers: {size / 1e6:.1f} MB"


def test_nothing_is_left_that_builds_or_installs(image: Path) -> None:
    tools = {"pip", "setuptools", "wheel", "hatchling", "pytest", "ensurepip", "gcc", "cc", "uvicorn.exe"}
    for place in ("opt/exporter/bin", "opt/exporter/lib/python3.13/site-packages", "usr/local/bin"):
        assert not tools & {path.name for path in (image / place).iterdir()}
    assert not (image / "build").exists()
    for python in ("/usr/local/bin/python3", "/opt/exporter/bin/python"):
        done = subprocess.run(["chroot", image, python, "-m", "pip"], capture_output=True, text=True, check=False)
        assert "No module named pip" in done.stderr


def test_only_the_package_was_copied(image: Path) -> None:
    package = image / "opt/exporter/lib/python3.13/site-packages/exporter"
    copied = {name for name in files(package) if "__pycache__" not in name}
    tracked = sh("git", "ls-files", "exporter", cwd=ROOT).splitlines()
    assert copied == {name.removeprefix("exporter/") for name in tracked}


def test_the_place_of_the_state_is_writable(image: Path) -> None:
    status = (image / "var/lib/azure-marketplace-exporter").stat()
    assert (status.st_uid, status.st_gid) == (65532, 65532)


def test_every_module_has_its_bytecode(image: Path) -> None:
    """The root is read-only, so what is not compiled now is compiled again at each start."""
    package = image / "opt/exporter/lib/python3.13/site-packages/exporter"
    sources = {path.stem for path in package.glob("*.py")}
    assert {path.name.partition(".")[0] for path in package.glob("__pycache__/*.pyc")} == sources


def test_the_same_source_gives_the_same_files(image: Path) -> None:
    second = f"{IMAGE}-again"
    build(second, "--no-cache")
    with mounted(second) as again:
        assert digest(again / "opt/exporter") == digest(image / "opt/exporter")
    buildah("rmi", second)


# The mounts live in a mount namespace of their own and go with the process. Everything is exec, so the process that
# is started is the exporter at last.
RESTRICTED = """
mount --bind "$0" "$0" && mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/tmp" &&
mount -o remount,bind,ro "$0" &&
exec chroot "$0" setpriv --reuid 65532 --regid 65532 --clear-groups --no-new-privs --bounding-set=-all "$@"
"""


def restricted(image: Path, *command: str) -> list[str]:
    return ["unshare", "--mount", "sh", "-c", RESTRICTED, str(image), *command]


def container_environment() -> dict[str, str]:
    config = json.loads(buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
    return dict(entry.split("=", 1) for entry in config["Env"])


def test_it_runs_restricted(image: Path, keep: Keep) -> None:
    command = restricted(image, "azure-marketplace-exporter", "--demo", "--web.listen-address=127.0.0.1:0")
    variables = container_environment()
    exporter = keep(lambda folder: Exporter(command, folder, environ=variables))
    wait_until(lambda: "azure_marketplace_offer_status{" in exporter.metrics(), "offers")
    lines = Path(f"/proc/{exporter.pid}/status").read_text("utf-8").splitlines()
    status = dict(line.split(":", 1) for line in lines if ":" in line)
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"65532"}
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    variables["MARKETPLACE_EXPORTER_WEB__LISTEN_ADDRESS"] = exporter.url.removeprefix("http://")
    healthcheck = restricted(image, "azure-marketplace-exporter", "--healthcheck")
    assert subprocess.run(healthcheck, env=variables, capture_output=True, check=False, timeout=30).returncode == 0
    assert exporter.terminate() == 0
    assert subprocess.run(healthcheck, env=variables, capture_output=True, check=False, timeout=30).returncode == 1


def test_the_root_is_read_only_in_this_test(image: Path) -> None:
    """Else the test above proves nothing."""
    write = restricted(image, "python", "-c", "open('/opt/exporter/x', 'w')")
    done = subprocess.run(write, env=container_environment(), capture_output=True, text=True, check=False)
    assert "Read-only file system" in done.stderr


def test_hadolint(tool: Callable[[str], Path]) -> None:
    sh(tool("hadolint"), ROOT / "Dockerfile")
