"""A rendered package as a chart of its own, so that Helm installs, prunes, awaits and removes it as one release.

Its folder is named by what goes into it: another ref, patch or kustomize is another folder, so that a diff appears.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from cnai.catalog import Package
from cnai.charts.errors import ChartError
from cnai.charts.kustomize.building import manifests_of, rendered, trees_of
from cnai.charts.manifests import DEFINITION, Object
from cnai.errors import UserError
from cnai.files import place_folder
from cnai.paths import project_dir
from cnai.toolchain.sources import sources

FOLDER = "manifests"
CRDS = "crds.yaml"
MISSING = "missing"
LAYOUT = 1
"""Raised when the same package would be written otherwise: part of the folder's name."""
DIGEST = 12
PLACE = re.compile(rf"(?:^|/){FOLDER}/(?P<package>[a-z0-9.-]+)-[0-9a-f]{{{DIGEST}}}/(?P<file>[\w.-]+)$")
TEMPLATE = """\
{{- /* The objects are data: only what the program knew late (`known`, by its mark) is put into them. */}}
{{- range $path, $content := .Files.Glob "objects/*.json" }}
{{- $text := toString $content }}
{{- range $mark, $value := $.Values.known }}
{{- $quoted := toJson (toString $value) }}
{{- $text = replace $mark (substr 1 (sub (len $quoted) 1 | int) $quoted) $text }}
{{- end }}
---
{{ $text }}
{{- end }}
"""


@dataclass(frozen=True)
class Bundle:
    """A package of kind `manifests` with the kustomization on top of it."""

    package: Package
    kustomization: Mapping[str, Any]

    @cached_property
    def digest(self) -> str:
        made_of = {
            "layout": LAYOUT,
            "kustomize": sources()["kustomize"].version,
            "trees": [(tree.project, tree.ref, tree.folder, tree.checksum) for tree in trees_of(self.package)],
            "paths": manifests_of(self.package).paths,
            "version": self.package.version,
            "namespace": self.package.namespace,
            "kustomization": self.kustomization,
        }
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:DIGEST]

    @property
    def version(self) -> str:
        """As Helm wants a chart's: three numbers without leading zeros; what makes it this one stands behind them."""
        numbers = [str(int(number)) for number in re.findall(r"\d+", self.package.version)[:3]]
        return ".".join([*numbers, "0", "0", "0"][:3]) + f"+{self.digest}"

    def folder(self, home: Path) -> Path:
        return home / f"{self.package.name}-{self.digest}"

    def chart(self, home: Path) -> Path:
        return self.folder(home) / self.package.name

    def crds(self, home: Path) -> Path:
        """A file beside the chart, since Helm keeps all that is in a chart in a Secret of at most 1 MiB."""
        return self.folder(home) / CRDS

    def make(self, home: Path, report: Callable[[str], None] = lambda _: None) -> None:
        """Renders and writes it unless it is there. Raises `UserError`, and leaves a note of why for `missing`."""
        if (self.chart(home) / "Chart.yaml").is_file():
            return
        home.mkdir(parents=True, exist_ok=True)
        try:
            objects = rendered(self.package, self.kustomization, report)
            _check_crds(self.package, objects)
        except UserError as error:
            self.folder(home).mkdir(exist_ok=True)
            (self.folder(home) / MISSING).write_text(str(error))
            raise
        with tempfile.TemporaryDirectory(dir=home, prefix=".new-") as staged:
            fresh = Path(staged) / "bundle"
            self._write(fresh, objects)
            place_folder(fresh, self.folder(home), Path(staged) / "old")

    def _write(self, folder: Path, objects: list[Object]) -> None:
        chart = folder / self.package.name
        for each in ("templates", "objects"):
            (chart / each).mkdir(parents=True)
        metadata = {
            "apiVersion": "v2",
            "name": self.package.name,
            "version": self.version,
            "appVersion": self.package.version,
            "description": f"{self.package.name} as kustomize renders it",
        }
        (chart / "Chart.yaml").write_text(yaml.safe_dump(metadata, sort_keys=False))
        (chart / "templates" / "objects.yaml").write_text(TEMPLATE)
        crds = [obj for obj in objects if obj["kind"] == DEFINITION]
        (folder / CRDS).write_text(yaml.safe_dump_all(crds, sort_keys=False))
        for number, obj in enumerate(obj for obj in objects if obj not in crds and not self._is_own_namespace(obj)):
            name = re.sub(r"[^\w.-]+", "-", f"{number:03}-{obj['kind']}-{obj['metadata']['name']}".lower())
            (chart / "objects" / f"{name}.json").write_text(json.dumps(obj, indent=1))

    def _is_own_namespace(self, obj: Object) -> bool:
        """Declared as a resource of its own, before the release that lives in it."""
        return (obj["apiVersion"], obj["kind"], obj["metadata"]["name"]) == ("v1", "Namespace", self.package.namespace)


def home() -> Path:
    """`.cnai/manifests` of the project, or of the folder that the program runs in where that is none."""
    try:
        project = project_dir()
    except UserError:
        project = Path.cwd()
    return project / ".cnai" / FOLDER


def package_at(path: str) -> str:
    """Which package a bundle's chart, or its file of CRDs, was made of; "" where the path is neither."""
    found = PLACE.search(path)
    return found["package"] if found and found["file"] in (found["package"], CRDS) else ""


def at_home(path: str) -> Path:
    """Where what a program names lies, seen from wherever this runs."""
    return home().joinpath(*Path(path).parts[-2:])


def missing(path: str) -> str:
    """Why a bundle could not be made."""
    with suppress(OSError):
        return (Path(path).parent / MISSING).read_text()
    return f"{path} was not made"


def _check_crds(package: Package, objects: list[Object]) -> None:
    """The program declares the CRDs, and it knows only from the catalog whether there are any."""
    found = sorted(obj["metadata"]["name"] for obj in objects if obj["kind"] == DEFINITION)
    if bool(found) != bool(package.lock.crds):
        known = ", ".join(crd.name for crd in package.lock.crds) or "no CRDs"
        raise ChartError(
            f"package {package.name} brings {', '.join(found) or 'no CRDs'}, its lock says {known}: "
            f"run `cnai catalog lock {package.name}`"
        )
