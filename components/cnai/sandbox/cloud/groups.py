"""Node groups: what each cloud's inputs say of one, as the record that the attendants' daemon makes nodes from."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from cnai.clouds.pools import Taint, TaintEffect
from cnai.plugin.errors import ProviderError

if TYPE_CHECKING:
    from cnai.kube import Kube, Object

NAMESPACE = "kube-system"
LABEL = "cnai.dev/node-group"
READY = "cnai.dev/nodes-ready"
WHY = "cnai.dev/nodes-waiting"
"""What the daemon writes where it cannot make the nodes."""
MANAGER = "cnai-simulated-cloud"
POLL_S = 0.3


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group of nodes that are all alike, in the words of the daemon that makes them."""

    name: str
    cloud: str
    kind: str
    """What it is on the real thing."""
    pool: str
    machine: str
    min: int
    max: int
    desired: int
    autoscaled: bool
    capacity: str
    """The route by which it gets machines."""
    weight: int = 0
    zones: list[str] = field(default_factory=list[str])
    region: str = ""
    labels: dict[str, str] = field(default_factory=dict[str, str])
    taints: list[Taint] = field(default_factory=list[Taint])
    kubernetes: str = ""
    image: str = ""
    """What the nodes run: another one is other nodes."""
    accelerator: str = ""
    """The cloud's own word for it, where its nodes carry that as a label."""
    topology: str = ""
    """Of a TPU slice of several hosts, such as `4x4`: it comes and goes whole."""

    @property
    def config_map(self) -> str:
        """The record's name; a group's own may hold what an object's must not."""
        return f"node-group-{self.name.lower().replace('_', '-')}"


def manifest(group: Group, labels: Mapping[str, str] | None = None) -> "Object":
    text = json.dumps(asdict(group), sort_keys=True)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": group.config_map, "namespace": NAMESPACE, "labels": {LABEL: "true", **(labels or {})}},
        "data": {"group": text, "generation": generation(text)},
    }


def generation(text: str) -> str:
    """The generation the daemon reports for its nodes: ConfigMaps have none of their own."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def settle(
    kube: "Kube",
    group: Group,
    timeout_s: float,
    tell: Callable[[str], None],
    labels: Mapping[str, str] | None = None,
) -> None:
    """Writes the record and waits until its nodes are Ready. `ProviderError` when the time is up."""
    wanted = manifest(group, labels)
    kube.apply(wanted, MANAGER, force=True)
    deadline = time.monotonic() + timeout_s
    said = ""
    while True:
        found = kube.get("v1", "ConfigMap", group.config_map, NAMESPACE) or {}
        notes: Mapping[str, str] = found.get("metadata", {}).get("annotations") or {}
        ready, _, of = notes.get(READY, "").partition("@")
        if of == wanted["data"]["generation"] and ready.isdigit() and int(ready) >= group.desired:
            return
        if not group.desired and not nodes(kube, group):
            return
        why = notes.get(WHY, "")
        if time.monotonic() > deadline:
            raise ProviderError(
                f"{group.kind} {group.name}: {ready or 0} of {group.desired} nodes ({group.machine}) are Ready after "
                f"{timeout_s:.0f} s{f': {why}' if why else ''}"
            )
        status = f"{ready or 0} of {group.desired} nodes Ready{f': {why}' if why else ''}"
        if status != said:
            tell(said := status)
        time.sleep(POLL_S)


def nodes(kube: "Kube", group: Group) -> "list[Object]":
    return kube.list("v1", "Node", label_selector=f"{LABEL}={group.name}")


def remove(kube: "Kube", group: Group, timeout_s: float) -> None:
    """Takes the record away and waits until the nodes are gone with it."""
    kube.delete("v1", "ConfigMap", group.config_map, NAMESPACE)
    deadline = time.monotonic() + timeout_s
    while left := nodes(kube, group):
        if time.monotonic() > deadline:
            names = ", ".join(node["metadata"]["name"] for node in left)
            raise ProviderError(f"{group.kind} {group.name}: {names} still there after {timeout_s:.0f} s")
        time.sleep(POLL_S)


def taints(given: Iterable[Mapping[str, Any]], effects: Mapping[str, TaintEffect]) -> list[Taint]:
    return [
        Taint(key=each["key"], value=each.get("value") or "", effect=effects.get(each["effect"], each["effect"]))
        for each in given
    ]
