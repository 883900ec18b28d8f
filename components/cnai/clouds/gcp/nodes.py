"""What a node pool declares of its nodes: machine, disks, devices, taints and how they come by their capacity. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from cnai.clouds.devices import sharing_labels
from cnai.clouds.gcp.facts import accelerator_word, boot_disk, is_gpu, is_tpu, local_ssds, series
from cnai.clouds.gcp.groups import Group
from cnai.clouds.gcp.settings import Driver
from cnai.clouds.kubelet import ROOT_DISK_GIB
from cnai.clouds.machines import Machine
from cnai.clouds.pools import CAPACITY_LABEL, POOL_LABEL, PoolPlan, Taint

Spec = dict[str, Any]
_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}
_DRIVERS: Mapping[Driver, str] = {"default": "DEFAULT", "latest": "LATEST", "operator": "INSTALLATION_DISABLED"}
NO_GKE_PLUGIN = {"gke-no-default-nvidia-gpu-device-plugin": "true"}
"""Keeps GKE's own device plugin off a node: https://docs.cloud.google.com/kubernetes-engine/docs/how-to/gpu-operator"""
NETWORK_DRA = {"cloud.google.com/gke-networking-dra-driver": "true"}
"""GKE's driver that hands a node's further network interfaces to pods:
https://docs.cloud.google.com/kubernetes-engine/docs/how-to/allocate-network-resources-dra"""
QUEUED = {"cloud.google.com/gke-queued": "true"}
RESERVATION_NAME = "compute.googleapis.com/reservation-name"


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """What all nodes of a cluster have in common."""

    service_account: pulumi.Input[str]
    tag: str
    """Network tag, by which firewalls know them."""
    disk_key: pulumi.Input[str] | None
    """Encrypts boot disks; Google's own key where there is none."""
    gpu_driver: Driver
    labels: Mapping[str, str]
    """On what Compute Engine makes of them."""


def node_config(plan: PoolPlan, group: Group, common: NodeSettings) -> Spec:
    by_operator = is_gpu(plan.machine) and common.gpu_driver == "operator"
    return {
        **boot(plan.machine, common, by_operator=by_operator),
        **identity(common),
        **hardening(secure_boot=not by_operator and not is_tpu(plan.machine)),
        "labels": node_labels(plan, group, by_operator=by_operator),
        "resource_labels": dict(common.labels),
        "taints": [taint(each) for each in plan.all_taints],
        "gvnic": {"enabled": True},
        **devices(plan, common.gpu_driver),
        **capacity(group),
    }


def boot(machine: Machine, common: NodeSettings, *, by_operator: bool) -> Spec:
    return {
        "machine_type": machine.name,
        # The GPU operator has no driver for Container-Optimized OS.
        "image_type": "UBUNTU_CONTAINERD" if by_operator else "COS_CONTAINERD",
        "disk_type": boot_disk(machine),
        "disk_size_gb": ROOT_DISK_GIB,
        "boot_disk_kms_key": common.disk_key,
    }


def identity(common: NodeSettings) -> Spec:
    """What a node may do is its service account's rights; the scope does not narrow them."""
    return {
        "service_account": common.service_account,
        "oauth_scopes": ["https://www.googleapis.com/auth/cloud-platform"],
        "tags": [common.tag],
        "workload_metadata_config": {"mode": "GKE_METADATA"},
    }


def hardening(*, secure_boot: bool) -> Spec:
    """The GPU operator's driver is not signed, and TPU machines boot without."""
    return {
        "metadata": {"disable-legacy-endpoints": "true"},
        "shielded_instance_config": {"enable_integrity_monitoring": True, "enable_secure_boot": secure_boot},
        "kubelet_config": {"insecure_kubelet_readonly_port_enabled": "FALSE"},
    }


def devices(plan: PoolPlan, driver: Driver) -> Spec:
    machine, found = plan.machine, Spec()
    if machine.arch == "arm64":
        # GKE would taint them for their architecture, which the accelerator's own taint makes needless.
        found["taint_config"] = {"architecture_taint_behavior": "NONE"}
    if ssds := local_ssds(machine):
        found["ephemeral_storage_local_ssd_config"] = {"local_ssd_count": ssds}
    if is_gpu(machine):
        found["guest_accelerators"] = [guest_accelerator(plan, driver)]
    return found


def node_labels(plan: PoolPlan, group: Group, *, by_operator: bool) -> dict[str, str]:
    labels = {**plan.labels, POOL_LABEL: plan.name, CAPACITY_LABEL: group.route.kind, **sharing_labels(plan.sharing)}
    if by_operator:
        labels |= NO_GKE_PLUGIN
    if has_accelerator_network(plan):
        labels |= NETWORK_DRA
    if is_queued(plan, group):
        labels |= QUEUED
    return labels


def taint(each: Taint) -> Spec:
    return {"key": each.key, "value": each.value, "effect": _EFFECTS[each.effect]}


def guest_accelerator(plan: PoolPlan, driver: Driver) -> Spec:
    """GKE shares GPUs itself, unless the GPU operator does."""
    found: Spec = {
        "type": accelerator_word(plan.machine),
        "count": plan.machine.accelerator_count,
        "gpu_driver_installation_config": {"gpu_driver_version": _DRIVERS[driver]},
    }
    if driver == "operator":
        return found
    if plan.sharing.mig:
        found["gpu_partition_size"] = plan.sharing.mig
    if plan.sharing.time_slices > 1:
        found["gpu_sharing_config"] = {
            "gpu_sharing_strategy": "TIME_SHARING",
            "max_shared_clients_per_gpu": plan.sharing.time_slices,
        }
    return found


def capacity(group: Group) -> Spec:
    """How the machines are come by; one route never takes what is another's."""
    kind, named = group.route.kind, group.route.id
    if kind in ("reserved", "block"):
        if not named:
            return {"reservation_affinity": {"consume_reservation_type": "ANY_RESERVATION_THEN_FAIL"}}
        specific = {"consume_reservation_type": "SPECIFIC_RESERVATION", "key": RESERVATION_NAME, "values": [named]}
        return {"reservation_affinity": specific}
    found: Spec = {"reservation_affinity": {"consume_reservation_type": "NO_RESERVATION"}}
    if kind == "spot":
        found["spot"] = True
    if kind == "queued":
        found["flex_start"] = True
    return found


def is_queued(plan: PoolPlan, group: Group) -> bool:
    """Whether nodes come through ProvisioningRequests only, all at once; for TPUs flex-start does without.

    https://docs.cloud.google.com/kubernetes-engine/docs/how-to/provisioningrequest
    """
    return group.route.kind == "queued" and is_gpu(plan.machine)


def has_accelerator_network(plan: PoolPlan) -> bool:
    """Whether the GPUs have their own network interfaces, whose networks GKE creates."""
    return is_gpu(plan.machine) and plan.machine.nics > 1


def needs_workload_policy(plan: PoolPlan) -> str:
    """The topology in which GKE shall place the nodes by a policy of Compute Engine's; empty where it needs none."""
    return series(plan.machine).get("topology", "") if plan.placement else ""
