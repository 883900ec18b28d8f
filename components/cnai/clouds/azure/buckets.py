"""Blob containers for models, data and backups, and what each team's pods may do there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import pulumi
import pulumi_kubernetes as k8s
from pulumi_azure_native import authorization, managedidentity, storage

from cnai.catalog.children import child_of
from cnai.clouds.azure.identity import AUDIENCE, Role, assign, subject
from cnai.clouds.azure.names import global_name
from cnai.clouds.azure.settings import AzureSettings
from cnai.clouds.protocol import Purpose

CLIENT_ID = "azure.workload.identity/client-id"
"""Annotation of a ServiceAccount; traits say which label its pods carry."""
SOFT_DELETE_DAYS = 30
_CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_BLOBS = f"{_CONTAINERS}/blobs"


@dataclass(frozen=True, kw_only=True)
class AzureBucketsArgs:
    environment: str
    settings: AzureSettings
    resource_group: pulumi.Input[str]
    subnet: pulumi.Input[str]
    """The nodes': no other network may read or write."""
    issuer: pulumi.Input[str]
    """The cluster's OIDC issuer."""
    kubernetes: pulumi.ProviderResource
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


def account_properties(args: AzureBucketsArgs) -> dict[str, Any]:
    zoned = bool(args.settings.zone_names())
    return {
        "account_name": global_name(args.environment, args.settings.subscription_id),
        "resource_group_name": args.resource_group,
        "location": args.settings.region,
        "kind": "StorageV2",
        "sku": {"name": "Standard_ZRS" if zoned else "Standard_LRS"},
        "access_tier": "Hot",
        "minimum_tls_version": "TLS1_2",
        "enable_https_traffic_only": True,
        "allow_blob_public_access": False,
        "allow_shared_key_access": False,
        "allow_cross_tenant_replication": False,
        "default_to_o_auth_authentication": True,
        "encryption": {"key_source": "Microsoft.Storage", "require_infrastructure_encryption": True},
        "network_rule_set": {
            "default_action": "Deny",
            "bypass": "AzureServices",
            "virtual_network_rules": [{"virtual_network_resource_id": args.subnet, "action": "Allow"}],
        },
        "tags": dict(args.tags),
    }


def blob_properties() -> dict[str, Any]:
    kept = {"enabled": True, "days": SOFT_DELETE_DAYS}
    return {
        "blob_services_name": "default",
        "is_versioning_enabled": True,
        "delete_retention_policy": kept,
        "container_delete_retention_policy": kept,
    }


def below(team: str) -> str:
    """Role assignment condition: only blobs below `<team>/`, and lists of no other prefix.

    https://learn.microsoft.com/azure/storage/blobs/storage-auth-abac-examples
    """
    acts = "".join(
        f" AND !(ActionMatches{{'{_BLOBS}/{act}'}})"
        for act in ("write", "add/action", "delete", "deleteBlobVersion/action")
    )
    reads = f"ActionMatches{{'{_BLOBS}/read'}}"
    inside = f"@Resource[{_BLOBS}:path] StringLike '{team}/*'"
    lists = f"@Request[{_BLOBS}:prefix] StringStartsWith '{team}/'"
    return (
        f"((!({reads} AND NOT SubOperationMatches{{'Blob.List'}}){acts}) OR ({inside}))"
        f" AND ((!({reads} AND SubOperationMatches{{'Blob.List'}})) OR ({lists}))"
    )


class AzureBuckets(pulumi.ComponentResource):
    """One storage account with a container for each purpose."""

    endpoint: pulumi.Output[str]
    names: Mapping[Purpose, pulumi.Output[str]]

    def __init__(self, name: str, args: AzureBucketsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AzureBuckets", name, {}, opts)
        self._name, self._args = name, args
        kept = child_of(self, protect=not args.settings.disposable)
        account = storage.StorageAccount(f"{name}-account", opts=kept, **account_properties(args))
        self._here: dict[str, Any] = {"account_name": account.name, "resource_group_name": args.resource_group}
        service = storage.BlobServiceProperties(f"{name}-blobs", opts=kept, **self._here, **blob_properties())
        self._containers: dict[Purpose, storage.BlobContainer] = {
            purpose: storage.BlobContainer(
                f"{name}-{purpose}",
                container_name=purpose,
                public_access=storage.PublicAccess.NONE,
                opts=child_of(self, service, protect=kept.protect),
                **self._here,
            )
            for purpose in get_args(Purpose)
        }
        self.names = {purpose: each.name for purpose, each in self._containers.items()}
        self.endpoint = account.primary_endpoints.apply(lambda found: found.blob if found else "")
        self.register_outputs({"endpoint": self.endpoint})

    def team_access(self, team: str, namespace: str, service_account: str, opts: pulumi.ResourceOptions) -> None:
        name = f"{self._name}-{team}"
        identity = self._identity(name, team)
        managedidentity.FederatedIdentityCredential(
            f"{name}-pods",
            federated_identity_credential_resource_name="pods",
            resource_name_=identity.name,
            resource_group_name=self._args.resource_group,
            issuer=self._args.issuer,
            subject=subject(namespace, service_account),
            audiences=[AUDIENCE],
            opts=child_of(self),
        )
        self._grant(f"{name}-models", "Storage Blob Data Reader", "models", identity)
        self._grant(f"{name}-data", "Storage Blob Data Contributor", "data", identity, below(team))
        k8s.core.v1.ServiceAccountPatch(
            f"{name}-account",
            metadata={
                "name": service_account,
                "namespace": namespace,
                "annotations": {CLIENT_ID: identity.client_id},
            },
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(provider=self._args.kubernetes)),
        )

    def _identity(self, name: str, team: str) -> managedidentity.UserAssignedIdentity:
        return managedidentity.UserAssignedIdentity(
            f"{name}-identity",
            resource_name_=f"team-{team}",
            resource_group_name=self._args.resource_group,
            location=self._args.settings.region,
            opts=child_of(self),
        )

    def _grant(
        self,
        name: str,
        role: Role,
        purpose: Purpose,
        identity: managedidentity.UserAssignedIdentity,
        condition: str | None = None,
    ) -> authorization.RoleAssignment:
        scope, subscription = self._containers[purpose].id, self._args.settings.subscription_id
        return assign(name, role, scope, identity, subscription, child_of(self), condition)
