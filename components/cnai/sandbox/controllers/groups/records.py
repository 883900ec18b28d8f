"""Node groups as they were declared: a ConfigMap each, which whoever plays the cloud writes."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cnai.clouds.machines import Machine, RouteKind, machines
from cnai.clouds.nodes import Registration, manifest
from cnai.kube import Object
from cnai.sandbox.controllers.groups.facts import DESCRIBED, GROUP_LABEL, LAUNCHED_WITH, Node, node

NAMESPACE = "kube-system"
SELECTOR = "cnai.dev/node-group=true"
PREFIX = "node-group-"
READY = "cnai.dev/nodes-ready"
WAITING = "cnai.dev/nodes-waiting"
"""Why its nodes are not as declared yet."""
NAME_LABEL = "cnai.dev/node-group"
TPU = "google.com/tpu"


@dataclass(frozen=True, kw_only=True)
class Group:
    """A record: what was declared of a group."""

    id: str
    """Of the record: `node-group-<id>`."""
    name: str
    cloud: str
    machine: str
    min: int
    max: int
    desired: int
    autoscaled: bool = False
    capacity: RouteKind = "on-demand"
    weight: int = 0
    zones: tuple[str, ...] = ()
    region: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    taints: tuple[Mapping[str, str], ...] = ()
    kubernetes: str = ""
    image: str = ""
    accelerator: str = ""
    topology: str = ""
    generation: str = ""
    written: Mapping[str, str] = field(default_factory=dict[str, str])
    """The annotations that its record has."""
    _templates: dict[str, "Node"] = field(default_factory=dict[str, "Node"], repr=False, compare=False)

    @property
    def launch(self) -> str:
        """Tells nodes apart that have to be replaced: labels and taints change in place."""
        made_of = [self.machine, self.kubernetes, self.image, self.capacity, self.topology]
        return _digest(made_of)

    @property
    def description(self) -> str:
        return _digest([dict(self.labels), [dict(taint) for taint in self.taints], self.accelerator])

    @property
    def unit(self) -> int:
        """How many nodes come and go together: the hosts of one TPU slice."""
        accelerator = self.hardware.accelerator
        if not self.topology or accelerator is None or accelerator.resource != TPU:
            return 1
        chips = math.prod(int(side) for side in self.topology.split("x"))
        return max(1, chips // self.hardware.accelerator_count)

    @property
    def hardware(self) -> Machine:
        return machines(self.cloud)[self.machine]

    def template(self, zone: str) -> "Node":
        """What a node of it is to the scheduler; its name is nobody's."""
        if zone not in self._templates:
            self._templates[zone] = node(self.manifest(0, zone))
        return self._templates[zone]

    def manifest(self, index: int, zone: str) -> dict[str, Any]:
        """Its `index`-th node, as it registers."""
        made = manifest(
            Registration(
                name=f"{self.id}-{index}",
                machine=self.hardware,
                cloud=self.cloud,
                region=self.region,
                zone=zone,
                capacity=self.capacity,
                group=self.name,
                labels={**self.labels, GROUP_LABEL: self.id, NAME_LABEL: self.name},
                taints=self.taints,
                accelerator=self.accelerator,
                topology=self.topology,
                kubelet_version=self.kubernetes,
            )
        )
        described = f"{self.description} {','.join(sorted(made['metadata']['labels']))}"
        made["metadata"]["annotations"] |= {LAUNCHED_WITH: self.launch, DESCRIBED: described}
        return made

    def is_current(self, node: Node) -> bool:
        """Whether the node is as declared now."""
        return node.launched_with == self.launch and node.described == self.description


def group(record: Object) -> Group:
    """Raises `ValueError` or `KeyError` where the record is not one, or its cloud has no such machine."""
    text, metadata = record["data"]["group"], record["metadata"]
    facts: dict[str, Any] = json.loads(text)
    known: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in facts.items() if key in DECLARED
    }
    found = Group(
        **known,
        id=metadata["name"].removeprefix(PREFIX),
        generation=record["data"].get("generation") or hashlib.sha256(text.encode()).hexdigest()[:12],
        written=metadata.get("annotations") or {},
    )
    _ = found.hardware
    return found


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


DECLARED = Group.__dataclass_fields__.keys() - {"id", "generation", "written", "_templates"}
