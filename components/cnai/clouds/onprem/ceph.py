"""Rook-Ceph: block volumes and shared file systems on the disks of the site's own nodes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from cnai.catalog import merged
from cnai.catalog.children import child_of
from cnai.catalog.installing import declared_namespace, install
from cnai.catalog.placement import on_system_nodes
from cnai.clouds.onprem.traits import CEPH_CLASS
from cnai.clouds.traits import ClusterTraits

NAMESPACE = "rook-ceph"
"""Of operator, drivers and cluster; the drivers' names begin with it."""
POOL, FILE_SYSTEM, DATA_POOL = "ceph-blockpool", "ceph-filesystem", "data0"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_SECRETS = {"provisioner": "provisioner", "controller-expand": "provisioner", "controller-publish": "provisioner"}


@dataclass(frozen=True, kw_only=True)
class CephArgs:
    traits: ClusterTraits
    """What the cluster can do; `Cluster.traits` gives it."""
    selector: Mapping[str, str]
    """Labels of the nodes whose disks it takes, and on which its daemons run."""
    devices: str | None = None
    """Regular expression over disks' names; every empty disk where it is left out."""
    replicas: int = 3
    """Copies, each on another node."""
    tolerations: tuple[Mapping[str, Any], ...] = ()
    """Of every node on which a pod may want a volume."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values of the cluster's chart laid over ours."""


def operator_values(args: CephArgs) -> dict[str, Any]:
    system = on_system_nodes(args.traits)
    return {**system, "ceph-csi-operator": {"controllerManager": system}}


def driver_values(args: CephArgs) -> dict[str, Any]:
    """Node plugins mount volumes, so they run wherever pods do."""
    tolerations = {str(dict(each)): dict(each) for each in args.tolerations}
    return {"operatorConfig": {"driverSpecDefaults": {"nodePlugin": {"tolerations": list(tolerations.values())}}}}


def cluster_values(args: CephArgs) -> dict[str, Any]:
    """StorageClasses are separate resources: the chart's could never be changed."""
    replicated = {"replicated": {"size": args.replicas}}
    here = {"failureDomain": "host", **replicated}
    storage: dict[str, Any] = {"useAllNodes": True, "useAllDevices": args.devices is None}
    if args.devices is not None:
        storage["deviceFilter"] = args.devices
    servers = {"activeCount": 1, "activeStandby": True, "placement": _placement(args)}
    file_system = {
        "metadataPool": replicated,
        "dataPools": [{"name": DATA_POOL, **here}],
        "metadataServer": {**servers, "priorityClassName": "system-cluster-critical"},
    }
    computed = {
        "cephClusterSpec": {"storage": storage, "placement": {"all": _placement(args)}},
        "cephBlockPools": [{"name": POOL, "spec": here, "storageClass": {"enabled": False}}],
        "cephFileSystems": [{"name": FILE_SYSTEM, "spec": file_system, "storageClass": {"enabled": False}}],
    }
    return merged(computed, args.values)


def _placement(args: CephArgs) -> dict[str, Any]:
    terms = [{"key": key, "operator": "In", "values": [value]} for key, value in sorted(args.selector.items())]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": terms}]}}
    tolerations = [dict(each) for each in args.traits.system_tolerations]
    return {"nodeAffinity": required, **({"tolerations": tolerations} if tolerations else {})}


def storage_classes() -> dict[str, dict[str, Any]]:
    """Name -> what it says; one for block volumes, which is the default, and one for those that pods share."""
    block = {"pool": POOL, "imageFormat": "2", "imageFeatures": "layering", **_secrets("rbd")}
    shared = {"fsName": FILE_SYSTEM, "pool": f"{FILE_SYSTEM}-{DATA_POOL}", **_secrets("cephfs")}
    return {CEPH_CLASS: _class("rbd", block, default=True), FILE_SYSTEM: _class("cephfs", shared, default=False)}


def _secrets(driver: str) -> dict[str, str]:
    """Rook makes these Secrets."""
    named = {stage: f"rook-csi-{driver}-{who}" for stage, who in _SECRETS.items()} | {
        "node-stage": f"rook-csi-{driver}-node"
    }
    found = {"clusterID": NAMESPACE, "csi.storage.k8s.io/fstype": "ext4"}
    for stage, name in named.items():
        found[f"csi.storage.k8s.io/{stage}-secret-name"] = name
        found[f"csi.storage.k8s.io/{stage}-secret-namespace"] = NAMESPACE
    return found


def _class(driver: str, parameters: dict[str, str], *, default: bool) -> dict[str, Any]:
    return {
        "annotations": {DEFAULT_CLASS: str(default).lower()},
        "provisioner": f"{NAMESPACE}.{driver}.csi.ceph.com",
        "parameters": parameters,
        "reclaim_policy": "Delete",
        "allow_volume_expansion": True,
        "volume_binding_mode": "Immediate",
    }


class Ceph(pulumi.ComponentResource):
    """Operator, CSI drivers, one cluster, StorageClasses; protected unless the cluster is disposable."""

    def __init__(self, name: str, args: CephArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:Ceph", name, {}, opts)
        kept = child_of(self, protect=not args.traits.disposable)
        namespace = declared_namespace("rook-ceph", f"{name}-namespace", kept)
        charts = {
            "rook-ceph": ("operator", operator_values(args)),
            "ceph-csi-drivers": ("drivers", driver_values(args)),
            "rook-ceph-cluster": ("cluster", cluster_values(args)),
        }
        last: list[pulumi.Resource] = []
        for package, (role, values) in charts.items():
            after = child_of(self, *last, protect=kept.protect)
            last = [install(package, f"{name}-{role}", values, after, namespace=namespace)]
        for title, facts in storage_classes().items():
            self._storage_class(f"{name}-{title}", title, dict(facts), child_of(self, *last))
        self.register_outputs({})

    def _storage_class(self, name: str, title: str, facts: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        annotations = facts.pop("annotations")
        k8s.storage.v1.StorageClass(name, metadata={"name": title, "annotations": annotations}, opts=opts, **facts)
