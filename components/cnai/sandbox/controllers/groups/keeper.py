"""The daemon's part in node groups: it sees what there is, asks the planners, and does what they say."""

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from cnai.kube import ApiError, Kube, Object
from cnai.sandbox.controllers.groups import facts, records
from cnai.sandbox.controllers.groups.actuator import Actuator
from cnai.sandbox.controllers.groups.facts import Node, Pod
from cnai.sandbox.controllers.groups.growth import Planner
from cnai.sandbox.controllers.groups.records import Group
from cnai.sandbox.controllers.groups.resize import IDLE_S, idle, indices, resize, spread

SETTLE_S = 0.1
"""What happens together is looked at together."""
RESTS = 4
"""Times what a look takes: among thousands of nodes that come and go the daemon is idle for most of the time, too."""
RETRY_S = 2.0
HANDS = 4
"""Nodes that are made at the same time."""
PATIENCE_S = 15.0
"""How long a pod for which a node was launched is left to the scheduler."""
T = TypeVar("T")
Zones = Callable[[Group], Sequence[str]]


class Keeper:
    """Its `run` is one thread's whole life; the handlers only note what changed and wake it."""

    def __init__(self, kube: Kube, zones: Zones) -> None:
        self._actuator = Actuator(kube)
        self._zones = zones
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._unlisted = {"records", "nodes", "pods"}
        self._groups: dict[str, Group] = {}
        self._nodes: dict[str, Node] = {}
        self._pods: dict[str, Pod] = {}
        self._targets: dict[str, int] = {}
        self._idle: dict[str, float] = {}
        self._helped: dict[str, float] = {}
        self._blocked: dict[str, str] = {}
        """By group: what keeps it from being as declared."""

    def groups(self) -> list[Group]:
        with self._lock:
            return list(self._groups.values())

    def listed(self, what: str) -> None:
        self._unlisted.discard(what)
        self._wake.set()

    def record_changed(self, before: Object | None, record: Object | None) -> None:
        found = record or before
        if found is None:
            return
        name = found["metadata"]["name"].removeprefix(records.PREFIX)
        try:
            group = records.group(record) if record and "deletionTimestamp" not in record["metadata"] else None
        except (KeyError, ValueError, TypeError, OSError) as error:
            self._actuator.annotate(name, records.WAITING, f"its record cannot be read: {error!r}")
            return
        with self._lock:
            if group:
                self._groups[name] = group
            else:
                self._groups.pop(name, None)
                self._targets.pop(name, None)
        self._wake.set()

    def node_changed(self, before: Object | None, node: Object | None) -> None:
        name = (node or before or {})["metadata"]["name"]
        found = facts.node(node) if node else None
        self._note(self._nodes, name, found)

    def pod_changed(self, before: Object | None, pod: Object | None) -> None:
        uid = (pod or before or {})["metadata"]["uid"]
        found = facts.pod(pod) if pod else None
        self._note(self._pods, uid, found)

    def _note(self, known: dict[str, T], key: str, found: T | None) -> None:
        """A heartbeat changes nothing and wakes nobody."""
        with self._lock:
            if known.get(key) == found:
                return
            if found is None:
                known.pop(key)
            else:
                known[key] = found
        self._wake.set()

    def run(self, stopping: threading.Event) -> None:
        timeout, took = None, 0.0
        while not stopping.is_set():
            self._wake.wait(timeout)
            stopping.wait(max(SETTLE_S, took * RESTS))
            self._wake.clear()
            start = time.thread_time()
            try:
                timeout = self.step(time.monotonic()) if not self._unlisted else None
            except ApiError as error:
                print(f"node groups: {error.message}", file=sys.stderr, flush=True)
                timeout = RETRY_S
            except Exception:  # noqa: BLE001 - one group that cannot be planned must not end the rest for good
                traceback.print_exc()
                timeout = RETRY_S
            took = time.thread_time() - start

    def step(self, now: float) -> float | None:
        """One look, and what follows from it; gives after how many seconds to look again if nothing happens."""
        with self._lock:
            groups, nodes, pods = dict(self._groups), dict(self._nodes), list(self._pods.values())
        due = self._retire(groups, nodes, pods, now)
        for group in groups.values():
            try:
                self._resize(group, [n for n in nodes.values() if n.group == group.id])
            except ApiError as error:
                if not error.status:
                    raise
                self._blocked[group.id] = f"its nodes are refused: {error.message}"
        stuck = self._grow(groups, pods, now)
        soonest = self._shrink(groups, pods, now)
        self._report(groups)
        waits = [RETRY_S] if due or self._blocked else []
        waits += [PATIENCE_S] if stuck else []
        return min([*waits, *soonest], default=None)

    def _resize(self, group: Group, nodes: list[Node]) -> None:
        active = [n for n in nodes if not (n.going or n.retiring)]
        target = self._target(group, len(active))
        change = resize(group, nodes, target)
        if change.launch:
            self._launch(group, spread(group, active, self._zones(group), change.launch))
        for node in change.retire:
            self._changed(node, self._actuator.cordon(node))
        for node in active:
            if node.launched_with == group.launch and not group.is_current(node):
                self._changed(node, self._actuator.describe(group, node))

    def _target(self, group: Group, size: int) -> int:
        """Of a group that scales by itself: what it was given first, and since then what it came to."""
        if not group.autoscaled:
            return group.desired
        seen = size or group.desired if records.READY not in group.written else size
        target = max(group.min, min(group.max, self._targets.get(group.id, seen)))
        self._targets[group.id] = target
        return target

    def _launch(self, group: Group, zones: Sequence[str]) -> None:
        with self._lock:
            taken = [n.index for n in self._nodes.values() if n.group == group.id]
        numbers = indices(group, taken, len(zones))
        with ThreadPoolExecutor(HANDS) as pool:
            for node in pool.map(partial(self._actuator.launch, group), numbers, zones):
                self._changed(None, node)

    def _changed(self, before: Node | None, node: Node) -> None:
        """So that the next look does not do it again; unless the watch has told already, which knows better."""
        with self._lock:
            if self._nodes.get(node.name) == before:
                self._nodes[node.name] = node

    def _grow(self, groups: dict[str, Group], pods: list[Pod], now: float) -> bool:
        """For the pods that the scheduler could not place; gives whether some are left."""
        self._helped = {uid: at for uid, at in self._helped.items() if now - at < PATIENCE_S}
        waiting = [p for p in pods if p.state == "unschedulable" and not (p.going or p.stays or p.uid in self._helped)]
        if not waiting:
            return False
        with self._lock:
            nodes = list(self._nodes.values())
        found = Planner(groups.values(), nodes, pods, self._zones).growth(waiting)
        for name, zones in found.launches.items():
            self._targets[name] = self._targets.get(name, 0) + len(zones)
            self._launch(groups[name], zones)
        for word in found.words:
            self._actuator.say(word)
            if word.reason == "TriggeredScaleUp":
                self._helped[word.pod.uid] = now
        return True

    def _shrink(self, groups: dict[str, Group], pods: list[Pod], now: float) -> Iterable[float]:
        """Takes idle nodes away; gives when the next ones will have been idle long enough."""
        busy = {p.node for p in pods if p.state == "placed" and not p.stays}
        scaling = {g.id: g for g in groups.values() if g.autoscaled}
        with self._lock:
            nodes = [n for n in self._nodes.values() if n.group in scaling and not (n.going or n.retiring)]
        self._idle = {n.name: self._idle.get(n.name, now) for n in nodes if n.ready and n.name not in busy}
        for group in scaling.values():
            mine = [n for n in nodes if n.group == group.id]
            if all(n.launched_with == group.launch for n in mine):
                for node in idle(group, mine, self._idle, now, len(mine)):
                    self._targets[group.id] -= 1
                    self._idle.pop(node.name)
                    self._changed(node, self._actuator.cordon(node))
                    self._wake.set()
        above = {g.id for g in scaling.values() if self._targets.get(g.id, 0) > g.min}
        mine = {n.name for n in nodes if n.group in above}
        return [max(0.1, at + IDLE_S - now) for name, at in self._idle.items() if name in mine]

    def _retire(self, groups: dict[str, Group], nodes: dict[str, Node], pods: list[Pod], now: float) -> bool:
        """Drains what is to go; gives whether there is more to do."""
        leaving = [n for n in nodes.values() if n.group and not n.going and (n.retiring or n.group not in groups)]
        self._blocked = {}
        if not leaving:
            return False
        names = {n.name for n in leaving}
        on: dict[str, list[Pod]] = {}
        for pod in pods:
            if pod.node in names and pod.state == "placed" and not pod.stays:
                on.setdefault(pod.node, []).append(pod)
        for node in leaving:
            work = on.get(node.name, [])
            if self._actuator.drain(node, work, now, abandoned=node.group not in groups):
                self._changed(node, replace(node, going=True))
            else:
                self._blocked[node.group] = f"{node.name} waits for {len(work)} pods to leave"
        return True

    def _report(self, groups: dict[str, Group]) -> None:
        with self._lock:
            nodes = list(self._nodes.values())
        for group in groups.values():
            mine = [n for n in nodes if n.group == group.id and not n.going]
            ready = sum(n.ready and not n.retiring and group.is_current(n) for n in mine)
            leaving = any(n.retiring or not group.is_current(n) for n in mine)
            self._actuator.note(group, records.READY, f"{ready}@{group.generation}{'+replacing' if leaving else ''}")
            lacking = len(mine) < max(group.min, 1) and not self._zones(group)
            why = self._blocked.get(group.id) or (_shortage(group) if lacking else None)
            self._actuator.note(group, records.WAITING, why)


def _shortage(group: Group) -> str:
    where = f" in {', '.join(group.zones)}" if group.zones else ""
    return f"no capacity for {group.capacity} {group.machine}{where} (a fault of the sandbox)"
