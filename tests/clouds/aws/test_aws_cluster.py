"""An EKS cluster is declared in an order that comes up, and goes down without anything left behind."""

import json
from graphlib import TopologicalSorter

import aws_samples as samples
import pulumi
import pytest
import yaml

from cnai.clouds.aws.cluster import AwsCluster, AwsClusterArgs
from cnai.clouds.aws.fabric import plugin_values
from cnai.clouds.aws.karpenter import EVENTS
from cnai.errors import UserError
from recording import record

NODE_GROUP, ADDON = "aws:eks/nodeGroup:NodeGroup", "aws:eks/addon:Addon"
KARPENTER = "kubernetes:helm.sh/v3:Release::cluster-karpenter-release"


@pytest.fixture(scope="module")
def found():
    return {each.key: each for each in record(samples.cluster, "cnai", "prod")}


def of(found, kind):
    return {each.name: each for each in found.values() if each.type == kind}


def needs(found):
    """Everything that must be there before each resource, through dependencies, providers and references."""
    parents = {key: each.parent for key, each in found.items()}
    inside = {key: {other for other in found if _below(other, key, parents)} for key in found}
    direct = {}
    for key, each in found.items():
        # A component waits for what it depends on, and its children for it; they go before it.
        line = [each, *(found[one] for one in _ancestors(key, parents))]
        first = {one for member in line for one in member.options.get("dependsOn", ())}
        first |= {each.options["provider"]} if "provider" in each.options else set()
        direct[key] = {member for one in first for member in (one, *inside.get(one, ()))} & set(found)
    order = {}
    for key in TopologicalSorter(direct).static_order():
        order[key] = direct[key] | {deeper for one in direct[key] for deeper in order[one]}
    return order


def _ancestors(key, parents):
    while key := parents.get(key, ""):
        yield key


def _below(key, ancestor, parents):
    return ancestor in _ancestors(key, parents)


def test_only_the_system_pool_and_the_block_are_node_groups(found):
    assert set(of(found, NODE_GROUP)) == {"system", "h100-block-cr-0a1b2c"}


def test_every_other_route_is_a_node_pool_with_a_node_class_of_its_own(found):
    pools = of(found, "kubernetes:karpenter.sh/v1:NodePool")
    assert set(pools) == {
        *("h100-reserved-cr-4d5e6f", "h100-on-demand", "l4-min", "l4-spot", "l4-on-demand"),
        *("mig-reserved", "cpu-on-demand", "near-on-demand"),
    }
    classes = of(found, "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass")
    assert {f"{name}-class" for name in pools} == set(classes)
    for name, each in pools.items():
        assert each.inputs["spec"]["template"]["spec"]["nodeClassRef"]["name"] == name
        assert classes[f"{name}-class"].inputs["spec"]["role"] == "cluster-karpenter-node-name"


def test_a_block_is_one_group_in_its_own_zone_of_a_fixed_size(found):
    block = of(found, NODE_GROUP)["h100-block-cr-0a1b2c"].inputs
    assert block["capacityType"] == "CAPACITY_BLOCK"
    assert block["subnetIds"] == ["cluster-network-private-us-east-1a-id"]
    assert block["scalingConfig"] == {"minSize": 4, "maxSize": 32, "desiredSize": 4}
    assert "instanceTypes" not in block
    assert block["labels"] == {"cnai.dev/pool": "h100", "cnai.dev/capacity": "block"}
    assert (block["version"], block["releaseVersion"]) == ("1.36", "1.36.2-20260714")
    assert block["nodeGroupNamePrefix"] == "h100-"


def test_nodes_come_once_the_network_and_the_cnis_rights_are_there(found):
    before = needs(found)[f"{NODE_GROUP}::system"]
    assert {f"{ADDON}::cluster-first-{name}" for name in ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")} <= before
    assert "aws:ec2/routeTableAssociation:RouteTableAssociation::cluster-network-private-us-east-1c" in before
    assert "aws:ec2/route:Route::cluster-network-private-us-east-1a" in before
    attached = of(found, "aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    nodes = {each.key for name, each in attached.items() if name.startswith("cluster-node-")}
    assert len(nodes) == 3
    assert nodes <= before


def test_what_needs_a_node_comes_after_the_system_pool_and_before_every_other(found):
    order, system = needs(found), f"{NODE_GROUP}::system"
    late = {f"{ADDON}::cluster-system-coredns", f"{ADDON}::cluster-system-aws-ebs-csi-driver", KARPENTER}
    assert all(system in order[each] for each in late)
    others = [key for key in found if "karpenter.sh/v1:NodePool" in key or "EC2NodeClass" in key or "h100-block" in key]
    assert len(others) > 10
    for each in others:
        if each.startswith(("kubernetes:", NODE_GROUP)):
            assert late <= order[each], each


def test_nothing_in_the_cluster_outlives_the_entries_that_let_it_be_reached(found):
    """https://github.com/terraform-aws-modules/terraform-aws-eks/issues/3005"""
    order = needs(found)
    entries = {key for key in found if key.startswith("aws:eks/access") and "platform" in key}
    assert len(entries) == 2
    inside = [key for key in found if key.startswith("kubernetes:")]
    assert len(inside) > 15
    assert all(entries <= order[key] for key in inside)


def test_karpenters_nodes_may_join_until_karpenter_is_gone(found):
    entry = "aws:eks/accessEntry:AccessEntry::cluster-karpenter-node"
    assert found[entry].inputs["type"] == "EC2_LINUX"
    rights = "aws:eks/podIdentityAssociation:PodIdentityAssociation::cluster-karpenter-controller"
    order = needs(found)
    pools = [key for key in found if "karpenter.sh/v1:NodePool" in key]
    assert all({entry, rights, KARPENTER} <= order[key] for key in pools)


def test_karpenter_hears_of_every_kind_of_interruption(found):
    rules = {
        name: json.loads(each.inputs["eventPattern"])
        for name, each in of(found, "aws:cloudwatch/eventRule:EventRule").items()
    }
    assert sorted(each["detail-type"][0] for each in rules.values()) == sorted(kind for _, kind in EVENTS.values())
    targets = of(found, "aws:cloudwatch/eventTarget:EventTarget")
    assert set(targets) == set(rules)
    assert {each.inputs["arn"] for each in targets.values()} == {"cluster-karpenter-interruptions-arn"}
    values = found[KARPENTER].inputs["values"]
    assert values["settings"]["interruptionQueue"] == "cluster-karpenter-interruptions-name"
    assert values["settings"]["clusterName"] == "prod"


def test_the_static_gate_is_open_only_where_a_pool_needs_it(found, declared):
    assert found[KARPENTER].inputs["values"]["settings"]["featureGates"] == {"staticCapacity": True}
    without = {
        each.key: each for each in declared(lambda: samples.cluster({"system": samples.SYSTEM, "cpu": samples.CPU}))
    }
    assert without[KARPENTER].inputs["values"]["settings"]["featureGates"] == {"staticCapacity": False}


def test_the_control_plane_is_private_encrypted_logged_and_lets_nobody_in_by_configmap(found):
    made = of(found, "aws:eks/cluster:Cluster")["cluster"].inputs
    assert made["vpcConfig"]["endpointPrivateAccess"] is True
    assert made["vpcConfig"]["endpointPublicAccess"] is False
    assert len(made["vpcConfig"]["subnetIds"]) == 3
    assert made["encryptionConfig"] == {"provider": {"keyArn": "cluster-secrets-arn"}, "resources": ["secrets"]}
    assert set(made["enabledClusterLogTypes"]) == {"api", "audit", "authenticator", "controllerManager", "scheduler"}
    assert made["accessConfig"]["authenticationMode"] == "API"
    assert made["bootstrapSelfManagedAddons"] is False
    assert (made["name"], made["version"]) == ("prod", "1.36")


def test_an_open_endpoint_names_who_may_reach_it(declared):
    found = declared(lambda: samples.cluster(public_access_cidrs=("203.0.113.0/24",)))
    config = next(each.inputs["vpcConfig"] for each in found if each.type == "aws:eks/cluster:Cluster")
    assert (config["endpointPublicAccess"], config["publicAccessCidrs"]) == (True, ["203.0.113.0/24"])


@pytest.mark.parametrize(("nat", "gateways"), [("per-zone", 3), ("single", 1)])
def test_there_are_as_many_ways_out_as_asked_for_and_every_zone_has_one(declared, nat, gateways):
    found = {each.key: each for each in declared(lambda: samples.cluster(nat=nat))}
    assert len(of(found, "aws:ec2/natGateway:NatGateway")) == gateways
    out = {
        name: each.inputs["natGatewayId"]
        for name, each in of(found, "aws:ec2/route:Route").items()
        if "private" in name
    }
    assert len(out) == 3
    assert len(set(out.values())) == gateways


def test_endpoints_have_names_that_the_vpc_resolves(found):
    vpc = of(found, "aws:ec2/vpc:Vpc")["cluster-network"].inputs
    assert (vpc["enableDnsSupport"], vpc["enableDnsHostnames"]) == (True, True)
    private = [each.inputs.get("privateDnsEnabled") for each in of(found, "aws:ec2/vpcEndpoint:VpcEndpoint").values()]
    assert private.count(True) == 3


def test_images_tokens_and_buckets_are_reached_without_leaving(found):
    services = {
        each.inputs["serviceName"].rpartition("us-east-1.")[2]
        for each in of(found, "aws:ec2/vpcEndpoint:VpcEndpoint").values()
    }
    assert services == {"s3", "ecr.api", "ecr.dkr", "sts"}
    gateway = of(found, "aws:ec2/vpcEndpoint:VpcEndpoint")["cluster-network-s3"].inputs
    assert len(gateway["routeTableIds"]) == 4


def test_every_cloud_resource_uses_the_clusters_own_provider(found):
    providers = {each.options.get("provider") for each in found.values() if each.type.startswith("aws:")}
    assert providers == {"pulumi:providers:aws::cluster-aws"}
    inside = {each.options.get("provider") for each in found.values() if each.type.startswith("kubernetes:")}
    assert inside == {"pulumi:providers:kubernetes::cluster-kubernetes"}
    made = of(found, "pulumi:providers:aws")["cluster-aws"].inputs
    assert "us-east-1" in str(made["region"])


def test_efa_is_open_among_members_and_the_plugin_runs_where_gpus_are(found, declared):
    rules = [
        each.inputs
        for each in found.values()
        if "securityGroupIngressRule" in each.type or "securityGroupEgressRule" in each.type
    ]
    assert len(rules) == 2
    for each in rules:
        assert each == {
            "ipProtocol": "-1",
            "securityGroupId": "cluster-efa-id",
            "referencedSecurityGroupId": "cluster-efa-id",
        }
    assert {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"} in plugin_values(
        [samples.H100]
    )["tolerations"]
    without = declared(lambda: samples.cluster({"system": samples.SYSTEM, "l4": samples.L4}))
    assert not any(each.name.startswith("cluster-efa") for each in without)


@pytest.mark.parametrize(("machine", "privileged"), [("p5.48xlarge", False), ("trn2.48xlarge", True)])
def test_efas_plugin_is_privileged_only_where_it_has_to_find_neuron_devices(machine, privileged):
    """Upstream's chart makes it so everywhere."""
    context = plugin_values([samples.H100, samples.pool("more", machine)]).get("securityContext", {"privileged": True})
    assert context["privileged"] is context.get("allowPrivilegeEscalation", True) is privileged
    assert privileged or context["capabilities"] == {"drop": ["ALL"]}


def test_compact_pools_have_a_placement_group_and_blocks_need_none(found):
    assert set(of(found, "aws:ec2/placementGroup:PlacementGroup")) == {"near-placement"}
    spec = of(found, "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass")["near-on-demand-class"].inputs["spec"]
    assert spec["placementGroupSelector"] == {"name": "near-placement-name"}


def test_the_kubernetes_provider_gets_that_kubeconfig_whole(found):
    made = of(found, "pulumi:providers:kubernetes")["cluster-kubernetes"].inputs
    assert yaml.safe_load(made["kubeconfig"])["current-context"] == "prod"


def test_a_pool_before_the_system_pool_is_refused(declared):
    def program():
        made = AwsCluster(
            "cluster", AwsClusterArgs(environment="prod", settings=samples.settings(), pools={"cpu": samples.CPU})
        )
        made.node_group("cpu", samples.CPU, pulumi.ResourceOptions(parent=made))

    with pytest.raises(UserError, match="declare the system pool first"):
        declared(program)


def test_ready_is_all_that_a_feature_waits_for(declared):
    kept = []
    declared(lambda: kept.append(samples.cluster()))
    names = {each._name for each in kept[0].ready()}
    assert {"cluster-first-vpc-cni", "cluster-system-coredns", "cluster-karpenter-release"} <= names
    assert {"cluster-storage", "cluster-efa-plugin-release"} <= names
