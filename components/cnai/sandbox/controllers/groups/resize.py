"""What a group does about its own nodes: pure. Growth for pods that wait is the planner's (`growth.py`)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cnai.sandbox.controllers.groups.facts import Node
from cnai.sandbox.controllers.groups.growth import ZONE
from cnai.sandbox.controllers.groups.records import Group

IDLE_S = 30.0
"""After how long a node without work goes; sandbox time: the cluster autoscaler waits 10 minutes."""


@dataclass(frozen=True)
class Resize:
    launch: int = 0
    retire: Sequence[Node] = field(default_factory=tuple[Node, ...])


def resize(group: Group, nodes: Iterable[Node], target: int) -> Resize:
    """Towards `target` nodes that are as declared: one more comes before one that is outdated goes."""
    nodes = list(nodes)
    active = [n for n in nodes if not (n.going or n.retiring)]
    outdated = [n for n in active if n.launched_with != group.launch]
    if len(active) < target:
        return Resize(launch=target - len(active))
    if not outdated:
        return Resize(retire=_last(active, len(active) - target))
    settled = all(n.ready for n in active if n not in outdated) and not any(n.retiring for n in nodes)
    if not settled:
        return Resize()
    return Resize(retire=outdated[:1]) if len(active) > target else Resize(launch=1)


def idle(group: Group, nodes: Iterable[Node], since: dict[str, float], now: float, target: int) -> list[Node]:
    """Nodes that have had no work for long enough, down to `min`; those of a slice go together."""
    free = {n.name: n for n in nodes if n.ready and now - since.get(n.name, now) >= IDLE_S}
    units = Counter(n.index // group.unit for n in free.values())
    whole = sorted((unit for unit, count in units.items() if count == group.unit), reverse=True)
    room = max(0, target - group.min) // group.unit
    return [n for unit in whole[:room] for n in free.values() if n.index // group.unit == unit]


def indices(group: Group, taken: Iterable[int], count: int) -> list[int]:
    """The lowest free ones, a slice's in a row."""
    used = {index // group.unit for index in taken}
    free = (unit for unit in range(len(used) + count) if unit not in used)
    units = [next(free) for _ in range(-(-count // group.unit))]
    return [unit * group.unit + offset for unit in units for offset in range(group.unit)][:count]


def spread(group: Group, nodes: Iterable[Node], zones: Sequence[str], count: int) -> list[str]:
    """The zones of the next nodes, balanced across zones; none if the machine is unavailable."""
    placed = Counter(n.labels.get(ZONE, "") for n in nodes)
    found: list[str] = []
    for _ in range(count if zones else 0):
        zone = min(zones, key=lambda zone: placed[zone])
        placed[zone] += 1
        found.append(zone)
    return found


def _last(nodes: Sequence[Node], count: int) -> tuple[Node, ...]:
    return tuple(sorted(nodes, key=lambda n: n.index)[len(nodes) - count :])
