"""Who gets which addresses: a VNet's range cut into subnets, and whether nodes and pods at their most find room."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from cnai.clouds.pools import PoolPlan

LARGEST, SMALLEST = 8, 24
"""Prefix lengths of a VNet's range that make sense here: half of it is for nodes."""
API_PREFIX = 27
"""The control plane takes nine addresses at least, of a /28 or larger:
https://learn.microsoft.com/azure/aks/api-server-vnet-integration"""
NODE_PODS_PREFIX = 24
"""What each node takes of the overlay's range, whatever it runs:
https://learn.microsoft.com/azure/aks/concepts-network-azure-cni-overlay"""
AZURE_KEEPS = 5
"""Addresses of each subnet that Azure keeps for itself."""
SURGE = 1.34
"""Nodes that there may be while a third of them is being replaced."""
AKS_FORBIDS = tuple(map(IPv4Network, ("169.254.0.0/16", "172.30.0.0/16", "172.31.0.0/16", "192.0.2.0/24")))
"""What AKS keeps for itself: neither pods nor Services nor the VNet may have it."""


@dataclass(frozen=True, kw_only=True)
class Subnets:
    nodes: IPv4Network
    api: IPv4Network
    """The control plane's own."""


def subnets(cidr: str) -> Subnets:
    """The first half for nodes, the beginning of the other half for the control plane."""
    nodes, rest = IPv4Network(cidr).subnets(prefixlen_diff=1)
    return Subnets(nodes=nodes, api=next(rest.subnets(new_prefix=API_PREFIX)))


def dns_address(service_cidr: str) -> str:
    """Where cluster DNS answers: never the range's first address, which is the API's."""
    return str(IPv4Network(service_cidr)[10])


def most_nodes(plans: Iterable[PoolPlan]) -> int:
    """With all pools at their `max`, in the midst of an upgrade; every route may reach the pool's `max`."""
    return sum(math.ceil(plan.max * len(plan.routes) * SURGE) for plan in plans)


def too_small(cidr: str, pod_cidr: str, plans: Iterable[PoolPlan]) -> Iterator[tuple[str, str]]:
    """Key and what is missing; nothing where every pool may grow to its `max`."""
    wanted = most_nodes(plans)
    nodes = subnets(cidr).nodes.num_addresses - AZURE_KEEPS
    pods = 2 ** (NODE_PODS_PREFIX - IPv4Network(pod_cidr).prefixlen)
    for key, has, given in (("cidr", nodes, cidr), ("pod_cidr", pods, pod_cidr)):
        if wanted > has:
            prefix = IPv4Network(given).prefixlen - math.ceil(math.log2(wanted / has))
            yield key, f"{given} has room for {has} nodes, and pools at max have {wanted}: give a /{prefix}"
