"""The key that encrypts the cluster's Secrets, in a vault that no network reaches but the control plane's."""

from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, keyvault

from cnai.catalog.children import child_of
from cnai.clouds.azure.identity import AzureIdentities, Role, assign

KEY_BITS = 4096
SOFT_DELETE_DAYS = 90


@dataclass(frozen=True, kw_only=True)
class AzureVaultArgs:
    resource_group: pulumi.Input[str]
    region: str
    subscription_id: str
    tenant_id: str
    identities: AzureIdentities
    disposable: bool = False


def vault_properties(tenant_id: str) -> keyvault.VaultPropertiesArgsDict:
    """Who lost the key lost every Secret: it cannot be purged."""
    return {
        "tenant_id": tenant_id,
        "sku": {"family": keyvault.SkuFamily.A, "name": keyvault.SkuName.STANDARD},
        "enable_rbac_authorization": True,
        "enable_soft_delete": True,
        "enable_purge_protection": True,
        "soft_delete_retention_in_days": SOFT_DELETE_DAYS,
        "public_network_access": "Disabled",
        "network_acls": {
            "default_action": keyvault.NetworkRuleAction.DENY,
            "bypass": keyvault.NetworkRuleBypassOptions.NONE,
        },
    }


class AzureVault(pulumi.ComponentResource):
    """Vault and key; the name is made up, since that of a deleted vault stays taken for 90 days."""

    vault_id: pulumi.Output[str]
    key_id: pulumi.Output[str]
    """With its version, as AKS wants it."""
    granted: list[pulumi.Resource]

    def __init__(self, name: str, args: AzureVaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AzureVault", name, {}, opts)
        kept = child_of(self, protect=not args.disposable)
        vault = keyvault.Vault(
            name,
            resource_group_name=args.resource_group,
            location=args.region,
            properties=vault_properties(args.tenant_id),
            opts=kept,
        )
        key = keyvault.Key(
            f"{name}-secrets",
            key_name="secrets",
            vault_name=vault.name,
            resource_group_name=args.resource_group,
            properties={"kty": keyvault.JsonWebKeyType.RSA, "key_size": KEY_BITS},
            opts=kept,
        )
        self.vault_id, self.key_id = vault.id, key.key_uri_with_version
        # Contributor, since AKS makes the vault's private endpoint itself.
        roles: dict[str, Role] = {"encrypts": "Key Vault Crypto User", "connects": "Key Vault Contributor"}
        self.granted = [self._grant(f"{name}-{what}", role, args, vault.id) for what, role in roles.items()]
        self.register_outputs({})

    def profile(self) -> dict[str, pulumi.Output[str]]:
        """What a ManagedCluster says of them."""
        return {"key_id": self.key_id, "key_vault_resource_id": self.vault_id}

    def _grant(
        self, name: str, role: Role, args: AzureVaultArgs, scope: pulumi.Input[str]
    ) -> authorization.RoleAssignment:
        return assign(name, role, scope, args.identities.control_plane, args.subscription_id, child_of(self))
