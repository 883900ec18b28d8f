"""API versions that a Kubernetes minor no longer serves, and what in a cluster still uses them."""

import base64
import gzip
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from cnai.kube import Kube, Object
from cnai.kube.errors import NoKindError

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
HELM_RELEASES = "owner=helm,status=deployed"
"""https://helm.sh/docs/topics/advanced/#storage-backends"""


@dataclass(frozen=True, kw_only=True)
class Removal:
    minor: str
    version: str
    kinds: Sequence[str]
    instead: str


@dataclass(frozen=True, kw_only=True, order=True)
class Use:
    """One use of a version that is being removed."""

    what: str
    version: str
    by: str
    """Who: a field manager, kubectl's annotation, a Helm release."""
    instead: str

    @property
    def text(self) -> str:
        then = f"use {self.instead}" if self.instead else "it has no replacement"
        return f"{self.what} is {self.version} to {self.by}: {then}"


@cache
def _rows() -> tuple[Removal, ...]:
    text = files("cnai.operations").joinpath("removals.toml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = tomllib.loads(text)["removal"]
    return tuple(Removal(**row) for row in rows)


def removed(after: str, to: str) -> tuple[Removal, ...]:
    """Versions served at minor `after` and no longer at `to`."""
    return tuple(row for row in _rows() if number(after) < number(row.minor) <= number(to))


def uses(kube: Kube, current: str, target: str) -> list[Use]:
    """In live objects, and in deployed Helm releases, which keep removed versions until Helm next touches them."""
    going, gone = removed(current, target), removed("1.0", target)
    found = {
        use for row in going for kind in row.kinds for obj in _live(kube, row, kind) for use in of_object(obj, row)
    }
    secrets = kube.list("v1", "Secret", label_selector=HELM_RELEASES)
    found |= {use for secret in secrets for use in of_release(*release(secret), gone)}
    return sorted(found)


def of_object(obj: Object, row: Removal) -> Iterator[Use]:
    """The last writer's entry records the version it wrote, whatever version the object is read in."""
    metadata = obj["metadata"]
    what = f"{obj['kind']} {'/'.join(filter(None, (metadata.get('namespace'), metadata['name'])))}"
    for entry in metadata.get("managedFields") or []:
        if entry.get("apiVersion") == row.version:
            by = f"{entry.get('manager', 'unknown')} ({entry.get('time', 'unknown time')})"
            yield Use(what=what, version=row.version, by=by, instead=row.instead)
    applied = (metadata.get("annotations") or {}).get(LAST_APPLIED)
    if applied and json.loads(applied).get("apiVersion") == row.version:
        yield Use(what=what, version=row.version, by="kubectl apply", instead=row.instead)


def release(secret: Object) -> tuple[str, str]:
    """Name and manifest of a Helm release: gzip inside Helm's base64 inside Kubernetes' base64."""
    packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    content: Mapping[str, Any] = json.loads(gzip.decompress(packed))
    return f"{content['namespace']}/{content['name']}", content["manifest"]


def of_release(name: str, manifest: str, gone: Iterable[Removal]) -> Iterator[Use]:
    rows = {(row.version, kind): row for row in gone for kind in row.kinds}
    for obj in yaml.safe_load_all(manifest):
        row = rows.get((str(obj.get("apiVersion")), str(obj.get("kind")))) if isinstance(obj, dict) else None
        if row is not None:
            what = f"{obj['kind']} {obj['metadata']['name']}"
            yield Use(what=what, version=row.version, by=f"the Helm release {name}", instead=row.instead)


def _live(kube: Kube, row: Removal, kind: str) -> list[Object]:
    """In whichever of the two versions the cluster serves now."""
    for version in filter(None, (row.instead, row.version)):
        try:
            return kube.list(version, kind)
        except NoKindError:
            continue
    return []


def number(minor: str) -> int:
    """`1.37` -> 37."""
    return int(minor.partition(".")[2])
