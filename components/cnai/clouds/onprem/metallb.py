"""MetalLB in layer 2: addresses of the site's own network for Services of type LoadBalancer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from cnai.catalog import catalog, merged
from cnai.catalog.children import child_of, custom_resource
from cnai.catalog.installing import install
from cnai.catalog.placement import on_system_nodes
from cnai.clouds.traits import ClusterTraits

API = "metallb.io/v1beta1"
POOL = "default"


@dataclass(frozen=True, kw_only=True)
class MetalLBArgs:
    traits: ClusterTraits
    """What the cluster can do; `Cluster.traits` gives it."""
    addresses: tuple[str, ...]
    """Ranges or CIDRs that it hands out."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Chart values laid over ours."""

    def __post_init__(self) -> None:
        if not self.addresses:
            raise ValueError("addresses: give at least one range, such as 192.0.2.10-192.0.2.40")


def chart_values(args: MetalLBArgs) -> dict[str, Any]:
    """System nodes answer for the addresses: GPU nodes have better to do than forward traffic."""
    system = on_system_nodes(args.traits)
    return merged({"controller": system, "speaker": system}, args.values)


def pool_spec(args: MetalLBArgs) -> dict[str, Any]:
    return {"addresses": list(args.addresses), "autoAssign": True, "avoidBuggyIPs": True}


class MetalLB(pulumi.ComponentResource):
    """The chart, one pool of addresses, and its announcement."""

    def __init__(self, name: str, args: MetalLBArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:MetalLB", name, {}, opts)
        package = catalog()["metallb"]
        release = install(package.name, f"{name}-release", chart_values(args), child_of(self))
        metadata = {"name": POOL, "namespace": package.namespace}
        addresses = {"apiVersion": API, "kind": "IPAddressPool", "metadata": metadata, "spec": pool_spec(args)}
        announced = {"ipAddressPools": [POOL]}
        layer_2 = {"apiVersion": API, "kind": "L2Advertisement", "metadata": metadata, "spec": announced}
        pool = custom_resource(f"{name}-addresses", addresses, child_of(self, release))
        custom_resource(f"{name}-announced", layer_2, child_of(self, pool))
        self.register_outputs({})
