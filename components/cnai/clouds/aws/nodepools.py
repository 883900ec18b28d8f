"""What Karpenter is told of a pool: a NodePool and an EC2NodeClass for each way to its machines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from cnai.catalog.children import custom_resource
from cnai.clouds.aws.fabric import group_name
from cnai.clouds.aws.facts import interfaces
from cnai.clouds.aws.groups import ROOT_DISK_GIB
from cnai.clouds.aws.network import subnet_name
from cnai.clouds.aws.routes import floor, growth, karpenter_routes, node_labels, route_name, zones_of
from cnai.clouds.pools import POOL_LABEL, PoolPlan, Route

_HEAVIEST, _STEP = 100, 10
"""Karpenter tries the NodePool with the greatest weight first; weights go from 1 to 100."""
NODE_CLASS, NODE_POOL = "karpenter.k8s.aws/v1", "karpenter.sh/v1"


@dataclass(frozen=True, kw_only=True)
class NodeClassArgs:
    """What nodes of this cluster have in common, whichever pool they are of."""

    role: pulumi.Input[str]
    """Name of their IAM role."""
    image_release: str
    """Such as `1.36.2-20260714`."""
    cluster: str
    tags: Mapping[str, str]


def node_class(args: NodeClassArgs, plan: PoolPlan, *routes: Route, placement: pulumi.Input[str] | None = None) -> Any:
    """spec of an EC2NodeClass that serves these routes of a pool."""
    zones = dict.fromkeys(zone for route in routes for zone in zones_of(plan, route))
    spec: dict[str, Any] = {
        "role": args.role,
        # EKS' image for the machine: Karpenter takes the NVIDIA or Neuron one where it has such devices.
        "amiSelectorTerms": [{"alias": f"al2023@v{args.image_release.partition('-')[2]}"}],
        "subnetSelectorTerms": [{"tags": {"Name": subnet_name(args.cluster, "private", zone)}} for zone in zones],
        "securityGroupSelectorTerms": security_groups(args.cluster, plan),
        "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
        "blockDeviceMappings": [{"deviceName": "/dev/xvda", "rootVolume": True, "ebs": _root_disk()}],
        "kubelet": {"maxPods": plan.machine.max_pods},
        "tags": {**args.tags, POOL_LABEL: plan.name},
    }
    if plan.machine.local_disk_gb:
        spec["instanceStorePolicy"] = "RAID0"
    if plan.fabric == "efa":
        spec["networkInterfaces"] = interfaces(plan.machine)
    if placement is not None:
        spec["placementGroupSelector"] = {"name": placement}
    if terms := [term for route in routes if route.kind == "reserved" for term in reservations(plan, route)]:
        spec["capacityReservationSelectorTerms"] = terms
    return spec


def security_groups(cluster: str, plan: PoolPlan) -> list[dict[str, Any]]:
    """The one that EKS makes for the cluster, and for nodes with EFA the one that lets them speak it.

    By tags, so that a preview knows all of it:
    https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html
    """
    terms = [{"tags": {"aws:eks:cluster-name": cluster}}]
    return [*terms, {"tags": {"Name": group_name(cluster)}}] if plan.fabric == "efa" else terms


def reservations(plan: PoolPlan, route: Route) -> list[dict[str, Any]]:
    """The one that is named; else every open one, and targeted ones that carry the pool's name as a tag."""
    if route.id:
        return [{"id": route.id}]
    return [{"instanceMatchCriteria": "open"}, {"tags": {POOL_LABEL: plan.name}}]


def _root_disk() -> dict[str, Any]:
    return {"volumeType": "gp3", "volumeSize": f"{ROOT_DISK_GIB}Gi", "encrypted": True, "deleteOnTermination": True}


def template(plan: PoolPlan, node_class_name: str, *routes: Route) -> dict[str, Any]:
    zones = dict.fromkeys(zone for route in routes for zone in zones_of(plan, route))
    wants = {
        "node.kubernetes.io/instance-type": [plan.machine.name],
        "kubernetes.io/arch": [plan.machine.arch],
        "kubernetes.io/os": ["linux"],
        "karpenter.sh/capacity-type": list(dict.fromkeys(route.kind for route in routes)),
        "topology.kubernetes.io/zone": list(zones),
    }
    spec: dict[str, Any] = {
        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": node_class_name},
        "requirements": [{"key": key, "operator": "In", "values": values} for key, values in wants.items()],
        # A node of accelerators is replaced when its image is, never for its age under a job that runs.
        "expireAfter": "Never" if plan.gpu_resource else "720h",
    }
    if plan.all_taints:
        taints = [{"key": t.key, "value": t.value, "effect": t.effect} for t in plan.all_taints]
        spec["taints"] = [{key: value for key, value in taint.items() if value} for taint in taints]
    return {"metadata": {"labels": node_labels(plan, *routes)}, "spec": spec}


def disruption(plan: PoolPlan) -> dict[str, Any]:
    """Idle nodes go. Pods are moved to fewer nodes where that is cheap, which it is not under a training job."""
    empty = plan.gpu_resource is not None
    return {
        "consolidationPolicy": "WhenEmpty" if empty else "WhenEmptyOrUnderutilized",
        "consolidateAfter": "5m" if empty else "1m",
        "budgets": [{"nodes": "10%"}],
    }


def node_pool(plan: PoolPlan, route: Route) -> dict[str, Any]:
    """spec of the NodePool that grows by one route, those that come first in the pool before those that follow."""
    place = karpenter_routes(plan).index(route)
    return {
        "template": template(plan, route_name(plan, route), route),
        "disruption": disruption(plan),
        "limits": limits(plan),
        "weight": max(_HEAVIEST - _STEP * place, 1),
    }


def limits(plan: PoolPlan) -> dict[str, str]:
    """Of one NodePool. Karpenter counts nothing across several, so with more routes a pool can exceed its `max`."""
    machine, nodes = plan.machine, growth(plan)
    found = {"nodes": str(nodes), "cpu": str(machine.vcpu * nodes)}
    if machine.accelerator:
        found[machine.accelerator.resource] = str(machine.accelerator_count * nodes)
    return found


def static_pool(plan: PoolPlan) -> dict[str, Any]:
    """spec of the NodePool that keeps a pool's `min`: upstream's own way, alpha, which needs no node group beside it.

    It takes every route of the pool, in Karpenter's own order: reserved, then the cheapest. One node more than that may
    be there while one is replaced. https://karpenter.sh/v1.14/concepts/nodepools/#specreplicas
    """
    return {
        "template": template(plan, floor_name(plan), *karpenter_routes(plan)),
        "disruption": disruption(plan),
        "replicas": floor(plan),
        "limits": {"nodes": str(floor(plan) + 1)},
    }


def floor_name(plan: PoolPlan) -> str:
    return f"{plan.name}-min"


class AwsNodePools(pulumi.ComponentResource):
    """All NodePools of one pool: one for each route, and one for its `min`."""

    def __init__(
        self,
        name: str,
        args: NodeClassArgs,
        plan: PoolPlan,
        placement: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("cnai:clouds:AwsNodePools", name, {}, opts)
        routes = karpenter_routes(plan)
        if routes and floor(plan):
            self._pair(floor_name(plan), node_class(args, plan, *routes, placement=placement), static_pool(plan))
        for route in routes if growth(plan) else ():
            own = node_class(args, plan, route, placement=placement)
            self._pair(route_name(plan, route), own, node_pool(plan, route))
        self.register_outputs({})

    def _pair(self, name: str, node_class_spec: Any, node_pool_spec: Any) -> None:
        inside = pulumi.ResourceOptions(parent=self)
        metadata = {"name": name}
        node_class = {"apiVersion": NODE_CLASS, "kind": "EC2NodeClass", "metadata": metadata, "spec": node_class_spec}
        node_pool = {"apiVersion": NODE_POOL, "kind": "NodePool", "metadata": metadata, "spec": node_pool_spec}
        first = custom_resource(f"{name}-class", node_class, inside)
        custom_resource(name, node_pool, pulumi.ResourceOptions(parent=self, depends_on=[first]))
