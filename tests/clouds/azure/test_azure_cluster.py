"""What an Azure environment declares: closed to the internet, known to Entra alone, all in an order that works."""

import inspect
import json

import pulumi_azure_native as azure
import pytest
from azure_samples import ADMINS, H100, SUBSCRIPTION, TENANT, declare, pool, settings

from cnai.clouds.azure.buckets import below
from cnai.clouds.azure.cluster import AzureClusterArgs
from cnai.clouds.azure.identity import ROLES
from cnai.clouds.pools import Route
from cnai.policy.evaluate import evaluate, evaluate_set
from cnai.policy.loading import rules
from cnai.policy.model import Context, Resource
from cnai.policy.packs import packs
from recording import record

AKS = "azure-native:containerservice:ManagedCluster"
AGENT_POOL = "azure-native:containerservice:AgentPool"


@pytest.fixture(scope="module")
def everything():
    return record(declare(), "cnai", "azure-prod")


def of_type(resources, kind):
    return [each for each in resources if each.type == kind]


def only(resources, kind):
    (found,) = of_type(resources, kind)
    return found


def violations(resources):
    subjects = [
        Resource(type=each.type, body={**each.inputs, "id": f"{each.name}-id"}, logical_name=each.name)
        for each in resources
    ]
    context = Context(resources=subjects, settings={})
    for name in (*packs()["azure"].rules, "azureBoundedNodePools"):
        rule = rules()[name]
        if rule.set_predicate:
            yield from ((name, found) for found in evaluate_set(rule, subjects, context))
        else:
            yield from ((name, found) for each in subjects for found in evaluate(rule, each, context))


def test_no_rule_of_the_azure_pack_has_anything_to_say(everything):
    assert list(violations(everything)) == []


def test_the_rules_would_have_something_to_say(declared):
    assert {name for name, _ in violations(declared(declare(secrets_key=False)))} == {"azureAksSecretsEncrypted"}


def test_every_input_is_a_property_of_the_providers_schema(everything):
    """By the SDK's own translation: a key that it does not know would stay in snake case."""
    for each in everything:
        if each.type.startswith("azure-native:"):
            assert "_" not in "".join(keys(each.inputs, skip=("tags", "nodeLabels"))), each.key
            _, module, kind = each.type.split(":")
            known = inspect.signature(getattr(getattr(azure, module), kind)._internal_init).parameters
            flat = {key.replace("_", "").lower() for key in known}
            assert {key.lower() for key in each.inputs} <= flat, each.key


def keys(value, skip):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from () if key in skip else keys(inner, skip)
    elif isinstance(value, list):
        for each in value:
            yield from keys(each, skip)


def test_everything_goes_through_the_clusters_own_providers(everything):
    for each in everything:
        if each.type.startswith("azure-native:"):
            assert each.options["provider"] == "pulumi:providers:azure-native::cluster-azure", each.key
        if each.type.startswith("kubernetes:"):
            assert each.options["provider"] == "pulumi:providers:kubernetes::cluster-kubernetes", each.key
    provider = only(everything, "pulumi:providers:azure-native")
    assert (provider.inputs["subscriptionId"], provider.inputs["tenantId"]) == (SUBSCRIPTION, TENANT)


def test_names_are_unique(everything):
    assert len({(each.parent, each.key) for each in everything}) == len(everything)


def test_people_are_known_by_entra_only_and_pods_by_workload_identity(everything):
    inputs = only(everything, AKS).inputs
    assert inputs["disableLocalAccounts"] is True
    assert inputs["aadProfile"] == {
        "managed": True,
        "enableAzureRBAC": True,
        "tenantID": TENANT,
        "adminGroupObjectIDs": [ADMINS],
    }
    assert inputs["oidcIssuerProfile"] == {"enabled": True}
    assert inputs["securityProfile"]["workloadIdentity"] == {"enabled": True}


def test_the_api_is_private_unless_ranges_are_named(everything, declared):
    access = only(everything, AKS).inputs["apiServerAccessProfile"]
    assert access["enablePrivateCluster"] is True
    assert access["enablePrivateClusterPublicFQDN"] is False
    opened = declared(declare(public_access_cidrs=("198.51.100.0/24",)))
    access = only(opened, AKS).inputs["apiServerAccessProfile"]
    assert access["enablePrivateCluster"] is False
    assert access["authorizedIPRanges"] == ["198.51.100.0/24"]
    assert list(violations(opened)) == []


def test_pods_have_an_overlay_with_cilium_and_leave_through_the_nat_gateway(everything):
    assert (
        only(everything, AKS).inputs["networkProfile"].items()
        >= {
            "networkPlugin": "azure",
            "networkPluginMode": "overlay",
            "networkDataplane": "cilium",
            "networkPolicy": "cilium",
            "outboundType": "userAssignedNATGateway",
            "dnsServiceIP": "172.16.0.10",
        }.items()
    )
    nodes = next(each for each in everything if each.name == "cluster-network-nodes")
    assert nodes.inputs["natGateway"] == {"id": "cluster-network-nat-id"}
    assert nodes.inputs["defaultOutboundAccess"] is False


def test_the_key_is_in_a_vault_that_the_control_plane_alone_reaches(everything):
    kms = only(everything, AKS).inputs["securityProfile"]["azureKeyVaultKms"]
    assert kms["keyVaultNetworkAccess"] == "Private"
    assert only(everything, "azure-native:keyvault:Vault").inputs["properties"]["publicNetworkAccess"] == "Disabled"
    assert {"azure-native:authorization:RoleAssignment::cluster-vault-encrypts"} <= set(
        only(everything, AKS).options["dependsOn"]
    )


def test_without_a_key_of_ones_own_there_is_no_vault(declared):
    resources = declared(declare(secrets_key=False))
    assert not of_type(resources, "azure-native:keyvault:Vault")
    assert "azureKeyVaultKms" not in only(resources, AKS).inputs["securityProfile"]


def test_defender_is_there_when_asked_for(everything, declared):
    assert "defender" not in only(everything, AKS).inputs["securityProfile"]
    asked = only(declared(declare(defender=True)), AKS).inputs["securityProfile"]["defender"]
    assert asked["securityMonitoring"] == {"enabled": True}
    assert asked["logAnalyticsWorkspaceResourceId"] == "cluster-logs-id"


def test_the_system_pool_is_the_clusters_own_and_every_other_route_an_agent_pool(everything):
    (own,) = only(everything, AKS).inputs["agentPoolProfiles"]
    assert (own["name"], own["mode"], own["minCount"], own["maxCount"]) == ("system", "System", 3, 6)
    assert {each.name for each in of_type(everything, AGENT_POOL)} == {
        "a10-reserved-a10-eastus2-1",
        "a10-on-demand",
        "a10-spot",
        "a100-on-demand",
        "h100-on-demand",
    }


def test_a_second_route_of_the_system_pool_is_an_agent_pool_in_system_mode(declared):
    two = (Route(kind="reserved", id="/subscriptions/s/resourceGroups/r/x"), Route(kind="on-demand"))
    resources = declared(declare({"system": pool("system", "Standard_D8ds_v5", min=3, max=6, routes=two)}))
    assert only(resources, AGENT_POOL).inputs["mode"] == "System"
    assert only(resources, AGENT_POOL).name == "system-on-demand"


def test_what_the_autoscaler_counts_is_not_counted_back(everything):
    ignored = {each.name: each.options.get("ignoreChanges") for each in of_type(everything, AGENT_POOL)}
    assert ignored["h100-on-demand"] == ["count"]
    assert ignored["a100-on-demand"] is None
    assert only(everything, AKS).options["ignoreChanges"] == ["agentPoolProfiles[0].count"]


def test_a_compact_pool_has_a_placement_group_that_the_control_plane_may_change(everything):
    group = only(everything, "azure-native:compute:ProximityPlacementGroup")
    assert group.inputs["intent"] == {"vmSizes": [H100.machine.name]}
    compact = next(each for each in of_type(everything, AGENT_POOL) if each.name.startswith("h100"))
    assert compact.inputs["proximityPlacementGroupID"] == "h100-placement-id"
    assert "azure-native:authorization:RoleAssignment::h100-places" in compact.options["dependsOn"]


def test_the_control_plane_may_use_the_reservations_resource_group(everything):
    grant = next(each for each in everything if each.name == "cluster-identities-reservations-0")
    assert grant.inputs["scope"] == f"/subscriptions/{SUBSCRIPTION}/resourceGroups/capacity"
    assert grant.inputs["roleDefinitionId"].endswith(ROLES["Contributor"])


def test_nodes_pull_images_without_a_password(everything):
    grant = next(each for each in everything if each.name == "registry-pull")
    assert grant.inputs["roleDefinitionId"].endswith(ROLES["AcrPull"])
    assert grant.inputs["scope"] == "registry-images-id"
    registry = only(everything, "azure-native:containerregistry:Registry").inputs
    assert (registry["sku"], registry["adminUserEnabled"]) == ({"name": "Premium"}, False)
    assert registry["policies"]["retentionPolicy"] == {"status": "enabled", "days": 30}


def test_blobs_are_closed_to_all_but_nodes_and_can_be_brought_back(everything):
    account = only(everything, "azure-native:storage:StorageAccount").inputs
    assert account["allowSharedKeyAccess"] is False
    assert account["networkRuleSet"]["virtualNetworkRules"] == [
        {"virtualNetworkResourceId": "cluster-network-nodes-id", "action": "Allow"}
    ]
    blobs = only(everything, "azure-native:storage:BlobServiceProperties").inputs
    assert blobs["isVersioningEnabled"] is True
    assert blobs["deleteRetentionPolicy"] == {"enabled": True, "days": 30}
    containers = of_type(everything, "azure-native:storage:BlobContainer")
    assert {each.inputs["containerName"] for each in containers} == {"models", "data", "backups"}


def test_a_team_reads_models_and_writes_only_below_its_own_name(everything):
    grants = {each.name: each.inputs for each in everything if each.name.startswith("buckets-chat")}
    assert grants["buckets-chat-models"]["roleDefinitionId"].endswith(ROLES["Storage Blob Data Reader"])
    assert grants["buckets-chat-models"]["scope"] == "buckets-models-id"
    assert grants["buckets-chat-data"]["condition"] == below("chat")
    assert "StringLike 'chat/*'" in below("chat")
    assert grants["buckets-chat-pods"]["subject"] == "system:serviceaccount:chat:trainer"
    assert not [name for name in grants if "backups" in name]


def test_the_teams_account_says_which_identity_its_pods_have(everything):
    patch = only(everything, "kubernetes:core/v1:ServiceAccountPatch")
    assert (patch.inputs["metadata"]["name"], patch.inputs["metadata"]["namespace"]) == ("trainer", "chat")
    assert "azure-native:managedidentity:UserAssignedIdentity::buckets-chat-identity" in patch.options["dependsOn"]


KEEPS_STATE = {
    "azure-native:resources:ResourceGroup",
    "azure-native:keyvault:Vault",
    "azure-native:keyvault:Key",
    "azure-native:containerregistry:Registry",
    "azure-native:storage:StorageAccount",
    "azure-native:storage:BlobServiceProperties",
    "azure-native:storage:BlobContainer",
}


def test_what_keeps_state_is_protected_unless_the_environment_is_disposable(everything, declared):
    assert {each.type for each in everything if each.options.get("protect")} == KEEPS_STATE
    assert not [each for each in declared(declare(disposable=True)) if each.options.get("protect")]


def test_control_plane_logs_are_kept_as_long_as_asked(declared):
    resources = declared(declare(log_retention_days=365))
    assert only(resources, "azure-native:operationalinsights:Workspace").inputs["retentionInDays"] == 365
    setting = only(resources, "azure-native:monitor:DiagnosticSetting").inputs
    assert {"category": "kube-audit-admin", "enabled": True} in setting["logs"]
    assert setting["resourceUri"] == "cluster-aks-id"


def test_the_kubeconfig_asks_kubelogin_and_holds_no_secret(everything):
    given = json.loads(only(everything, "pulumi:providers:kubernetes").inputs["kubeconfig"])
    (user,) = given["users"]
    assert user["user"]["exec"]["command"] == "kubelogin"
    assert set(user["user"]) == {"exec"}
    assert given["current-context"] == "azure-prod"


def test_a_cluster_without_a_system_pool_is_refused():
    with pytest.raises(ValueError, match="pools: give one named system"):
        AzureClusterArgs(environment="x", settings=settings(), pools={"h100": H100})
