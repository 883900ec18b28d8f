"""Who gets which addresses: a VPC's range cut into subnets, and whether all nodes and pods find room in it."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from cnai.clouds.pools import PoolPlan

SMALLEST, LARGEST = 28, 16
"""Prefix lengths that a VPC may have: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"""
PREFIX_ADDRESSES = 16
"""The VPC CNI hands a node addresses for pods by the /28."""
AWS_KEEPS = 5
"""Addresses of each subnet that AWS keeps for itself."""


@dataclass(frozen=True, kw_only=True)
class Subnets:
    """One subnet of each kind per zone, in the zones' order."""

    private: tuple[IPv4Network, ...]
    """Nodes and pods."""
    control: tuple[IPv4Network, ...]
    """The control plane's own interfaces, and those of VPC endpoints."""
    public: tuple[IPv4Network, ...]
    """NAT gateways and load balancers."""


def subnets(cidr: str, zones: int) -> Subnets:
    """An equal part of the range for each zone's nodes, and one more such part that the small subnets share.

    Raises `ValueError` where a subnet would be smaller than AWS allows.
    """
    parts = list(IPv4Network(cidr).subnets(prefixlen_diff=zones.bit_length()))
    small = parts[-1].subnets(new_prefix=parts[-1].prefixlen + (2 * zones - 1).bit_length())
    small = [next(small) for _ in range(2 * zones)]
    if small[0].prefixlen > SMALLEST:
        raise ValueError(f"{cidr} has no room for {3 * zones} subnets")
    return Subnets(private=tuple(parts[:zones]), control=tuple(small[:zones]), public=tuple(small[zones:]))


def largest_prefix(zones: int) -> int:
    """The longest prefix that `subnets` can still cut up."""
    return SMALLEST - zones.bit_length() - (2 * zones - 1).bit_length()


def per_node(max_pods: int) -> int:
    """Addresses that a node may hold: prefixes for its pods, one more kept warm, and its two interfaces' own."""
    return (math.ceil(max_pods / PREFIX_ADDRESSES) + 1) * PREFIX_ADDRESSES + 2


def needed(plans: Iterable[PoolPlan]) -> dict[str, int]:
    """Zone -> addresses that all pools together may take there, each spread evenly over its zones."""
    found: dict[str, int] = {}
    for plan in plans:
        for zone in plan.zones:
            share = math.ceil(plan.max / len(plan.zones))
            found[zone] = found.get(zone, 0) + share * per_node(plan.machine.max_pods)
    return found


def too_small(cidr: str, zones: tuple[str, ...], plans: Iterable[PoolPlan]) -> Iterator[str]:
    """What is missing, zone by zone; nothing where every pool may grow to its `max`."""
    room = dict(zip(zones, subnets(cidr, len(zones)).private, strict=True))
    for zone, addresses in needed(plans).items():
        has = room[zone].num_addresses - AWS_KEEPS if zone in room else 0
        if addresses > has:
            grow = math.ceil(math.log2((addresses + AWS_KEEPS) / (has + AWS_KEEPS)))
            prefix = IPv4Network(cidr).prefixlen - grow
            instead = f"give a /{prefix}" if prefix >= LARGEST else "lower a pool's max, or give more zones"
            yield f"{zone} has {has} addresses for nodes and pods, and pools at max need {addresses}: {instead}"
