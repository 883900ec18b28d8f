"""Control plane logs, kept in a Log Analytics workspace."""

from typing import Any

import pulumi
from pulumi_azure_native import monitor, operationalinsights

CATEGORIES = (
    "kube-apiserver",
    "kube-audit-admin",
    "kube-controller-manager",
    "kube-scheduler",
    "cluster-autoscaler",
    "guard",
)
"""`kube-audit-admin` is the audit log without reads; `guard` is who signed in.
https://learn.microsoft.com/azure/aks/monitor-aks-reference"""


def workspace(
    name: str, retention_days: int, placed: dict[str, Any], opts: pulumi.ResourceOptions
) -> operationalinsights.Workspace:
    return operationalinsights.Workspace(
        name,
        workspace_name="logs",
        sku={"name": operationalinsights.WorkspaceSkuNameEnum.PER_GB2018},
        retention_in_days=retention_days,
        opts=opts,
        **placed,
    )


def control_plane_logs(
    name: str, cluster: pulumi.Input[str], kept_in: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> monitor.DiagnosticSetting:
    return monitor.DiagnosticSetting(
        name,
        name="control-plane",
        resource_uri=cluster,
        workspace_id=kept_in,
        log_analytics_destination_type="Dedicated",
        logs=[{"category": category, "enabled": True} for category in CATEGORIES],
        opts=opts,
    )
