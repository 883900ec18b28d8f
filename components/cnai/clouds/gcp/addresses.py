"""Who gets which addresses in the VPC, and whether nodes and pods at their most find room in it."""

import math
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network

from cnai.clouds.pools import PoolPlan

LIMITS = {"cidr": (8, 28), "pod_cidr": (9, 21), "service_cidr": (16, 28), "control_plane_cidr": (28, 28)}
"""Shortest and longest prefix of each range:
https://docs.cloud.google.com/kubernetes-engine/docs/concepts/alias-ips#cluster_sizing"""
GOOGLE_KEEPS = 4
"""Addresses of a subnet's primary range that Google keeps for itself."""


def per_node(max_pods: int) -> int:
    """Pod addresses that GKE sets aside for a node: the next power of two above twice its pods."""
    return 2 ** math.ceil(math.log2(2 * max_pods))


def nodes(plan: PoolPlan) -> int:
    """At most, with the one more that an upgrade may add."""
    return plan.max * len(plan.routes) + len(plan.routes)


def too_small(cidr: str, pod_cidr: str, plans: Iterable[PoolPlan]) -> Iterator[tuple[str, str]]:
    """The setting's key and what is wrong with it; nothing where every pool may grow to its `max` on every route."""
    plans = list(plans)
    wanted = {
        "cidr": (IPv4Network(cidr), sum(map(nodes, plans)), GOOGLE_KEEPS, "nodes"),
        "pod_cidr": (IPv4Network(pod_cidr), sum(nodes(p) * per_node(p.machine.max_pods) for p in plans), 0, "pods"),
    }
    for key, (range_, addresses, kept, whose) in wanted.items():
        has = range_.num_addresses - kept
        if addresses > has:
            prefix = 32 - math.ceil(math.log2(addresses + kept))
            instead = f"give a /{prefix}" if prefix >= LIMITS[key][0] else "lower a pool's max"
            yield key, f"{range_} has {has} addresses for {whose}, and pools at max need {addresses}: {instead}"
