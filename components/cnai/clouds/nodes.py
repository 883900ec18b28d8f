"""Nodes as machines would register themselves and device plugins complete them: pure, for every simulated node."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cnai.clouds import devices, kubelet
from cnai.clouds.machines import Machine, RouteKind
from cnai.clouds.pools import CAPACITY_LABEL, POOL_LABEL, PoolPlan, Route


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A machine that joins a cluster."""

    name: str
    machine: Machine
    cloud: str
    """Key of nodes.toml: whose provider ID, labels and reservations it has."""
    region: str
    zone: str = ""
    capacity: RouteKind = "on-demand"
    group: str = ""
    """What the cloud calls the node group."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    taints: Sequence[Mapping[str, str]] = ()
    accelerator: str = ""
    """The cloud's own word for the model, where it labels nodes with it."""
    topology: str = ""
    """Of the TPU slice that it is part of."""
    kubelet_version: str = ""

    @property
    def words(self) -> dict[str, str]:
        digest = hashlib.sha256(f"{self.group}/{self.name}".encode()).hexdigest()[:17]
        return {
            "name": self.name,
            "group": self.group,
            "region": self.region,
            "zone": self.zone,
            "id": digest,
            "accelerator": self.accelerator or self._product,
            "topology": self.topology,
        }

    @property
    def _product(self) -> str:
        """Who makes an accelerator and rents it out has one name for it; GPUs are called otherwise in every cloud."""
        found = self.machine.accelerator
        return found.product if found and found.resource != devices.GPU else ""


def manifest(node: Registration) -> dict[str, Any]:
    """The whole Node, its devices published already."""
    labels = {**_cloud_labels(node), **node.labels, **_well_known_labels(node), CAPACITY_LABEL: node.capacity}
    spec: dict[str, Any] = {"providerID": kubelet.conventions(node.cloud)["provider_id"].format(**node.words)}
    if node.taints:
        spec["taints"] = [dict(taint) for taint in node.taints]
    published = devices.published(node.machine, labels)
    status: dict[str, Any] = {
        "capacity": kubelet.capacity(node.machine) | published,
        "allocatable": kubelet.allocatable(node.machine, node.cloud) | published,
    }
    if node.kubelet_version:
        status["nodeInfo"] = _node_info(node)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "labels": labels | devices.discovered(node.machine, labels),
            "annotations": {"kwok.x-k8s.io/node": "fake"},
        },
        "spec": spec,
        "status": status,
    }


def node_name(plan: PoolPlan, index: int) -> str:
    return f"{plan.name}-{index}"


def node_manifest(plan: PoolPlan, index: int, *, region: str, route: Route | None = None) -> dict[str, Any]:
    """The `index`-th node of a local pool, in its zones by turns and on its first route unless another is given."""
    return manifest(
        Registration(
            name=node_name(plan, index),
            machine=plan.machine,
            cloud="local",
            region=region,
            zone=plan.zones[index % len(plan.zones)] if plan.zones else "",
            capacity=(route or plan.routes[0]).kind,
            group=plan.name,
            labels={**plan.labels, POOL_LABEL: plan.name, **devices.sharing_labels(plan.sharing)},
            taints=[
                {"key": t.key, "effect": t.effect, **({"value": t.value} if t.value else {})} for t in plan.all_taints
            ],
        )
    )


def _well_known_labels(node: Registration) -> dict[str, str]:
    labels = {
        "kubernetes.io/arch": node.machine.arch,
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": node.machine.name,
        "topology.kubernetes.io/region": node.region,
    }
    if node.zone:
        labels["topology.kubernetes.io/zone"] = node.zone
    return labels


def _cloud_labels(node: Registration) -> dict[str, str]:
    """Those that the cloud puts on a group's nodes; one that needs a word which is not known is left out."""
    table, resource = kubelet.conventions(node.cloud), node.machine.accelerator and node.machine.accelerator.resource
    templates: dict[str, str] = {
        **table["labels"],
        **table.get("capacity", {}).get(node.capacity, {}),
        **table.get("devices", {}).get(resource, {}),
        **(table.get("fabric", {}) if node.machine.fabric else {}),
    }
    found = {key: template.format(**node.words) for key, template in templates.items()}
    return {key: value for key, value in found.items() if value}


def _node_info(node: Registration) -> dict[str, str]:
    """What a kubelet says of itself; what is not known here is empty, since the API wants every field."""
    unknown = ("bootID", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion", "machineID", "systemUUID")
    version = f"v{node.kubelet_version.removeprefix('v')}"
    return {
        **dict.fromkeys(unknown, ""),
        "architecture": node.machine.arch,
        "kubeletVersion": version,
        "operatingSystem": "linux",
        "osImage": "simulated",
    }
