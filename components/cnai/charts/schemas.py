"""CRDs for a stand-in from the best source at hand; a kind without a schema is accepted as it comes."""

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from cnai.catalog import Crd, Package
from cnai.charts.documents import load
from cnai.paths import cache_dir
from cnai.toolchain.wanted import await_made

Object = dict[str, Any]
From = Literal["chart", "module", "reference", "none"]


@dataclass(frozen=True)
class Schemas:
    crds: list[Object] = field(default_factory=list[Object])
    source: From = "none"
    unchecked: tuple[str, ...] = ()
    """`Kind.group` of what is accepted without a schema."""


def reference_dir(project: Path) -> Path | None:
    """Upstream's CRDs: `$CNAI_REFERENCE`, else beside the project."""
    given = os.environ.get("CNAI_REFERENCE")
    folder = Path(given) if given else project.parent / "shared" / "reference"
    return folder if folder.is_dir() else None


def share_of(tool: str) -> Path | None:
    """What a built tool brings, where the toolchain has built it already; one that is being made is waited for."""
    await_made(cache_dir() / "tools" / tool)
    folders = sorted((cache_dir() / "tools" / tool).glob("*/share"), key=lambda folder: folder.stat().st_mtime)
    return folders[-1] if folders else None


def schemas_for(package: Package, share: Callable[[str], Path | None], reference: Path | None) -> Schemas:
    """`share` gives a tool's data folder: a built controller brings the CRDs of its own version."""
    wanted = {crd.name: crd for crd in package.lock.crds}
    module = _by_name(_from_module(share(package.controller)) if package.controller else ())
    known = _by_name(_from_reference(wanted, package.source.project, reference))
    names = wanted.keys() or module.keys()
    found = {name: module.get(name) or known.get(name) for name in names}
    crds = [crd or permissive(wanted[name]) for name, crd in found.items()]
    unchecked = tuple(f"{wanted[name].kind}.{wanted[name].group}" for name, crd in found.items() if crd is None)
    source: From = "module" if names & module.keys() else "reference" if names & known.keys() else "none"
    return Schemas(crds, source, unchecked)


def _by_name(crds: Iterable[Object]) -> dict[str, Object]:
    return {crd["metadata"]["name"]: crd for crd in crds}


def _from_module(share: Path | None) -> list[Object]:
    files = sorted((share / "crds").glob("*.yaml")) if share else []
    found = [obj for file in files for obj in load(file.read_text())]
    return [obj for obj in found if obj["kind"] == "CustomResourceDefinition"]


def _from_reference(names: Iterable[str], project: str, reference: Path | None) -> list[Object]:
    """By their names; where several projects have one, the package's own is taken."""
    files = [path for name in names if (path := _file_of(name, project, reference))]
    return [json.loads(path.read_text()) for path in files]


def _file_of(name: str, project: str, reference: Path | None) -> Path | None:
    rows = _index(reference).get(name, []) if reference else []
    own = [row for row in rows if row["repo"].casefold() == project.casefold()]
    return reference / (own or rows)[0]["file"] if reference and rows else None


@cache
def _index(reference: Path) -> Mapping[str, list[dict[str, str]]]:
    """Rows of the reference data's table, by the CRD's name; empty where there is none."""
    found: dict[str, list[dict[str, str]]] = {}
    table = reference / "crds" / "INDEX.tsv"
    if table.is_file():
        with table.open(encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                found.setdefault(PurePosixPath(row["file"]).stem, []).append(row)
    return found


def permissive(crd: Crd) -> Object:
    """Takes any object of the kind, and a controller's word on it."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    stored = crd.storage_version
    common = {"served": True, "schema": schema, "subresources": {"status": {}}}
    versions = [{"name": version, "storage": version == stored, **common} for version in crd.versions]
    names = {"kind": crd.kind, "listKind": f"{crd.kind}List", "plural": crd.plural, "singular": crd.kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": crd.name},
        "spec": {"group": crd.group, "scope": crd.scope, "names": names, "versions": versions},
    }
