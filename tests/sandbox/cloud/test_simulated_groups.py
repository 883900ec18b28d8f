import pytest
from cloud_fakes import urn

from cnai.plugin.errors import PartialError, ProviderError
from cnai.plugin.values import UNKNOWN, Computed
from cnai.sandbox.cloud import groups, operations
from cnai.sandbox.cloud.roles import groups as of
from cnai.sandbox.cloud.store import CloudResource

POOL = "azure-native:containerservice:AgentPool"
AGENTS = {
    "resourceGroupName": "g",
    "resourceName": "c",
    "agentPoolName": "l4",
    "vmSize": "Standard_NC24ads_A100_v4",
    "count": 1,
    "nodeTaints": ["nvidia.com/gpu=present:NoSchedule"],
    "nodeLabels": {"cnai.dev/pool": "a100", "cnai.dev/capacity": "spot"},
    "enableAutoScaling": True,
    "minCount": 1,
    "maxCount": 4,
    "availabilityZones": ["1"],
    "scaleSetPriority": "Spot",
}


def test_an_eks_group_takes_its_machine_from_its_launch_template(account):
    inputs = {
        "subnetIds": [],
        "capacityType": "CAPACITY_BLOCK",
        "launchTemplate": {"id": "lt-1", "version": "3"},
        "scalingConfig": {"minSize": 2, "maxSize": 2, "desiredSize": 2},
        "taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}],
        "labels": {"cnai.dev/pool": "h100"},
    }
    aws = account("aws")
    template = {"token": "aws:ec2/launchTemplate:LaunchTemplate", "id": "lt-1", "urn": "u", "seed": "s"}
    aws.store.put(CloudResource(**template, package="aws", inputs={}, outputs={"instanceType": "p5.48xlarge"}))
    [group] = of(aws, "aws:eks/nodeGroup:NodeGroup", inputs, {"nodeGroupName": "h100-1"})
    assert (group.machine, group.capacity, group.desired, group.pool) == ("p5.48xlarge", "block", 2, "h100")
    assert group.taints == [groups.Taint(key="nvidia.com/gpu", value="present")]
    assert group.labels["eks.amazonaws.com/nodegroup"] == "h100-1"


def test_a_gke_pool_counts_nodes_in_each_of_its_zones(account):
    inputs = {
        "nodeLocations": ["us-central1-a", "us-central1-b"],
        "initialNodeCount": 1,
        "autoscaling": {"minNodeCount": 1, "maxNodeCount": 3},
        "nodeConfig": {"machineType": "n2-standard-8", "spot": True},
    }
    [group] = of(account("gcp"), "gcp:container/nodePool:NodePool", inputs, {"name": "system"})
    assert (group.min, group.max, group.desired, group.autoscaled, group.capacity) == (2, 6, 2, True, "spot")


@pytest.mark.parametrize(
    ("inputs", "accelerator", "topology"),
    [
        ({"nodeConfig": {"guestAccelerators": [{"type": "nvidia-h100-80gb", "count": 8}]}}, "nvidia-h100-80gb", ""),
        ({"nodeConfig": {}, "placementPolicy": {"type": "COMPACT", "tpuTopology": "4x4"}}, "", "4x4"),
        ({}, "", ""),
    ],
)
def test_a_gke_pool_says_its_gpus_and_the_shape_of_its_slice(account, inputs, accelerator, topology):
    [group] = of(account("gcp"), "gcp:container/nodePool:NodePool", inputs, {"name": "pool"})
    assert (group.accelerator, group.topology) == (accelerator, topology)


def test_an_aks_pool_has_its_taints_once_and_its_zones_in_the_regions_name(account, kube):
    azure = account("azure-native")
    operations.create(azure, urn(POOL), dict(AGENTS), preview=False, timeout_s=1)
    [group] = kube.groups().values()
    assert [each["key"] for each in group["taints"]] == ["nvidia.com/gpu", "kubernetes.azure.com/scalesetpriority"]
    assert (group["min"], group["max"], group["pool"], group["capacity"]) == (1, 4, "a100", "spot")


def test_nodes_that_do_not_come_fail_with_how_many_did_and_why(account, kube):
    kube.attended = False
    with pytest.raises(PartialError, match=r"agent pool l4: 0 of 1 nodes \(Standard_NC24ads_A100_v4\) are Ready"):
        operations.create(account("azure-native"), urn(POOL), dict(AGENTS), preview=False, timeout_s=0.1)


def test_a_group_that_goes_takes_its_record_along(account, kube):
    azure = account("azure-native")
    given, _ = operations.create(azure, urn(POOL), dict(AGENTS), preview=False, timeout_s=1)
    operations.delete(azure, urn(POOL), given, 1)
    assert kube.groups() == {}
    assert azure.store.all() == []


def test_another_size_is_another_generation():
    one = groups.manifest(_group(1))["data"]["generation"]
    assert one != groups.manifest(_group(2))["data"]["generation"]
    assert one == groups.manifest(_group(1))["data"]["generation"]


def _group(desired: int) -> groups.Group:
    words = {"cloud": "aws", "kind": "k", "pool": "p", "machine": "m", "capacity": "spot"}
    return groups.Group(name="g", min=0, max=3, desired=desired, autoscaled=False, **words)


def test_a_cluster_hands_out_the_control_plane_and_its_clouds_classes(account, kube):
    token = "gcp:container/cluster:Cluster"
    inputs = {"name": "c", "location": "us-central1", "minMasterVersion": "1.36"}
    given, outputs = operations.create(account("gcp"), urn(token), inputs, preview=False, timeout_s=1)
    assert outputs["endpoint"] == "127.0.0.1:1"
    assert outputs["masterAuth"]["clusterCaCertificate"] == "Y2E="
    assert given == "projects/p/locations/us-central1/clusters/c"
    assert {name for kind, name in kube.objects if kind == "StorageClass"} == {
        "standard",
        "standard-rwo",
        "premium-rwo",
    }
    operations.delete(account("gcp"), urn(token), given, 1)
    assert not kube.objects


def test_a_preview_makes_nothing_and_knows_nothing_that_only_the_cloud_says(account, kube):
    gcp = account("gcp")
    given, outputs = operations.create(
        gcp, urn("gcp:container/cluster:Cluster"), {"name": "c"}, preview=True, timeout_s=1
    )
    assert given == ""
    assert isinstance(outputs["endpoint"], Computed)
    assert outputs["name"] == "c"
    assert not kube.objects
    assert gcp.store.all() == []


def test_azures_identities_go_in_as_a_list_and_come_out_with_what_they_are(account):
    azure, identity = account("azure-native"), "azure-native:managedidentity:UserAssignedIdentity"
    made, outputs = operations.create(
        azure, urn(identity), {"resourceGroupName": "g", "resourceName": "i"}, preview=False, timeout_s=1
    )
    cluster = {"resourceGroupName": "g", "resourceName": "c", "identity": {"userAssignedIdentities": [made]}}
    token = "azure-native:containerservice:ManagedCluster"
    _, found = operations.create(azure, urn(token), cluster, preview=False, timeout_s=1)
    assert found["identity"]["userAssignedIdentities"][made]["clientId"] == outputs["clientId"]
    unknown = {**cluster, "identity": {"userAssignedIdentities": [UNKNOWN]}}
    _, told = operations.create(azure, urn(token), unknown, preview=True, timeout_s=1)
    assert isinstance(told["identity"]["userAssignedIdentities"], Computed)


def test_what_is_gone_cannot_be_updated(account):
    with pytest.raises(ProviderError, match="refresh"):
        operations.update(account("azure-native"), urn(POOL), "x", {}, dict(AGENTS), preview=False, timeout_s=1)


def test_a_regional_gke_pool_without_locations_is_in_zones_that_its_region_has(account):
    inputs = {"location": "us-east1", "initialNodeCount": 1}
    [group] = of(account("gcp"), "gcp:container/nodePool:NodePool", inputs, {"name": "pool"})
    assert group.zones == ["us-east1-b", "us-east1-c", "us-east1-d"]
    assert group.desired == 3
