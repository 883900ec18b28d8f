"""What device plugins and feature discovery do on the nodes that Karpenter made, which come without devices."""

from collections.abc import Mapping
from typing import Any

from cnai.clouds import devices
from cnai.clouds.machines import Machine, machines
from cnai.kube import ApiError, Kube, Object
from cnai.sandbox.controllers.reflector import Kind

INSTANCE_TYPE = "node.kubernetes.io/instance-type"
NODES = Kind("v1", "Node", label_selector="karpenter.sh/nodepool")
NOT_FOUND = 404


def missing(node: Mapping[str, Any], machine: Machine) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and extended resources that the node should have and has not, or has otherwise."""
    has: Mapping[str, str] = node["metadata"].get("labels") or {}
    allocatable: Mapping[str, Any] = (node.get("status") or {}).get("allocatable") or {}
    labels, resources = devices.discovered(machine, has), devices.published(machine, has)
    return (
        {key: value for key, value in labels.items() if has.get(key) != value},
        {key: value for key, value in resources.items() if str(allocatable.get(key)) != value},
    )


class Publisher:
    def __init__(self, kube: Kube, cloud: str) -> None:
        self._kube = kube
        self._cloud = cloud

    def node_changed(self, _before: Object | None, node: Object | None) -> None:
        if node is None or "deletionTimestamp" in node["metadata"]:
            return
        machine = machines(self._cloud).get(node["metadata"]["labels"].get(INSTANCE_TYPE, ""))
        if machine is None:
            return
        labels, resources = missing(node, machine)
        name = node["metadata"]["name"]
        try:
            if labels:
                self._kube.patch("v1", "Node", name, {"metadata": {"labels": labels}})
            if resources:
                status = {"status": {"capacity": resources, "allocatable": resources}}
                self._kube.patch("v1", "Node", name, status, subresource="status")
        except ApiError as error:
            if error.status != NOT_FOUND:  # gone meanwhile
                raise
