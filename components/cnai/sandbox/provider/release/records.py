"""What Helm itself keeps about a release, read from its Secrets: no process to start, a few milliseconds."""

import base64
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from cnai.kube import Kube

Object = dict[str, Any]
OWNER = "owner=helm"
LIVE = ("deployed", "superseded")
STAND_IN = "cnai.dev/stand-in"
"""On the charts, and every object, that only stand in for the real ones."""


@dataclass(frozen=True, order=True)
class Revision:
    """One line of a release's history."""

    number: int
    status: str = field(compare=False)


@dataclass(frozen=True)
class StoredRelease:
    """One revision, whole."""

    name: str
    namespace: str
    revision: int
    status: str
    description: str
    chart: Object
    """The chart's metadata (`Chart.yaml`)."""
    values: Object
    """What the user gave, not the chart's own."""
    manifest: str
    hooks: tuple[Object, ...]

    @property
    def is_stand_in(self) -> bool:
        return STAND_IN in (self.chart.get("annotations") or {})


@dataclass(frozen=True)
class Recovery:
    """What has to be done before Helm takes a new operation."""

    action: Literal["nothing", "uninstall", "rollback"]
    to: int = 0


def recovery(history: Iterable[Revision]) -> Recovery:
    """A pending operation is one whose Helm died: only one runs at a time in an environment."""
    ordered = sorted(history)
    if not ordered:
        return Recovery("nothing")
    status = ordered[-1].status
    good = [revision.number for revision in ordered[:-1] if revision.status in LIVE]
    if status == "uninstalling" or (status.startswith("pending-") and not good):
        return Recovery("uninstall")
    if status.startswith("pending-"):
        return Recovery("rollback", good[-1])
    return Recovery("nothing")


def last_deployed(history: Iterable[Revision]) -> int | None:
    """The revision that a failed upgrade goes back to."""
    return max((revision.number for revision in history if revision.status == "deployed"), default=None)


class StoredReleases:
    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    def history(self, namespace: str, name: str) -> list[Revision]:
        return sorted(_revision(secret) for secret in self._secrets(namespace, f"{OWNER},name={name}"))

    def latest(self, namespace: str, name: str) -> StoredRelease | None:
        """The newest revision; None where Helm knows no such release."""
        secrets = self._secrets(namespace, f"{OWNER},name={name},status!=superseded")
        return decoded(max(secrets, key=_revision)) if secrets else None

    def names(self, namespace: str) -> set[str]:
        """The releases that live in a namespace."""
        secrets = self._secrets(namespace, f"{OWNER},status!=superseded")
        return {secret["metadata"]["labels"]["name"] for secret in secrets}

    def _secrets(self, namespace: str, selector: str) -> list[Object]:
        return self._kube.list("v1", "Secret", namespace, selector)


def _revision(secret: Object) -> Revision:
    labels = secret["metadata"]["labels"]
    return Revision(int(labels["version"]), labels["status"])


def decoded(secret: Object) -> StoredRelease:
    """From a Secret of type `helm.sh/release.v1`: gzipped JSON in base64, in the Secret's own base64."""
    body = gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"])))
    release: Object = json.loads(body)
    info: Object = release.get("info") or {}
    return StoredRelease(
        name=release["name"],
        namespace=release["namespace"],
        revision=release["version"],
        status=info.get("status", "unknown"),
        description=info.get("description", ""),
        chart=(release.get("chart") or {}).get("metadata") or {},
        values=release.get("config") or {},
        manifest=release.get("manifest") or "",
        hooks=tuple(release.get("hooks") or ()),
    )
