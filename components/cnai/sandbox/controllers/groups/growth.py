"""Which groups grow for the pods that wait: pure, and in the cluster autoscaler's words."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from cnai.sandbox.controllers.groups.facts import Node, Pod
from cnai.sandbox.controllers.groups.fit import misfit
from cnai.sandbox.controllers.groups.records import Group

BACKOFF = "in backoff after failed scale-up"
AT_MOST = "max node group size reached"
ZONE = "topology.kubernetes.io/zone"

Zones = Callable[[Group], Sequence[str]]
"""Zones where a group's machines are currently available."""


@dataclass(frozen=True)
class Word:
    """What is said about a pod, as an Event."""

    pod: Pod
    reason: Literal["TriggeredScaleUp", "NotTriggerScaleUp"]
    message: str


@dataclass
class Growth:
    launches: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Nodes to launch: by group id, the zone of each."""
    words: list[Word] = field(default_factory=list[Word])


@dataclass
class Bin:
    """A node, there or on its way, with what is left on it."""

    node: Node
    free: dict[str, Decimal]
    alone: bool = False
    """Whether no pod that wants to be apart may come."""

    @classmethod
    def of(cls, node: Node, pods: Iterable[Pod] = (), alone: bool = False) -> "Bin":
        found = cls(node, dict(node.allocatable), alone)
        for pod in pods:
            found.take(pod)
        return found

    def take(self, pod: Pod) -> None:
        for name, amount in pod.requests.items():
            self.free[name] = self.free.get(name, Decimal(0)) - amount
        self.alone = self.alone or pod.apart

    def misfit(self, pod: Pod) -> str:
        return (
            "node(s) didn't match pod anti-affinity rules"
            if pod.apart and self.alone
            else misfit(pod, self.node, self.free)
        )


class Planner:
    """One look at the cluster."""

    def __init__(self, groups: Iterable[Group], nodes: Iterable[Node], pods: Iterable[Pod], zones: Zones) -> None:
        self._groups = sorted((g for g in groups if g.autoscaled), key=lambda g: (g.weight, g.name))
        self._zones = zones
        on: dict[str, list[Pod]] = {}
        for pod in pods:
            if pod.node and pod.state == "placed":
                on.setdefault(pod.node, []).append(pod)
        usable = [n for n in nodes if not n.going]
        self._placed = Counter((n.group, n.labels.get(ZONE, "")) for n in usable)
        # The scheduler has refused every node that is ready, for reasons that it knows better: a pod that wants to be
        # apart may only count on a node that is on its way.
        self._bins = [Bin.of(n, on.get(n.name, ()), alone=n.ready) for n in usable if not n.cordoned]
        self._seen: dict[str, int] = {}
        self._found = Growth()

    def growth(self, waiting: Iterable[Pod]) -> Growth:
        """What to launch so that as many as can be are placed, the oldest first."""
        for pod in sorted(waiting, key=lambda pod: (pod.created, pod.namespace, pod.name)):
            if not self._place(pod):
                self._grow(pod)
        return self._found

    def _place(self, pod: Pod) -> bool:
        """A node too full for a pod is too full for the next like it, so each kind of pod passes it once."""
        for index in range(self._seen.get(pod.likeness, 0), len(self._bins)):
            if not self._bins[index].misfit(pod):
                self._bins[index].take(pod)
                self._seen[pod.likeness] = index
                return True
        self._seen[pod.likeness] = len(self._bins)
        return False

    def _grow(self, pod: Pod) -> None:
        refusals: Counter[str] = Counter()
        for group in self._groups:
            zones = self._fitting(pod, group)
            if isinstance(zones, str):
                refusals[zones] += 1
                continue
            size = self._size(group)
            self._launch(pod, group, min(zones, key=lambda zone: self._placed[group.id, zone]))
            message = f"pod triggered scale-up: [{{{group.name} {size}->{self._size(group)} (max: {group.max})}}]"
            self._found.words.append(Word(pod, "TriggeredScaleUp", message))
            return
        if refusals:
            reasons = ", ".join(f"{count} {reason}" for reason, count in refusals.items())
            self._found.words.append(Word(pod, "NotTriggerScaleUp", f"pod didn't trigger scale-up: {reasons}"))

    def _fitting(self, pod: Pod, group: Group) -> list[str] | str:
        """The zones in which the group can have a node for the pod, or why there is none."""
        everywhere = {zone: _template(group, zone).misfit(pod) for zone in group.zones or ("",)}
        zones = [zone for zone, refusal in everywhere.items() if not refusal]
        if not zones:
            return next(iter(everywhere.values()))
        if self._size(group) + group.unit > group.max:
            return AT_MOST
        return [zone for zone in zones if zone in self._zones(group)] or BACKOFF

    def _launch(self, pod: Pod, group: Group, zone: str) -> None:
        fresh = [_template(group, zone) for _ in range(group.unit)]
        fresh[0].take(pod)
        self._seen[pod.likeness] = min(self._seen.get(pod.likeness, 0), len(self._bins))
        self._bins += fresh
        self._placed[group.id, zone] += group.unit
        self._found.launches.setdefault(group.id, []).extend([zone] * group.unit)

    def _size(self, group: Group) -> int:
        return sum(self._placed[group.id, zone] for zone in {*group.zones, ""})


def _template(group: Group, zone: str) -> Bin:
    return Bin.of(group.template(zone))
