"""Makes the schemas that kubeconform reads: Kubernetes' own, and those of the operators' resources.

Usage: kubernetes_schemas.py CRDS OUT VERSION ...

Kubernetes' own come from the wheel of kubernetes-validate, the others from the definitions in the folder CRDS.
All are strict: a key that the schema does not name is an error.
"""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml


def strict(schema: Any) -> Any:
    """Return the schema with every object closed that names its properties and says nothing about others."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if isinstance(closed.get("properties"), dict) and not closed.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed


def with_kubernetes_types(schema: dict[str, Any]) -> dict[str, Any]:
    """Translate what only Kubernetes' API server understands: a number or a string in one field."""
    if schema.get("x-kubernetes-int-or-string"):
        schema = {key: value for key, value in schema.items() if key != "type"}
    return {
        key: with_kubernetes_types(value)
        if isinstance(value, dict)
        else [with_kubernetes_types(item) if isinstance(item, dict) else item for item in value]
        if isinstance(value, list)
        else value
        for key, value in schema.items()
    }


def write_operators(crds: Path, out: Path) -> int:
    """Write `KIND-GROUP-VERSION.json` for every version of every definition; return how many."""
    count = 0
    for path in sorted(crds.glob("*.yaml")):
        spec = yaml.safe_load(path.read_text("utf-8"))["spec"]
        for version in spec["versions"]:
            name = f"{spec['names']['singular']}-{spec['group'].split('.')[0]}-{version['name']}.json"
            schema = with_kubernetes_types(version["schema"]["openAPIV3Schema"])
            # The metadata is the API server's own type, of which a definition says no more than `object`.
            schema["properties"]["metadata"] = {"type": "object"}
            (out / name).write_text(json.dumps(strict(schema)), "utf-8")
            count += 1
    return count


def write_kubernetes(version: str, out: Path) -> int:
    """Write the strict schemas of one Kubernetes version; return how many."""
    source = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}-local-strict"
    definitions = (out / "_definitions.json").resolve().as_uri()
    count = 0
    for entry in source.iterdir():
        text = entry.read_text("utf-8").replace('"/api/_definitions.json#', f'"{definitions}#')
        (out / entry.name).write_text(text, "utf-8")
        count += 1
    return count


def main(crds: str, out: str, *versions: str) -> None:
    """Write one folder per Kubernetes version."""
    for version in versions:
        folder = Path(out) / version
        folder.mkdir(parents=True)
        print(version, write_kubernetes(version, folder), "+", write_operators(Path(crds), folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
