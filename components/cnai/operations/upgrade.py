"""A Kubernetes minor upgrade: what blocks it, what it changes in the stack file, and the order `up` follows."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnai.environment import Environment
from cnai.errors import UserError
from cnai.kube import Kube, Object
from cnai.operations.adapters import adapter
from cnai.operations.removals import number, uses

MINOR = re.compile(r"1\.\d{2}")
ORDER = (
    "control plane",
    "add-ons of the cluster",
    "system pool",
    "what runs on it: DNS, disks, autoscaler",
    "every other pool, node by node: surging by one where capacity allows, evicting pods within their budgets",
)
"""The order of a plain `up`: each step waits for the one before, since its resources depend on it."""


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    environment: str
    current: str
    target: str
    values: Mapping[str, str]
    """To write below the cloud's key in the stack file."""
    remarks: tuple[str, ...] = ()
    """What could not be checked, and why."""

    def as_json(self) -> dict[str, object]:
        return {
            "environment": self.environment,
            "from": self.current,
            "to": self.target,
            "values": dict(self.values),
            "order": list(ORDER),
            "remarks": list(self.remarks),
        }


def planned(environment: Environment, target: str, kube: Kube | None, image: str = "") -> Upgrade:
    """Raises `UserError` with one line per blocker. `kube`: the cluster, if it is to be checked."""
    settings = environment.cloud_settings
    current = settings.kubernetes_version()
    if text := next(_wrong_step(environment, current, target), ""):
        raise UserError(text)
    if kube is not None and (wrong := [*behind(kube.list("v1", "Node"), current), *_in_use(kube, current, target)]):
        raise UserError("\n".join(wrong))
    values, remarks = _values(environment, target, image)
    if kube is None:
        remarks = (*remarks, "the cluster was not checked: neither its nodes' versions nor uses of removed APIs")
    return Upgrade(environment=environment.name, current=current, target=target, values=values, remarks=remarks)


def changed(config: Mapping[str, Any], cloud: str, values: Mapping[str, str]) -> dict[str, Any]:
    """A stack file's config with `values` below the cloud's key."""
    place = dict(config["cnai:cloud"])
    place[cloud] = {**(place[cloud] or {}), **values}
    return {**config, "cnai:cloud": place}


def behind(nodes: Sequence[Object], current: str) -> Iterator[str]:
    """Nodes the last upgrade has not reached yet."""
    if not nodes:
        yield "the cluster has no nodes, and every environment has some: is this the right cluster, and is it up?"
    versions = {node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes}
    late = sorted(name for name, version in versions.items() if number(_minor(version)) < number(current))
    if late:
        shown = ", ".join(late[:3]) + (f" and {len(late) - 3} more" if len(late) > 3 else "")
        yield f"nodes still run {_minor(versions[late[0]])}: {shown}: run `up` to bring all of them to {current} first"


def _in_use(kube: Kube, current: str, target: str) -> Iterator[str]:
    for use in uses(kube, current, target):
        yield f"{target} no longer serves it: {use.text}"


def _wrong_step(environment: Environment, current: str, target: str) -> Iterator[str]:
    if not environment.cloud_settings.makes_nodes:
        yield f"{environment.name} is an existing cluster: upgrade it with what created it, then set kubernetes"
    if "kubernetes" not in type(environment.cloud_settings).model_fields:  # type: ignore[attr-defined]
        yield f"{environment.name}: {environment.cloud} offers only Kubernetes {current}"
    if not MINOR.fullmatch(target):
        yield f"--to {target}: give a minor, such as 1.{number(current) + 1}"
    elif number(target) == number(current):
        yield f"{environment.name} is already at {current}"
    elif number(target) < number(current):
        yield f"{environment.name} is at {current}: Kubernetes cannot be downgraded to {target}"
    elif number(target) > number(current) + 1:
        yield f"{environment.name} is at {current}, and minors cannot be skipped: go to 1.{number(current) + 1} first"


def _values(environment: Environment, target: str, image: str) -> tuple[dict[str, str], tuple[str, ...]]:
    values, module = {"kubernetes": target}, adapter(environment.cloud, "nodes")
    if module is None:
        return values, ()
    more, remarks = module.for_minor(environment.cloud_settings, target, image)
    return values | more, remarks


def _minor(version: str) -> str:
    return ".".join(version.removeprefix("v").split(".")[:2])
