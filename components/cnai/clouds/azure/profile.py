"""What an AKS cluster is asked to be, beyond its pools."""

from collections.abc import Mapping
from typing import Any

from cnai.clouds.azure.addresses import dns_address
from cnai.clouds.azure.settings import AzureSettings

IMAGE_CLEANER_HOURS = 168


def cluster_profile(settings: AzureSettings, api_subnet: Any) -> dict[str, Any]:
    """Properties of a ManagedCluster by the SDK's names."""
    return {
        "kubernetes_version": settings.kubernetes_version(),
        "sku": {"name": "Base", "tier": "Standard"},
        "enable_rbac": True,
        "disable_local_accounts": True,
        "aad_profile": {
            "managed": True,
            "enable_azure_rbac": True,
            "admin_group_object_ids": list(settings.admin_groups),
            "tenant_id": settings.tenant_id,
        },
        "oidc_issuer_profile": {"enabled": True},
        "api_server_access_profile": _access(settings, api_subnet),
        "network_profile": _network(settings),
        "storage_profile": {
            "disk_csi_driver": {"enabled": True},
            "blob_csi_driver": {"enabled": True},
            "file_csi_driver": {"enabled": False},
            "snapshot_controller": {"enabled": True},
        },
        # The minor is the stack file's to raise; images of nodes follow their fixes.
        "auto_upgrade_profile": {"upgrade_channel": "none", "node_os_upgrade_channel": "NodeImage"},
        "auto_scaler_profile": {"expander": "priority"},
        "metrics_profile": {"cost_analysis": {"enabled": True}},
    }


def security_profile(settings: AzureSettings, workspace: Any, key: Mapping[str, Any] | None) -> dict[str, Any]:
    """`key`: `key_id` and `key_vault_resource_id` of what encrypts Secrets, if it is one's own."""
    found: dict[str, Any] = {
        "workload_identity": {"enabled": True},
        "image_cleaner": {"enabled": True, "interval_hours": IMAGE_CLEANER_HOURS},
    }
    if key:
        found["azure_key_vault_kms"] = {"enabled": True, "key_vault_network_access": "Private", **key}
    if settings.defender:
        found["defender"] = {
            "log_analytics_workspace_resource_id": workspace,
            "security_monitoring": {"enabled": True},
        }
    return found


def _access(settings: AzureSettings, subnet: Any) -> dict[str, Any]:
    """In the VNet always, which a private key vault needs; on the internet only for the ranges that are named."""
    common = {"enable_vnet_integration": True, "subnet_id": subnet, "disable_run_command": True}
    if settings.public_access_cidrs:
        return {**common, "enable_private_cluster": False, "authorized_ip_ranges": list(settings.public_access_cidrs)}
    return {
        **common,
        "enable_private_cluster": True,
        "enable_private_cluster_public_fqdn": False,
        "private_dns_zone": "system",
    }


def _network(settings: AzureSettings) -> dict[str, Any]:
    return {
        "network_plugin": "azure",
        "network_plugin_mode": "overlay",
        "network_dataplane": "cilium",
        "network_policy": "cilium",
        "load_balancer_sku": "standard",
        "outbound_type": "userAssignedNATGateway",
        "pod_cidr": settings.pod_cidr,
        "service_cidr": settings.service_cidr,
        "dns_service_ip": dns_address(settings.service_cidr),
    }
