"""How many GPUs, cores and bytes each team has of each flavor, and what is left for all."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Protocol

from cnai.clouds.pools import PoolPlan
from cnai.quantities import canonical, canonical_binary
from cnai.scheduling.kueue.flavors import Flavor

CPU, MEMORY = "cpu", "memory"

Amounts = dict[str, int]
"""Resource -> how much: thousandths of a core, MiB, accelerators."""
Shares = dict[str, dict[str, int]]
"""Team -> flavor -> accelerators."""


class Share(Protocol):
    """What a stack file says of a team."""

    @property
    def gpus(self) -> Mapping[str, int]: ...

    @property
    def borrow(self) -> bool: ...


def covered(flavors: Sequence[Flavor]) -> list[str]:
    """The resources that have quotas. Others (local disk, network interfaces) are nodes' own affair."""
    return [CPU, MEMORY, *sorted({each.pool.gpu_resource for each in flavors if each.pool.gpu_resource})]


def whole(flavor: Flavor) -> Amounts:
    machine = flavor.pool.machine
    found = {CPU: flavor.nodes * machine.vcpu * 1000, MEMORY: int(flavor.nodes * machine.memory_gib * 1024)}
    return found | accelerators(flavor.pool, flavor.nodes * flavor.pool.gpus_per_node)


def share(pool: PoolPlan, gpus: int) -> Amounts:
    """Cores and memory go with the GPUs, in the proportion in which the nodes have them."""
    machine, per_node = pool.machine, pool.gpus_per_node
    found = {CPU: machine.vcpu * 1000 * gpus // per_node, MEMORY: int(machine.memory_gib * 1024 * gpus / per_node)}
    return found | accelerators(pool, gpus)


def accelerators(pool: PoolPlan, count: int) -> Amounts:
    return {pool.gpu_resource: count} if pool.gpu_resource else {}


def shares(flavors: Sequence[Flavor], teams: Mapping[str, Share]) -> Shares:
    """Of a pool with several flavors, shares are on the first as far as that goes, and the rest on the next."""
    found: Shares = {team: {} for team in teams}
    for name, pool in {each.pool.name: each.pool for each in flavors if each.pool.gpus_per_node}.items():
        left = within(teams, pool)
        for flavor in (each for each in flavors if each.pool.name == name):
            got = portions(left, flavor.nodes * pool.gpus_per_node)
            for team, count in got.items():
                found[team][flavor.name] = count
                left[team] -= count
    return found


def within(teams: Mapping[str, Share], pool: PoolPlan) -> dict[str, int]:
    """Shares of a pool. Teams that borrow may be promised more than there is: they divide what the others leave."""
    wanted = {team: spec.gpus[pool.name] for team, spec in teams.items() if pool.name in spec.gpus}
    fixed = {team: count for team, count in wanted.items() if not teams[team].borrow}
    rest = {team: count for team, count in wanted.items() if team not in fixed}
    given = fixed | portions(rest, max(0, pool.max * pool.gpus_per_node - sum(fixed.values())))
    return {team: given[team] for team in wanted}


def portions(wanted: Mapping[str, int], room: int) -> dict[str, int]:
    """In proportion, and all of the room, where more is wanted than there is."""
    together = sum(wanted.values())
    if together <= room:
        return dict(wanted)
    ends = [end * room // together for end in accumulate(wanted.values(), initial=0)]
    return {team: end - start for team, (start, end) in zip(wanted, pairwise(ends), strict=True)}


def left_over(flavor: Flavor, given: Shares) -> Amounts:
    """What is no team's own: all of the CPU pools, and GPUs beyond all shares."""
    found = whole(flavor)
    for team in given.values():
        if gpus := team.get(flavor.name, 0):
            for resource, amount in share(flavor.pool, gpus).items():
                found[resource] -= amount
    return {resource: max(0, amount) for resource, amount in found.items()}


def quantity(resource: str, amount: int) -> str:
    """As Kueue writes it back, so that what the API server has is what was given."""
    return canonical_binary(amount) if resource == MEMORY else canonical(amount if resource == CPU else amount * 1000)
