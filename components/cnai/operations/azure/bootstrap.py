"""A storage account with a container for Pulumi's state, and a Key Vault with a key for its secrets.

Written against azure-mgmt-storage 25, azure-mgmt-keyvault 14 and azure-mgmt-resource 26; never run against Azure.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cnai.clouds.azure.settings import AzureSettings
from cnai.errors import UserError
from cnai.operations.adapters import library
from cnai.operations.azure.session import existing, explained
from cnai.operations.bootstrap import StateStore
from cnai.operations.covering import covers

OLD_VERSIONS_DAYS = 90
CONTAINER, KEY = "state", "state"
ROLES = "Storage Blob Data Contributor on the storage account, and Key Vault Crypto User on the vault"


@dataclass(frozen=True)
class Clients:
    """Management clients of one subscription."""

    resources: Any
    storage: Any
    vaults: Any


@dataclass(frozen=True)
class Names:
    group: str
    account: str
    vault: str


def names(env: str, settings: AzureSettings, account: str = "") -> Names:
    """Account and vault names are at most 24 letters and digits, unique across Azure."""
    digest = hashlib.sha256(f"{settings.subscription_id}/{env}".encode()).hexdigest()[:16]
    return Names(f"cnai-{env}-state", account or f"cnai{digest}", f"cnai-{digest}")


def account_wanted(settings: AzureSettings) -> dict[str, Any]:
    """Keyed by the REST API's names, as are all below: https://learn.microsoft.com/rest/api/storagerp/"""
    return {
        "location": settings.region,
        "kind": "StorageV2",
        "sku": {"name": "Standard_ZRS"},
        "properties": {
            "allowBlobPublicAccess": False,
            "allowSharedKeyAccess": False,
            "minimumTlsVersion": "TLS1_2",
            "supportsHttpsTrafficOnly": True,
        },
    }


VERSIONED: dict[str, Any] = {
    "properties": {"isVersioningEnabled": True, "deleteRetentionPolicy": {"enabled": True, "days": 30}}
}


def old_versions() -> dict[str, Any]:
    action = {"version": {"delete": {"daysAfterCreationGreaterThan": OLD_VERSIONS_DAYS}}}
    rule = {
        "name": "old-versions",
        "enabled": True,
        "type": "Lifecycle",
        "definition": {"filters": {"blobTypes": ["blockBlob"]}, "actions": action},
    }
    return {"properties": {"policy": {"rules": [rule]}}}


def vault_wanted(settings: AzureSettings) -> dict[str, Any]:
    facts = {
        "tenantId": settings.tenant_id,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "enablePurgeProtection": True,
    }
    return {"location": settings.region, "properties": facts}


KEY_WANTED: dict[str, Any] = {"properties": {"kty": "RSA", "keySize": 3072}}


def bootstrap(env: str, settings: AzureSettings, bucket: str = "") -> StateStore:
    identity, subscription = library("azure.identity"), settings.subscription_id
    resources = library("azure.mgmt.resource.resources").ResourceManagementClient
    storage = library("azure.mgmt.storage").StorageManagementClient
    vaults = library("azure.mgmt.keyvault").KeyVaultManagementClient
    credential = identity.DefaultAzureCredential()
    clients = Clients(*(client(credential, subscription) for client in (resources, storage, vaults)))
    with explained("bootstrap"):
        called = names(env, settings, bucket)
        changes = tuple(made(clients, called, settings))
    return StateStore(
        backend=f"azblob://{CONTAINER}?storage_account={called.account}",
        secrets_provider=f"azurekeyvault://{called.vault}.vault.azure.net/keys/{KEY}",
        changes=changes,
        remarks=(f"whoever runs `up` needs these roles: {ROLES}",),
    )


def made(clients: Clients, called: Names, settings: AzureSettings) -> Iterator[str]:
    """Creates or completes each in turn; yields what it did."""
    if not clients.resources.resource_groups.check_existence(called.group):
        _free(clients, called)
        clients.resources.resource_groups.create_or_update(called.group, {"location": settings.region})
        yield f"resource group {called.group}"
    yield from _account(clients.storage, called, settings)
    yield from _vault(clients.vaults, called, settings)


def _free(clients: Clients, called: Names) -> None:
    """Rejected before anything is created."""
    asked = {"name": called.account, "type": "Microsoft.Storage/storageAccounts"}
    if not clients.storage.storage_accounts.check_name_availability(asked).name_available:
        raise UserError(
            f"the storage account {called.account} belongs to another subscription: name another with --bucket"
        )


def _account(storage: Any, called: Names, settings: AzureSettings) -> Iterator[str]:
    place, wanted = (called.group, called.account), account_wanted(settings)
    if not covers(existing(lambda: storage.storage_accounts.get_properties(*place)), wanted):
        storage.storage_accounts.begin_create(*place, wanted).result()
        yield f"storage account {called.account}: TLS only, neither public nor by shared key"
    if not covers(existing(lambda: storage.blob_services.get_service_properties(*place)), VERSIONED):
        storage.blob_services.set_service_properties(*place, VERSIONED)
        yield "versioning"
    if not covers(existing(lambda: storage.management_policies.get(*place, "default")), old_versions()):
        storage.management_policies.create_or_update(*place, "default", old_versions())
        yield f"old versions deleted after {OLD_VERSIONS_DAYS} days"
    if existing(lambda: storage.blob_containers.get(*place, CONTAINER)) is None:
        storage.blob_containers.create(*place, CONTAINER, {"properties": {"publicAccess": "None"}})
        yield f"container {CONTAINER}"


def _vault(vaults: Any, called: Names, settings: AzureSettings) -> Iterator[str]:
    place, wanted = (called.group, called.vault), vault_wanted(settings)
    if not covers(existing(lambda: vaults.vaults.get(*place)), wanted):
        vaults.vaults.begin_create_or_update(*place, wanted).result()
        yield f"key vault {called.vault}: RBAC, purge protection"
    if existing(lambda: vaults.keys.get(*place, KEY)) is None:
        vaults.keys.create_if_not_exist(*place, KEY, KEY_WANTED)
        yield f"key {KEY}"
