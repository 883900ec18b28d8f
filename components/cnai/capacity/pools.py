"""Node pools: what a pool asks for, planned onto a machine type, and built by whichever cloud the cluster is on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from cnai.clouds.machines import PoolError, plan
from cnai.clouds.pools import PoolPlan, Route, Sharing, Taint
from cnai.clouds.protocol import Cluster


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


def args_of(cluster: Cluster, pool: PoolPlan) -> NodePoolArgs:
    """Args that give just this plan."""
    facts: dict[str, Any] = {key: getattr(pool, key) for key in ("min", "max", "zones", "labels", "taints")}
    facts |= {"cluster": cluster, "machine": pool.machine.name, "capacity": pool.routes}
    if pool.gpus_per_node:
        return GpuPoolArgs(**facts, sharing=pool.sharing, fabric=pool.fabric)
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
    return PoolPlan(
        name=name,
        machine=machine,
        min=args.min,
        max=args.max,
        routes=args.capacity,
        zones=args.zones or args.cluster.traits.zones,
        labels=args.labels,
        taints=args.taints,
        sharing=gpu.sharing if gpu else Sharing(),
        fabric=gpu.fabric if gpu else "",
    )


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
