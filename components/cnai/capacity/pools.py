"""Node pools: what a pool asks for, planned onto a machine type, and built by whichever cloud the cluster is on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi

from cnai.clouds.machines import PoolError, plan
from cnai.clouds.pools import PoolPlan, Route, Sharing, Taint
from cnai.clouds.protocol import Cluster

_ANY_POOL = ("min", "max", "zones", "labels", "taints", "placement", "node_selector", "route_taints")
"""What is called the same in a plan and in the args of a pool."""


@dataclass(frozen=True, kw_only=True)
class NodePoolArgs:
    """A pool of CPU nodes. Raises `PoolError` where the cluster's cloud cannot make it."""

    cluster: Cluster
    machine: str | None = None
    """Machine type by the cloud's own name; a general-purpose one where it is left out."""
    min: int = 0
    """Nodes that are always there."""
    max: int = 1
    """Nodes at most."""
    capacity: tuple[Route, ...] = (Route(kind="on-demand"),)
    """Routes to machines, tried in order."""
    zones: tuple[str, ...] = ()
    """All of the cluster's where it is left out."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    taints: tuple[Taint, ...] = ()
    placement: Literal["", "compact"] = ""
    """`compact`: nodes as near to each other as the cloud can place them."""
    node_selector: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where the nodes exist already: which of them are this pool."""
    route_taints: tuple[Taint, ...] = ()
    """What the cloud itself puts on nodes of some of the routes."""

    def __post_init__(self) -> None:
        if self.min < 0:
            raise PoolError("min", f"give at least 0, got {self.min}")


@dataclass(frozen=True, kw_only=True)
class GpuPoolArgs(NodePoolArgs):
    """A pool of GPU nodes, which get NVIDIA's taint. Name the accelerator, or the machine."""

    accelerator: str | None = None
    """Model, such as `H100`; the cheapest machine per GPU is chosen."""
    count_per_node: int | None = None
    sharing: Sharing = field(default_factory=Sharing)
    fabric: str = ""
    """RDMA between nodes, such as `efa`."""
    topology: str = ""
    """Shape of a TPU slice, such as `2x4`."""


def args_of(cluster: Cluster, pool: PoolPlan) -> NodePoolArgs:
    """Args that give just this plan."""
    facts: dict[str, Any] = {key: getattr(pool, key) for key in _ANY_POOL}
    facts |= {"cluster": cluster, "machine": pool.machine.name, "capacity": pool.routes}
    if pool.gpus_per_node:
        return GpuPoolArgs(**facts, sharing=pool.sharing, fabric=pool.fabric, topology=pool.topology)
    return NodePoolArgs(**facts)


def pool_plan(name: str, args: NodePoolArgs) -> PoolPlan:
    gpu = args if isinstance(args, GpuPoolArgs) else None
    machine = plan(
        args.cluster.cloud,
        machine=args.machine,
        accelerator=gpu.accelerator if gpu else None,
        count_per_node=gpu.count_per_node if gpu else None,
    )
    if gpu and machine.accelerator is None:
        raise PoolError("accelerator", f"{machine.name} has none: name an accelerator, or make it a NodePool")
    facts: dict[str, Any] = {key: getattr(args, key) for key in _ANY_POOL}
    if gpu:
        facts |= {"sharing": gpu.sharing, "fabric": gpu.fabric, "topology": gpu.topology}
    facts["zones"] = args.zones or args.cluster.traits.zones
    return PoolPlan(name=name, machine=machine, routes=args.capacity, **facts)


class NodePool(pulumi.ComponentResource):
    """CPU nodes. `name` is the pool's own name: nodes and the label `cnai.dev/pool` carry it."""

    plan: PoolPlan
    selector: Mapping[str, str]
    """nodeSelector for pods that want this pool."""
    tolerations: list[dict[str, Any]]
    """What such pods must tolerate."""

    def __init__(self, name: str, args: NodePoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"cnai:capacity:{type(self).__name__}", name, {}, opts)
        self.plan = pool_plan(name, args)
        self.selector, self.tolerations = self.plan.selector, self.plan.tolerations
        args.cluster.node_group(name, self.plan, pulumi.ResourceOptions(parent=self, provider=args.cluster.provider))
        self.register_outputs({})


class GpuPool(NodePool):
    """GPU nodes."""

    def __init__(self, name: str, args: GpuPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
