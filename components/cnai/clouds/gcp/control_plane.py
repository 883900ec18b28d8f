"""The GKE cluster itself, without nodes: the arguments of `gcp.container.Cluster`. Pure."""

from dataclasses import dataclass
from typing import Any

import pulumi

from cnai.clouds.gcp.identity import workload_pool
from cnai.clouds.gcp.network import PODS, SERVICES
from cnai.clouds.gcp.settings import GcpSettings

Spec = dict[str, Any]
SATURDAY, WINDOW_HOURS = "2026-01-03", 8
"""Where the weekly window is counted from, and how long it is: GKE wants 48 hours in every 32 days."""
SINCE = "2026-01-01T00:00:00Z"
CONTROL_PLANE = ["SYSTEM_COMPONENTS", "APISERVER", "CONTROLLER_MANAGER", "SCHEDULER"]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The network the cluster is in."""

    network: pulumi.Input[str]
    subnetwork: pulumi.Input[str]
    secrets_key: pulumi.Input[str] | None
    labels: dict[str, str]


def cluster_name(environment: str) -> str:
    """At most 40 characters, and a letter first."""
    return f"cnai-{environment}"[:40].rstrip("-")


def cluster(environment: str, settings: GcpSettings, at: Surroundings) -> Spec:
    return {
        "name": cluster_name(environment),
        "location": settings.region,
        "node_locations": list(settings.zone_names()),
        # The default pool that GKE requires is removed at once: pools are separate resources.
        "remove_default_node_pool": True,
        "initial_node_count": 1,
        "deletion_protection": not settings.disposable,
        "resource_labels": at.labels,
        **networking(settings, at),
        **access(settings),
        **versions(settings),
        **security(settings, at),
        **operation(),
    }


def networking(settings: GcpSettings, at: Surroundings) -> Spec:
    """VPC-native, Dataplane V2; only clusters created for it can have additional networks for GPUs."""
    return {
        "network": at.network,
        "subnetwork": at.subnetwork,
        "networking_mode": "VPC_NATIVE",
        "ip_allocation_policy": {
            "cluster_secondary_range_name": PODS,
            "services_secondary_range_name": SERVICES,
            "stack_type": "IPV4",
        },
        "datapath_provider": "ADVANCED_DATAPATH",
        "enable_multi_networking": True,
        "enable_intranode_visibility": True,
        "private_cluster_config": {
            "enable_private_nodes": True,
            "enable_private_endpoint": not settings.public_access_cidrs,
            "master_ipv4_cidr_block": settings.control_plane_cidr,
            "master_global_access_config": {"enabled": True},
        },
    }


def access(settings: GcpSettings) -> Spec:
    spec: Spec = {
        "master_auth": {"client_certificate_config": {"issue_client_certificate": False}},
        "anonymous_authentication_config": {"mode": "LIMITED"},
        "workload_identity_config": {"workload_pool": workload_pool(settings.project)},
    }
    if settings.public_access_cidrs:
        spec["master_authorized_networks_config"] = {
            "cidr_blocks": [{"cidr_block": cidr} for cidr in settings.public_access_cidrs],
            "gcp_public_cidrs_access_enabled": False,
        }
    return spec


def versions(settings: GcpSettings) -> Spec:
    """The minor is ours to say; patches come from the channel, in the window.

    https://docs.cloud.google.com/kubernetes-engine/docs/concepts/maintenance-windows-and-exclusions
    """
    hour, minute = map(int, settings.maintenance_start.split(":"))
    end = f"2026-01-{3 + (hour + WINDOW_HOURS) // 24:02d}T{(hour + WINDOW_HOURS) % 24:02d}:{minute:02d}:00Z"
    return {
        "min_master_version": settings.kubernetes_version(),
        "release_channel": {"channel": settings.release_channel.upper()},
        "maintenance_policy": {
            "recurring_window": {
                "start_time": f"{SATURDAY}T{settings.maintenance_start}:00Z",
                "end_time": end,
                "recurrence": "FREQ=WEEKLY;BYDAY=SA,SU",
            },
            "maintenance_exclusions": [
                {
                    "exclusion_name": "minors-are-planned",
                    "start_time": SINCE,
                    "exclusion_options": {"scope": "NO_MINOR_UPGRADES", "end_time_behavior": "UNTIL_END_OF_SUPPORT"},
                }
            ],
        },
    }


def security(settings: GcpSettings, at: Surroundings) -> Spec:
    spec: Spec = {
        "enable_shielded_nodes": True,
        "binary_authorization": {"evaluation_mode": "PROJECT_SINGLETON_POLICY_ENFORCE"},
        "security_posture_config": {"mode": "BASIC", "vulnerability_mode": "VULNERABILITY_DISABLED"},
    }
    if settings.cmek:
        spec["database_encryption"] = {"state": "ENCRYPTED", "key_name": at.secrets_key}
    return spec


def operation() -> Spec:
    """Metrics of pods are Prometheus' of the platform, not Google's."""
    return {
        "addons_config": {
            "gcs_fuse_csi_driver_config": {"enabled": True},
            "gce_persistent_disk_csi_driver_config": {"enabled": True},
            "dns_cache_config": {"enabled": True},
        },
        "cluster_autoscaling": {"enabled": False, "autoscaling_profile": "OPTIMIZE_UTILIZATION"},
        "logging_config": {"enable_components": [*CONTROL_PLANE, "WORKLOADS"]},
        "monitoring_config": {"enable_components": CONTROL_PLANE, "managed_prometheus": {"enabled": False}},
        "cost_management_config": {"enabled": True},
    }
