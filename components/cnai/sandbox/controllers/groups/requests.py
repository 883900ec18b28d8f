"""ProvisioningRequests of GKE's class, judged as its autoscaler would: all the nodes of a request, or none of them.

The nodes themselves come when the request's pods do, as for any other pods.
"""

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Literal

import yaml

from cnai.clouds.gcp.traits import PROVISIONING_CLASS
from cnai.kube import Kube, Object
from cnai.sandbox.controllers.groups import facts
from cnai.sandbox.controllers.groups.facts import Node, Pod
from cnai.sandbox.controllers.groups.fit import misfit
from cnai.sandbox.controllers.groups.records import Group
from cnai.sandbox.controllers.reflector import Kind

API, KIND = "autoscaling.x-k8s.io/v1", "ProvisioningRequest"
NAME = "provisioningrequests.autoscaling.x-k8s.io"
REQUESTS = Kind(API, KIND)
MANAGER = "cnai-node-groups"
RETRY_S = 2.0
"""After how long a request is looked at again for which there is no capacity."""
SETTLED = ("Provisioned", "Failed")

Zones = Callable[[Group], Sequence[str]]


@dataclass(frozen=True)
class Verdict:
    kind: Literal["Provisioned", "Failed", "waiting"]
    message: str

    def conditions(self, now: str) -> list[dict[str, str]]:
        if self.kind == "Failed":
            return [_condition("Failed", "True", "CapacityIsNotFound", self.message, now)]
        accepted = _condition("Accepted", "True", "SuccessfullyQueued", "Provisioning Request was queued.", now)
        done = self.kind == "Provisioned"
        reason = "Provisioned" if done else "ResourcePoolExhausted"
        return [accepted, _condition("Provisioned", "True" if done else "False", reason, self.message, now)]


def _condition(kind: str, status: str, reason: str, message: str, now: str) -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now}


def judged(wanted: Iterable[tuple[int, Pod]], groups: Iterable[Group], zones: Zones) -> Verdict:
    """`wanted`: how many pods of which kind. Only groups whose nodes are queued for have a say."""
    queued = [group for group in groups if group.capacity == "queued"]
    for count, pod in wanted:
        found = [group for group in queued if not misfit(pod, _node(group), _node(group).allocatable)]
        if not found:
            return Verdict("Failed", "No node pool that is queued for takes its pods.")
        group = found[0]
        needed = math.ceil(count / _per_node(pod, _node(group)))
        if needed > group.max:
            return Verdict("Failed", f"It needs {needed} nodes, and {group.name} has {group.max} at most.")
        if not zones(group):
            return Verdict("waiting", f"There is no capacity for {group.machine} now (a fault of the sandbox).")
    return Verdict("Provisioned", "Provisioning Request was successfully provisioned.")


def _node(group: Group) -> Node:
    return group.template(next(iter(group.zones), ""))


def _per_node(pod: Pod, node: Node) -> int:
    fits = [int(node.allocatable[name] // amount) for name, amount in pod.requests.items() if amount]
    return 1 if pod.apart else min(fits)


class Requests:
    """Answers requests as they come; without it Kueue takes the cluster for one that has no such autoscaler."""

    def __init__(self, kube: Kube, groups: Callable[[], list[Group]], zones: Zones) -> None:
        self._kube = kube
        self._groups = groups
        self._zones = zones

    def install(self) -> None:
        """The kind, which a GKE cluster serves from the start."""
        text = resources.files("cnai.sandbox.controllers.groups").joinpath("provisioningrequests.yaml").read_text()
        self._kube.apply(yaml.safe_load(text), field_manager=MANAGER, force=True)

    def uninstall(self) -> None:
        self._kube.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", NAME)

    def changed(self, before: Object | None, request: Object | None) -> None:
        if request is None or request["spec"]["provisioningClassName"] != PROVISIONING_CLASS or _settled(request):
            return
        verdict = judged(self._wanted(request), self._groups(), self._zones)
        conditions = verdict.conditions(datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        if _said(request) != [(each["type"], each["status"]) for each in conditions]:
            self._say(request, conditions)
        if verdict.kind == "waiting":
            self._later(request["metadata"])

    def _say(self, request: Object, conditions: list[dict[str, str]]) -> None:
        name, namespace = request["metadata"]["name"], request["metadata"]["namespace"]
        self._kube.patch(API, KIND, name, {"status": {"conditions": conditions}}, namespace, subresource="status")

    def _wanted(self, request: Object) -> list[tuple[int, Pod]]:
        namespace, found = request["metadata"]["namespace"], list[tuple[int, Pod]]()
        for each in request["spec"]["podSets"]:
            template = self._kube.get("v1", "PodTemplate", each["podTemplateRef"]["name"], namespace)
            if template:
                pod = {"metadata": template["metadata"], "spec": template["template"]["spec"]}
                found.append((each["count"], facts.pod(pod)))
        return found

    def _later(self, metadata: Mapping[str, str]) -> None:
        def look() -> None:
            self.changed(None, self._kube.get(API, KIND, metadata["name"], metadata["namespace"]))

        timer = threading.Timer(RETRY_S, look)
        timer.daemon = True
        timer.start()


def _said(request: Object) -> list[tuple[str, str]]:
    return [(each["type"], each["status"]) for each in (request.get("status") or {}).get("conditions") or []]


def _settled(request: Object) -> bool:
    return any(kind in SETTLED and status == "True" for kind, status in _said(request))
