"""Build everything that a release consists of, byte for byte reproducibly: `.ci/dist.py [FOLDER]`.

- source archive, and the wheel built from it
- the Helm chart as package
- SBOM (CycloneDX) of the locked run-time dependencies, with licences and the graph of what needs what
- SHA256SUMS

All time stamps are SOURCE_DATE_EPOCH, or the time of the last commit. Needs the development dependencies.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHART = "helm/azure-marketplace-exporter"
BIN = Path(sys.executable).parent


def main(argv: list[str] | None = None) -> None:
    """Build into an empty folder."""
    parser = argparse.ArgumentParser(description="Build sdist, wheel, chart package and SBOM.")
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "dist")
    folder = parser.parse_args(argv).folder.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch())
    run(BIN / "python", "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    package_chart(folder)
    write_sbom(next(folder.glob("*-exporter-*.tgz")).with_suffix(".cdx.json"))
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / "SHA256SUMS").write_text("".join(sums), "utf-8")
    sys.stdout.write("".join(sums))


def run(*command: str | Path) -> str:
    """Run a command; what it prints is shown only if it fails."""
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def epoch() -> int:
    """Return the time that all files get."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct"))


def package_chart(folder: Path) -> None:
    """Let Helm package the chart, then take out what depends on time and machine."""
    with tempfile.TemporaryDirectory() as scratch:
        run(BIN / "helm", "package", CHART, "--destination", scratch)
        (package,) = Path(scratch).glob("*.tgz")
        (folder / package.name).write_bytes(normalised(package))


def normalised(package: Path) -> bytes:
    """Return a .tgz with the same files in order of their names, all of the same time, owner and mode."""
    plain = io.BytesIO()
    with tarfile.open(package) as source, tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as target:
        for member in sorted(source.getmembers(), key=lambda item: item.name):
            content = source.extractfile(member)
            if content is None:
                continue
            entry = tarfile.TarInfo(member.name)
            entry.size, entry.mtime, entry.mode = member.size, epoch(), 0o644
            target.addfile(entry, content)
    return gzip.compress(plain.getvalue(), mtime=epoch())


def write_sbom(path: Path) -> None:
    """Describe an environment that holds the locked dependencies and nothing else."""
    with tempfile.TemporaryDirectory() as scratch:
        venv.create(scratch, with_pip=False)
        python = Path(scratch, "bin/python")
        pip = (BIN / "python", "-m", "pip", "--disable-pip-version-check", "--python", python)
        run(*pip, "install", "--quiet", "--require-hashes", "--no-deps", "--no-compile", "-r", "requirements.txt")
        options = ("--pyproject", "pyproject.toml", "--output-reproducible", "--spec-version", "1.6")
        run(BIN / "cyclonedx-py", "environment", *options, "--output-file", path, python)


if __name__ == "__main__":
    main()
