"""A GKE cluster is private, encrypted, planned in its minors, and gone in an order in which nothing hangs."""

import json

import pytest
from gcp_sample import POOLS, cluster, node_pools, of_type, pool, settings

from cnai.clouds.gcp.cluster import GcpClusterArgs
from cnai.clouds.gcp.control_plane import cluster_name, versions
from cnai.clouds.gcp.identity import account_id
from cnai.clouds.gcp.kubeconfig import kubeconfig
from cnai.clouds.gcp.traits import gcp_traits
from cnai.errors import UserError

CLUSTER, POOL = "gcp:container/cluster:Cluster", "gcp:container/nodePool:NodePool"
GRANT = "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember"


@pytest.fixture
def found(declared):
    return declared(cluster)


def the_cluster(found):
    return of_type(found, CLUSTER)["cluster"]


def test_the_cluster_is_private_vpc_native_and_on_dataplane_v2(found):
    inputs = the_cluster(found).inputs
    assert inputs["location"] == "us-central1"
    assert inputs["networkingMode"] == "VPC_NATIVE"
    assert inputs["datapathProvider"] == "ADVANCED_DATAPATH"
    assert inputs["ipAllocationPolicy"]["clusterSecondaryRangeName"] == "pods"
    private = inputs["privateClusterConfig"]
    assert private["enablePrivateNodes"]
    assert private["enablePrivateEndpoint"]
    assert private["masterIpv4CidrBlock"] == "172.16.0.0/28"
    assert "masterAuthorizedNetworksConfig" not in inputs


def test_named_ranges_may_reach_the_api_and_nobody_else(declared):
    inputs = the_cluster(declared(lambda: cluster({}, public_access_cidrs=("203.0.113.0/24",)))).inputs
    assert inputs["privateClusterConfig"]["enablePrivateEndpoint"] is False
    assert inputs["masterAuthorizedNetworksConfig"] == {
        "cidrBlocks": [{"cidrBlock": "203.0.113.0/24"}],
        "gcpPublicCidrsAccessEnabled": False,
    }


def test_further_networks_are_possible_from_the_first_day(found):
    """Switching them on later would replace the cluster."""
    assert the_cluster(found).inputs["enableMultiNetworking"] is True


def test_the_default_pool_goes_and_pools_are_resources_of_their_own(found):
    inputs = the_cluster(found).inputs
    assert inputs["removeDefaultNodePool"] is True
    assert inputs["initialNodeCount"] == 1
    assert "nodePools" not in inputs
    assert set(node_pools(found)) == {
        "system-on-demand",
        "h100-reserved",
        "h100-queued",
        "l4-spot",
        "tpu-spot-slice-1",
        "tpu-spot-slice-2",
        "gb200-reserved",
    }


def test_minors_are_planned_and_patches_come_at_weekends():
    spec = versions(settings(kubernetes="1.35", maintenance_start="20:30", release_channel="stable"))
    assert spec["min_master_version"] == "1.35"
    assert spec["release_channel"] == {"channel": "STABLE"}
    window = spec["maintenance_policy"]["recurring_window"]
    assert (window["start_time"], window["end_time"]) == ("2026-01-03T20:30:00Z", "2026-01-04T04:30:00Z")
    (exclusion,) = spec["maintenance_policy"]["maintenance_exclusions"]
    assert exclusion["exclusion_options"] == {
        "scope": "NO_MINOR_UPGRADES",
        "end_time_behavior": "UNTIL_END_OF_SUPPORT",
    }


def test_pods_have_identities_and_reach_buckets_as_volumes(found):
    inputs = the_cluster(found).inputs
    assert inputs["workloadIdentityConfig"] == {"workloadPool": "acme-ai-prod.svc.id.goog"}
    assert inputs["addonsConfig"]["gcsFuseCsiDriverConfig"] == {"enabled": True}


def test_keys_of_ones_own_encrypt_secrets_disks_and_volumes(found):
    inputs = the_cluster(found).inputs
    assert inputs["databaseEncryption"] == {"state": "ENCRYPTED", "keyName": "cluster-keys-secrets-id"}
    keys = of_type(found, "gcp:kms/cryptoKey:CryptoKey")
    assert {key.inputs["rotationPeriod"] for key in keys.values()} == {"7776000s"}
    assert all(key.options["protect"] for key in keys.values())
    assert {each["nodeConfig"]["bootDiskKmsKey"] for each in node_pools(found).values()} == {"cluster-keys-disks-id"}
    volumes = of_type(found, "kubernetes:storage.k8s.io/v1:StorageClass")["cluster-encrypted"].inputs
    assert volumes["parameters"]["disk-encryption-kms-key"] == "cluster-keys-disks-id"
    assert volumes["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert volumes["metadata"]["name"] == gcp_traits(settings(), [], accelerators=False).storage_class


def test_each_key_is_used_by_googles_account_for_the_purpose_only(found):
    users = {name: grant.inputs["member"] for name, grant in of_type(found, GRANT).items()}
    mine = "serviceAccount:service-123456789012"
    assert users == {
        "cluster-keys-secrets-container-engine-robot": f"{mine}@container-engine-robot.iam.gserviceaccount.com",
        "cluster-keys-disks-compute-system": f"{mine}@compute-system.iam.gserviceaccount.com",
        "cluster-keys-storage-gs-project-accounts": f"{mine}@gs-project-accounts.iam.gserviceaccount.com",
        "cluster-keys-storage-gcp-sa-artifactregistry": f"{mine}@gcp-sa-artifactregistry.iam.gserviceaccount.com",
    }


def test_without_keys_of_ones_own_google_encrypts(declared):
    found = declared(lambda: cluster({}, cmek=False))
    assert "databaseEncryption" not in the_cluster(found).inputs
    assert not of_type(found, "gcp:kms/keyRing:KeyRing")
    assert not of_type(found, "kubernetes:storage.k8s.io/v1:StorageClass")
    assert gcp_traits(settings(cmek=False), [], accelerators=False).storage_class == "standard-rwo"


def test_everything_is_on_a_provider_of_its_own_bound_to_project_and_region(found):
    google = [each for each in found if each.type.startswith("gcp:")]
    assert {each.options["provider"] for each in google} == {"pulumi:providers:gcp::cluster-google"}
    provider = next(each for each in found if each.type == "pulumi:providers:gcp")
    assert provider.inputs["project"] == "acme-ai-prod"
    assert provider.inputs["region"] == "us-central1"


def test_what_nodes_need_outlives_them_and_apis_come_first(found):
    for each in of_type(found, POOL).values():
        needs = set(each.options["dependsOn"])
        assert f"{CLUSTER}::cluster" in needs
        assert "gcp:compute/routerNat:RouterNat::cluster-network-nat" in needs
        assert "gcp:projects/iAMMember:IAMMember::cluster-nodes-role" in needs
        assert f"{GRANT}::cluster-keys-disks-compute-system" in needs
    assert f"{GRANT}::cluster-keys-secrets-container-engine-robot" in the_cluster(found).options["dependsOn"]
    agent = "gcp:projects/serviceIdentity:ServiceIdentity::cluster-keys-registry-agent"
    assert agent in of_type(found, GRANT)["cluster-keys-storage-gcp-sa-artifactregistry"].options["dependsOn"]
    apis = {each.key for each in of_type(found, "gcp:projects/service:Service").values()}
    for kind in (
        "gcp:compute/network:Network",
        "gcp:kms/keyRing:KeyRing",
        "gcp:serviceaccount/account:Account",
        CLUSTER,
    ):
        (first,) = of_type(found, kind).values()
        assert apis <= set(first.options["dependsOn"])


def test_apis_stay_on_for_others_in_the_project(found):
    services = of_type(found, "gcp:projects/service:Service").values()
    assert services
    assert {each.inputs["disableOnDestroy"] for each in services} == {False}


def test_a_node_pool_gives_its_capacity_back_before_it_is_made_anew(found):
    for each in of_type(found, POOL).values():
        assert each.options["deleteBeforeReplace"]
        assert each.options["ignoreChanges"] == ["initialNodeCount"]


def test_nodes_may_do_what_nodes_do_and_no_more(found):
    grants = of_type(found, "gcp:projects/iAMMember:IAMMember")
    assert [each.inputs["role"] for each in grants.values()] == ["roles/container.defaultNodeServiceAccount"]


def test_people_get_the_role_that_they_were_given(declared):
    who = {"group:ml@acme.com": "edit", "user:ann@acme.com": "view"}
    grants = of_type(declared(lambda: cluster({}, access=who)), "gcp:projects/iAMMember:IAMMember")
    assert grants["cluster-access-group-ml-acme-com"].inputs["role"] == "roles/container.developer"
    assert grants["cluster-access-user-ann-acme-com"].inputs["role"] == "roles/container.viewer"


def test_webhooks_answer_the_control_plane_and_nobody_else(found):
    (rule,) = of_type(found, "gcp:compute/firewall:Firewall").values()
    assert rule.inputs["sourceRanges"] == ["172.16.0.0/28"]
    tags = {tag for each in node_pools(found).values() for tag in each["nodeConfig"]["tags"]}
    assert set(rule.inputs["targetTags"]) == tags
    assert rule.inputs["allows"] == [{"protocol": "tcp", "ports": ["8443", "9443", "15017"]}]


def test_nodes_go_out_through_nat_and_the_subnet_logs_flows(found):
    subnet = of_type(found, "gcp:compute/subnetwork:Subnetwork")["cluster-network"].inputs
    assert subnet["privateIpGoogleAccess"] is True
    assert subnet["logConfig"]
    assert [each["ipCidrRange"] for each in subnet["secondaryIpRanges"]] == ["10.128.0.0/11", "10.96.0.0/20"]
    nat = of_type(found, "gcp:compute/routerNat:RouterNat")["cluster-network-nat"].inputs
    assert nat["natIpAllocateOption"] == "AUTO_ONLY"


@pytest.mark.parametrize("disposable", [True, False])
def test_what_keeps_state_is_protected_unless_it_may_go(declared, disposable):
    made = the_cluster(declared(lambda: cluster({}, disposable=disposable)))
    assert made.inputs["deletionProtection"] is not disposable
    assert made.options.get("protect", False) is not disposable


def test_the_kubeconfig_asks_gclouds_plugin_and_names_this_cluster(found):
    provider = next(each for each in found if each.type == "pulumi:providers:kubernetes")
    assert provider.inputs["context"] == "gcp-prod"
    config = json.loads(provider.inputs["kubeconfig"])
    assert config["current-context"] == "gcp-prod"
    assert config["users"][0]["user"]["exec"]["command"] == "gke-gcloud-auth-plugin"
    written = kubeconfig(context="it", endpoint="203.0.113.7", ca="Q0E=")
    assert written["clusters"][0]["cluster"] == {
        "server": "https://203.0.113.7",
        "certificate-authority-data": "Q0E=",
    }


def test_gke_owns_driver_and_plugin_unless_the_operator_shall():
    by_gke = gcp_traits(settings(), POOLS.values(), accelerators=True)
    assert (by_gke.gpu_driver_owner, by_gke.gpu_device_plugin_owner) == ("cloud", "cloud")
    assert by_gke.gpu_driver_directory == "/home/kubernetes/bin/nvidia"
    assert by_gke.rdma == "roce"
    assert by_gke.credential_endpoints == (("169.254.169.254", 80),)
    by_operator = gcp_traits(settings(gpu_driver="operator"), [], accelerators=True)
    assert (by_operator.gpu_driver_owner, by_operator.gpu_device_plugin_owner) == ("operator", "operator")
    assert by_operator.gpu_driver_directory == ""
    assert by_operator.rdma == "none"


@pytest.mark.parametrize(
    ("pools", "changes", "words"),
    [
        ({}, {"region": "us-middle1"}, "cnai:cloud.gcp.region: no region 'us-middle1'"),
        ({"it": pool("ct6e-standard-4t", topology="4x4", max=6)}, {}, "cnai:pools.it.max: a 4x4 slice"),
        ({"it": pool("e2-standard-8", max=5000)}, {"cidr": "10.0.0.0/22"}, "cnai:cloud.gcp.cidr: "),
    ],
)
def test_components_of_ones_own_are_told_what_is_wrong_as_well(pools, changes, words):
    with pytest.raises(UserError, match=words.replace("(", r"\(")):
        GcpClusterArgs(environment="it", settings=settings(**changes), pools=pools)


def test_names_fit_whatever_the_environment_is_called():
    long = "an-environment-with-a-name-that-goes-on-and-on"
    assert cluster_name("gcp-prod") == "cnai-gcp-prod"
    assert len(cluster_name(long)) <= 40
    assert account_id("gcp-prod", "nodes") == "cnai-gcp-prod-nodes"
    cut = account_id(long, "nodes")
    assert len(cut) <= 30
    assert cut.endswith("-nodes")
    assert cut != account_id(f"{long}-2", "nodes")
