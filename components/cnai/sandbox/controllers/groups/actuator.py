"""What is done to the cluster for node groups, each with what is true afterwards."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from cnai.kube import ApiError, Kube
from cnai.sandbox.controllers.groups.facts import RETIRING, Node, Pod, node
from cnai.sandbox.controllers.groups.growth import Word
from cnai.sandbox.controllers.groups.records import NAMESPACE, PREFIX, Group

MANAGER = "cnai-node-groups"
DRAIN_S = 10.0
"""How long the nodes of a deleted group are drained in order; then they are removed with everything on them."""
NOT_FOUND, CONFLICT = 404, 409
CONDITIONS = "node.kubernetes.io/"
"""Taints that the control plane sets by a node's condition."""
REMEMBERED = 10_000
"""Pods of which is known what was said last."""


class Actuator:
    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._said: dict[str, str] = {}
        self._draining: dict[str, float] = {}

    def launch(self, group: Group, index: int, zone: str) -> Node:
        manifest = group.manifest(index, zone)
        try:
            # Not applied: creating costs the API server half of that.
            self._kube.create(manifest, field_manager=MANAGER)
        except ApiError as error:
            if error.status != CONFLICT:  # made by a daemon that was killed before it could tell
                raise
        return replace(node(manifest), ready=False)

    def describe(self, group: Group, found: Node) -> Node:
        """Renews labels, taints and devices on a node that stays."""
        manifest = group.manifest(found.index, found.labels.get("topology.kubernetes.io/zone", ""))
        labels: dict[str, str] = manifest["metadata"]["labels"]
        gone: dict[str, None] = dict.fromkeys(found.own_labels - labels.keys())
        kept = [dict(taint) for taint in found.taints if taint["key"].startswith(CONDITIONS)]
        taints = [*manifest["spec"].get("taints", []), *kept]
        metadata = {"labels": gone | labels, "annotations": manifest["metadata"]["annotations"]}
        self._kube.patch("v1", "Node", found.name, {"metadata": metadata, "spec": {"taints": taints}})
        sizes = {"status": {key: manifest["status"][key] for key in ("capacity", "allocatable")}}
        self._kube.patch("v1", "Node", found.name, sizes, subresource="status")
        return replace(found, labels=labels, described=group.description)

    def cordon(self, found: Node) -> Node:
        patch = {"metadata": {"annotations": {RETIRING: "true"}}, "spec": {"unschedulable": True}}
        self._kube.patch("v1", "Node", found.name, patch)
        return replace(found, retiring=True, cordoned=True)

    def drain(self, found: Node, pods: Sequence[Pod], now: float, *, abandoned: bool) -> bool:
        """One step; True once the node is deleted. Disruption budgets hold, not for long if the group is gone."""
        if not found.cordoned:
            self._kube.patch("v1", "Node", found.name, {"spec": {"unschedulable": True}})
        late = abandoned and now - self._draining.setdefault(found.name, now) > DRAIN_S
        for pod in pods:
            if late:
                self._kube.delete("v1", "Pod", pod.name, pod.namespace)
            elif not pod.going:
                self._evict(pod)
        if pods and not late:
            return False
        self._draining.pop(found.name, None)
        self._kube.delete("v1", "Node", found.name)
        return True

    def _evict(self, pod: Pod) -> None:
        """One that is refused, such as for two budgets at once, holds up its own node only."""
        try:
            self._kube.evict(pod.name, pod.namespace)
        except ApiError as error:
            if not error.status:
                raise
            print(f"eviction of {pod.namespace}/{pod.name}: {error.message}", file=sys.stderr, flush=True)

    def note(self, group: Group, key: str, text: str | None) -> None:
        """An annotation on the record, written where it changes."""
        if group.written.get(key) != text:
            self.annotate(group.id, key, text)

    def annotate(self, record: str, key: str, text: str | None) -> None:
        patch = {"metadata": {"annotations": {key: text}}}
        try:
            self._kube.patch("v1", "ConfigMap", f"{PREFIX}{record}", patch, NAMESPACE)
        except ApiError as error:
            if error.status != NOT_FOUND:  # deleted meanwhile
                raise

    def say(self, word: Word) -> None:
        """An Event on the pod; the same thing is said once."""
        pod = word.pod
        if self._said.get(pod.uid) == word.message:
            return
        if len(self._said) > REMEMBERED:
            self._said.clear()
        self._said[pod.uid] = word.message
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        reference = {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "namespace": pod.namespace, "uid": pod.uid}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{pod.name}.", "namespace": pod.namespace},
            "involvedObject": reference,
            "type": "Normal",
            "reason": word.reason,
            "message": f"{word.message} (simulated node group)",
            "source": {"component": "simulated-node-groups"},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            self._kube.create(event)
        except ApiError as error:
            if error.status != NOT_FOUND:  # its namespace is being deleted
                raise
