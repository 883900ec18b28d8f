"""Azure Container Registry: the environment's own images, pulled by nodes without a password."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_azure_native import containerregistry, managedidentity

from cnai.catalog.children import child_of
from cnai.clouds.azure.identity import assign
from cnai.clouds.azure.names import global_name
from cnai.clouds.azure.settings import AzureSettings

UNTAGGED_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class AzureRegistryArgs:
    environment: str
    settings: AzureSettings
    resource_group: pulumi.Input[str]
    kubelet: managedidentity.UserAssignedIdentity
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


def registry_properties(args: AzureRegistryArgs) -> dict[str, Any]:
    """Premium, since only that has retention and zones."""
    zoned = bool(args.settings.zone_names())
    return {
        "registry_name": global_name(args.environment, args.settings.subscription_id, most=50),
        "resource_group_name": args.resource_group,
        "location": args.settings.region,
        "sku": {"name": "Premium"},
        "admin_user_enabled": False,
        "anonymous_pull_enabled": False,
        "zone_redundancy": "Enabled" if zoned else "Disabled",
        "policies": {"retention_policy": {"status": "enabled", "days": UNTAGGED_DAYS}},
        "tags": dict(args.tags),
    }


class AzureRegistry(pulumi.ComponentResource):
    """The registry, and nodes' right to pull from it."""

    url: pulumi.Output[str]

    def __init__(self, name: str, args: AzureRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AzureRegistry", name, {}, opts)
        kept = child_of(self, protect=not args.settings.disposable)
        registry = containerregistry.Registry(f"{name}-images", opts=kept, **registry_properties(args))
        subscription = args.settings.subscription_id
        assign(f"{name}-pull", "AcrPull", registry.id, args.kubelet, subscription, child_of(self))
        self.url = registry.login_server
        self.register_outputs({"url": self.url})
