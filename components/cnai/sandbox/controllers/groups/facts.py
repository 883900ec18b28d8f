"""Nodes and pods, each with no more than the planner needs."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from cnai.kube import Object
from cnai.quantities import amount

GROUP_LABEL = "cnai.dev/simulated-group"
LAUNCHED_WITH = "cnai.dev/launched-with"
"""Says which nodes have to be replaced."""
DESCRIBED = "cnai.dev/described"
"""Says which nodes have to be labelled or tainted anew, and which of their labels their group gave them."""
RETIRING = "cnai.dev/retiring"

Amounts = Mapping[str, Decimal]


@dataclass(frozen=True, kw_only=True)
class Node:
    name: str
    labels: Mapping[str, str]
    taints: tuple[Mapping[str, str], ...] = ()
    allocatable: Amounts = field(default_factory=dict[str, Decimal])
    ready: bool = True
    going: bool = False
    cordoned: bool = False
    launched_with: str = ""
    described: str = ""
    own_labels: frozenset[str] = frozenset()
    retiring: bool = False
    """Cordoned by its group: it goes once it is drained."""

    @property
    def group(self) -> str:
        return self.labels.get(GROUP_LABEL, "")

    @property
    def index(self) -> int:
        return int(self.name.rpartition("-")[2])


def node(found: Object) -> Node:
    metadata, spec, status = found["metadata"], found.get("spec") or {}, found.get("status") or {}
    conditions: list[Mapping[str, str]] = status.get("conditions") or []
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    described, _, own = annotations.get(DESCRIBED, "").partition(" ")
    return Node(
        name=metadata["name"],
        labels=metadata.get("labels") or {},
        taints=tuple(spec.get("taints") or ()),
        allocatable=amounts(status.get("allocatable") or {}),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in conditions),
        going="deletionTimestamp" in metadata,
        cordoned=bool(spec.get("unschedulable")),
        launched_with=annotations.get(LAUNCHED_WITH, ""),
        described=described,
        own_labels=frozenset(own.split(",")) if own else frozenset(),
        retiring=RETIRING in annotations,
    )


@dataclass(frozen=True, kw_only=True)
class Pod:
    uid: str
    namespace: str
    name: str
    created: str = ""
    node: str = ""
    state: Literal["waiting", "unschedulable", "placed", "done"] = "waiting"
    stays: bool = False
    """Belongs to its node: of a DaemonSet, or the kubelet's own."""
    going: bool = False
    requests: Amounts = field(default_factory=dict[str, Decimal])
    selector: Mapping[str, str] = field(default_factory=dict[str, str])
    affinity: tuple[Mapping[str, Any], ...] | None = None
    """The terms of the required node affinity, one of which must hold; None: there is none."""
    tolerations: tuple[Mapping[str, str], ...] = ()
    apart: bool = False
    """Refuses to share a node with pods of its kind."""

    @cached_property
    def likeness(self) -> str:
        """The same for pods that go to the same nodes."""
        wants = (
            sorted(self.requests.items()),
            sorted(self.selector.items()),
            self.affinity,
            self.tolerations,
            self.apart,
        )
        return hashlib.sha256(repr(wants).encode()).hexdigest()


def pod(found: Object) -> Pod:
    metadata, spec = found["metadata"], found["spec"]
    owners = {owner["kind"] for owner in metadata.get("ownerReferences") or []}
    affinity = spec.get("affinity") or {}
    required = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution")
    return Pod(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        created=metadata.get("creationTimestamp", ""),
        node=spec.get("nodeName", ""),
        state=_state(found),
        stays=bool(owners & {"DaemonSet", "Node"}),
        going="deletionTimestamp" in metadata,
        requests=requests(spec),
        selector=spec.get("nodeSelector") or {},
        affinity=tuple(required["nodeSelectorTerms"]) if required else None,
        tolerations=tuple(spec.get("tolerations") or ()),
        apart=_apart(spec, affinity),
    )


def _state(found: Object) -> Literal["waiting", "unschedulable", "placed", "done"]:
    status = found.get("status") or {}
    if status.get("phase") in ("Succeeded", "Failed"):
        return "done"
    if found["spec"].get("nodeName"):
        return "placed"
    conditions: list[Mapping[str, str]] = status.get("conditions") or []
    stuck = any(c["type"] == "PodScheduled" and c.get("reason") == "Unschedulable" for c in conditions)
    return "unschedulable" if stuck else "waiting"


def _apart(spec: Mapping[str, Any], affinity: Mapping[str, Any]) -> bool:
    hostname = "kubernetes.io/hostname"
    anti = (affinity.get("podAntiAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or []
    spread = [s for s in spec.get("topologySpreadConstraints") or [] if s.get("whenUnsatisfiable") == "DoNotSchedule"]
    return any(term.get("topologyKey") == hostname for term in (*anti, *spread))


def requests(spec: Mapping[str, Any]) -> dict[str, Decimal]:
    """What the scheduler counts: containers and sidecars together, or the largest init container; and one pod."""
    inits = spec.get("initContainers") or []
    lasting = [*spec["containers"], *(c for c in inits if c.get("restartPolicy") == "Always")]
    total = _sum(_asked(container) for container in lasting)
    for container in inits:
        for name, asked in _asked(container).items():
            total[name] = max(total.get(name, Decimal(0)), asked)
    return _sum([total, amounts(spec.get("overhead") or {}), {"pods": Decimal(1)}])


def _asked(container: Mapping[str, Any]) -> dict[str, Decimal]:
    resources = container.get("resources") or {}
    return amounts({**(resources.get("limits") or {}), **(resources.get("requests") or {})})


def amounts(quantities: Mapping[str, Any]) -> dict[str, Decimal]:
    return {name: amount(value) for name, value in quantities.items()}


def _sum(parts: Iterable[Amounts]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for part in parts:
        for name, more in part.items():
            total[name] = total.get(name, Decimal(0)) + more
    return total
