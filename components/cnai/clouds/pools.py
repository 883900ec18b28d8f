"""A pool with everything decided: the form in which clouds take pools, and tests and planners compare them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cnai.clouds.machines import Machine, PoolError
from cnai.clouds.machines import RouteKind as RouteKind

TaintEffect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]

POOL_LABEL = "cnai.dev/pool"
CAPACITY_LABEL = "cnai.dev/capacity"
SYSTEM_POOL = "system"
"""The pool that every environment has: add-ons and what keeps state live there."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """One way to get machines; a pool tries its routes in order."""

    kind: RouteKind
    id: str = ""
    """The reservation or capacity block, where the route names one."""
    zone: str = ""
    """Where that one is, if it is said."""


@dataclass(frozen=True, kw_only=True)
class Taint:
    key: str
    value: str = ""
    effect: TaintEffect = "NoSchedule"

    @property
    def toleration(self) -> dict[str, str]:
        if not self.value:
            return {"key": self.key, "operator": "Exists", "effect": self.effect}
        return {"key": self.key, "operator": "Equal", "value": self.value, "effect": self.effect}


GPU_TAINT = Taint(key="nvidia.com/gpu", value="present")
"""What NVIDIA's and the clouds' documents put on GPU nodes, so that nothing else fills them."""


def device_taint(resource: str) -> Taint:
    """The same for any accelerator: the taint's key is the extended resource."""
    return GPU_TAINT if resource == GPU_TAINT.key else Taint(key=resource, value="present")


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """How one GPU serves several pods: by time slices, or cut into MIG instances of one profile."""

    time_slices: int = 1
    mig: str = ""


@dataclass(frozen=True, kw_only=True)
class PoolPlan:
    """One pool on one cloud. `min` and `max` count nodes."""

    name: str
    machine: Machine
    min: int
    max: int
    routes: tuple[Route, ...] = (Route(kind="on-demand"),)
    zones: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    taints: tuple[Taint, ...] = ()
    """Beyond `all_taints`' own one for accelerators, which nodes that exist already do not get."""
    sharing: Sharing = Sharing()
    fabric: str = ""
    """RDMA that the pool insists on."""
    placement: Literal["", "compact"] = ""
    """`compact`: nodes as near to each other as the cloud can place them."""
    topology: str = ""
    """Of a TPU slice, such as `2x4`: its chips along each side."""
    node_selector: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where the nodes exist already: which of them are this pool."""
    route_taints: tuple[Taint, ...] = ()
    """What the cloud itself puts on nodes of some of the routes, such as spot."""

    def __post_init__(self) -> None:
        machine, accelerator, sharing = self.machine, self.machine.accelerator, self.sharing
        if accelerator is None and sharing != Sharing():
            raise PoolError("sharing", f"{machine.name} has no accelerator to share: leave it out")
        if accelerator is not None and sharing.mig and sharing.mig not in accelerator.mig:
            have = f"give {', '.join(accelerator.mig)}" if accelerator.mig else "it has no MIG, use time_slices"
            raise PoolError("sharing", f"{accelerator.name} has no MIG profile {sharing.mig!r}: {have}")
        if self.topology and (accelerator is None or accelerator.resource != "google.com/tpu"):
            raise PoolError(
                "topology",
                f"{machine.name} has no TPU: leave topology out (placement: compact places nodes close together)",
            )
        if self.fabric and self.fabric != machine.fabric:
            raise PoolError("fabric", f"{machine.name} has {machine.fabric or 'no RDMA fabric'}, not {self.fabric}")
        if self.min > self.max:
            raise PoolError("min", f"{self.min} is more than max ({self.max}): lower min or raise max")

    @property
    def gpu_resource(self) -> str | None:
        return self.machine.accelerator.resource if self.machine.accelerator else None

    @property
    def gpus_per_node(self) -> int:
        """How many of `gpu_resource` a node publishes: shared GPUs count once per share."""
        found = self.machine.accelerator
        if found is None:
            return 0
        instances = found.mig[self.sharing.mig] if self.sharing.mig else 1
        return self.machine.accelerator_count * instances * self.sharing.time_slices

    @property
    def all_taints(self) -> tuple[Taint, ...]:
        if self.gpu_resource is None or self.node_selector:
            return self.taints
        own = device_taint(self.gpu_resource)
        return self.taints if own in self.taints else (own, *self.taints)

    @property
    def selector(self) -> dict[str, str]:
        """nodeSelector for a pod that wants this pool."""
        return dict(self.node_selector) or {POOL_LABEL: self.name}

    @property
    def tolerations(self) -> list[dict[str, Any]]:
        return [taint.toleration for taint in (*self.all_taints, *self.route_taints)]
