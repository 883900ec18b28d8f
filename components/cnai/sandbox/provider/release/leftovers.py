"""What Helm leaves behind when a release goes: kept objects, hooks, claims of StatefulSets, its namespace."""

import re
from collections.abc import Iterable
from typing import Any

from cnai.charts.documents import heads, load, split
from cnai.kube import Kube, NoKindError
from cnai.sandbox.provider.release.ownership import await_gone
from cnai.sandbox.provider.release.records import StoredRelease, StoredReleases
from cnai.sandbox.provider.release.strip import SUSPICIOUS, LeftOut, stripped

Object = dict[str, Any]
KEEP = "helm.sh/resource-policy"
RELEASE_NAME, RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
IMMUTABLE = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "Service", "PersistentVolumeClaim"})
TERMINATION_S = 120.0
CREATED = "cnai.dev/created-for-a-release"


def kept(kube: Kube, record: StoredRelease) -> list[Object]:
    """Objects of the manifest that Helm is told to leave, unless another release has taken them over since."""
    told = [head for head in heads(record.manifest) if _annotations(head).get(KEEP)]
    return [head for head in told if _is_still_ours(kube, head, record)]


def _is_still_ours(kube: Kube, head: Object, record: StoredRelease) -> bool:
    namespace = head["metadata"].get("namespace") or record.namespace
    try:
        live = kube.get(head["apiVersion"], head["kind"], head["metadata"]["name"], namespace)
    except NoKindError:
        return False
    notes = _annotations(live or {})
    return (notes.get(RELEASE_NAME), notes.get(RELEASE_NAMESPACE)) == (record.name, record.namespace)


def aggregated(record: StoredRelease) -> list[Object]:
    """ClusterRoles that add up others. They have to go before those do.

    While the others go, the aggregation controller of Kubernetes applies them, which creates one that was just deleted.
    """
    found = (obj for part in split(record.manifest) if "aggregationRule" in part for obj in load(part))
    return [obj for obj in found if obj.get("kind") == "ClusterRole" and obj.get("aggregationRule")]


def hooks(record: StoredRelease) -> list[Object]:
    """Hooks stay unless their delete policy says otherwise; those that are gone already do no harm here."""
    return [head for hook in record.hooks for head in heads(hook.get("manifest") or "")]


def claims(kube: Kube, record: StoredRelease) -> list[Object]:
    """The volumes of the release's StatefulSets, which outlive them on every cluster."""
    found: list[Object] = []
    for stateful in (obj for part in split(record.manifest) if "StatefulSet" in part for obj in load(part)):
        spec, name = stateful.get("spec") or {}, stateful["metadata"]["name"]
        templates = [each["metadata"]["name"] for each in spec.get("volumeClaimTemplates") or []]
        if stateful["kind"] == "StatefulSet" and templates:
            names = re.compile("|".join(rf"{re.escape(template)}-{re.escape(name)}-\d+" for template in templates))
            namespace = stateful["metadata"].get("namespace") or record.namespace
            live = kube.list("v1", "PersistentVolumeClaim", namespace)
            found += [claim for claim in live if names.fullmatch(claim["metadata"]["name"])]
    return found


def remove(kube: Kube, namespace: str, objects: Iterable[Object]) -> list[Object]:
    """Gives what was there and is being deleted."""
    gone: list[Object] = []
    for obj in objects:
        metadata = obj["metadata"]
        where = metadata.get("namespace") or namespace
        try:
            deleted = kube.delete(obj["apiVersion"], obj["kind"], metadata["name"], where)
        except NoKindError:
            continue
        gone += [{**obj, "metadata": {"name": metadata["name"], "namespace": where}}] if deleted else []
    return gone


def make_way(kube: Kube, record: StoredRelease) -> list[Object]:
    """Of the chart before a swap with its stand-in: what the other one has under the same name, and cannot change."""
    return remove(kube, record.namespace, (head for head in heads(record.manifest) if head["kind"] in IMMUTABLE))


def drop_webhooks(kube: Kube, record: StoredRelease) -> list[LeftOut]:
    """Hooks do not pass through the post-renderer: webhook configurations among them are taken away again."""
    texts = [hook.get("manifest") or "" for hook in record.hooks]
    objects = [obj for text in texts if any(word in text for word in SUSPICIOUS) for obj in load(text)]
    dropped: list[LeftOut] = []
    for obj in objects:
        kept_objects, left_out = stripped([obj])
        if left_out and not kept_objects:
            kube.delete(obj["apiVersion"], obj["kind"], obj["metadata"]["name"])
            dropped += left_out
    return dropped


def ensure_namespace(kube: Kube, name: str) -> None:
    """As `--create-namespace`, but remembered: Helm never removes a namespace, the sandbox has to."""
    live = kube.get("v1", "Namespace", name)
    if live and live["metadata"].get("deletionTimestamp"):
        await_gone(kube, [live], TERMINATION_S)
        live = None
    if live is None:
        labels = {"name": name, CREATED: "true"}
        kube.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}, "cnai-sandbox"
        )


def remove_namespace(kube: Kube, records: StoredReleases, name: str) -> list[Object]:
    """Only one that was made for a release, once no release is left in it."""
    live = kube.get("v1", "Namespace", name)
    if not live or CREATED not in (live["metadata"].get("labels") or {}) or records.names(name):
        return []
    return remove(kube, name, [live])


def _annotations(head: Object) -> dict[str, str]:
    return (head.get("metadata") or {}).get("annotations") or {}
