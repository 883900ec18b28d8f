"""Who the control plane, the nodes and the pods are to Azure, and what each may do."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import pulumi
from pulumi_azure_native import authorization, managedidentity

from cnai.catalog.children import child_of

Role = Literal[
    "AcrPull",
    "Contributor",
    "Key Vault Contributor",
    "Key Vault Crypto User",
    "Managed Identity Operator",
    "Network Contributor",
    "Storage Blob Data Contributor",
    "Storage Blob Data Reader",
]
ROLES: Mapping[Role, str] = MappingProxyType(
    {
        "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
        "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Key Vault Contributor": "f25e0fa2-a7c8-4377-a976-54943a77a395",
        "Key Vault Crypto User": "12338af0-0e69-4776-bea7-57ae8d297424",
        "Managed Identity Operator": "f1a07417-d97a-45cb-824c-7a7467783830",
        "Network Contributor": "4d97b98b-1d4f-4787-a291-c67834d212e7",
        "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    }
)
"""Built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles"""
AUDIENCE = "api://AzureADTokenExchange"


def role_id(subscription_id: str, role: Role) -> str:
    """With its subscription, as Azure hands it back: a shorter ID would show as drift."""
    return f"/subscriptions/{subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{ROLES[role]}"


def subject(namespace: str, service_account: str) -> str:
    return f"system:serviceaccount:{namespace}:{service_account}"


def assign(
    name: str,
    role: Role,
    scope: pulumi.Input[str],
    identity: managedidentity.UserAssignedIdentity,
    subscription_id: str,
    opts: pulumi.ResourceOptions,
    condition: str | None = None,
) -> authorization.RoleAssignment:
    """The principal's type is said, so that Azure need not find an identity that it has only just made."""
    return authorization.RoleAssignment(
        name,
        scope=scope,
        role_definition_id=role_id(subscription_id, role),
        principal_id=identity.principal_id,
        principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,
        condition=condition,
        condition_version="2.0" if condition else None,
        opts=opts,
    )


@dataclass(frozen=True, kw_only=True)
class AzureIdentitiesArgs:
    resource_group: pulumi.Input[str]
    region: str
    subscription_id: str
    vnet: pulumi.Input[str]
    """The VNet's ID: the control plane changes its subnets."""
    reservations: tuple[str, ...] = ()
    """IDs of capacity reservation groups that pools draw from."""


class AzureIdentities(pulumi.ComponentResource):
    """One identity for the control plane, one for kubelets, with the rights that AKS documents."""

    control_plane: managedidentity.UserAssignedIdentity
    kubelet: managedidentity.UserAssignedIdentity
    granted: list[pulumi.Resource]
    """What must be there before the cluster."""

    def __init__(self, name: str, args: AzureIdentitiesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AzureIdentities", name, {}, opts)
        self._args = args
        self.control_plane = self._identity(name, "control-plane")
        self.kubelet = self._identity(name, "kubelet")
        self.granted = [
            self._grant(f"{name}-network", "Network Contributor", args.vnet),
            self._grant(f"{name}-kubelet-operator", "Managed Identity Operator", self.kubelet.id),
            *(
                self._grant(f"{name}-reservations-{index}", "Contributor", group)
                for index, group in enumerate(sorted({_group_of(each) for each in args.reservations}))
            ),
        ]
        self.register_outputs({})

    def profile(self) -> dict[str, Any]:
        """What a ManagedCluster says of them."""
        kubelet = self.kubelet
        facts = {"resource_id": kubelet.id, "client_id": kubelet.client_id, "object_id": kubelet.principal_id}
        return {
            "identity": {"type": "UserAssigned", "user_assigned_identities": [self.control_plane.id]},
            "identity_profile": {"kubeletidentity": facts},
        }

    def _identity(self, name: str, short: str) -> managedidentity.UserAssignedIdentity:
        return managedidentity.UserAssignedIdentity(
            f"{name}-{short}",
            resource_name_=short,
            resource_group_name=self._args.resource_group,
            location=self._args.region,
            opts=child_of(self),
        )

    def _grant(self, name: str, role: Role, scope: pulumi.Input[str]) -> authorization.RoleAssignment:
        return assign(name, role, scope, self.control_plane, self._args.subscription_id, child_of(self))


def _group_of(reservation: str) -> str:
    """The resource group, which is where AKS wants the right:
    https://learn.microsoft.com/azure/aks/use-capacity-reservation-groups"""
    return reservation.partition("/providers/")[0]
