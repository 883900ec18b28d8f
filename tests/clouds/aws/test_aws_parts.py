"""The parts of an AWS cluster that are plain data, and what is refused or warned of before anything exists."""

from dataclasses import replace

import aws_samples as samples
import pulumi
import pytest

from cnai.clouds.aws.addons import before_nodes, default_storage_class, on_nodes
from cnai.clouds.aws.cluster import AwsClusterArgs
from cnai.clouds.aws.karpenter import AwsKarpenterArgs, chart_values, flow_schemas
from cnai.clouds.aws.kubeconfig import kubeconfig
from cnai.clouds.aws.traits import aws_traits
from cnai.errors import UserError

TRAITS = aws_traits(samples.settings(), samples.POOLS.values(), accelerators=True)


def test_karpenter_runs_on_the_system_pool_alone():
    values = chart_values(AwsKarpenterArgs(traits=TRAITS, cluster="prod", cluster_arn="a", region="us-east-1"), "queue")
    assert values["nodeSelector"] == {"cnai.dev/pool": "system"}


def test_karpenters_requests_are_let_through_by_name():
    schemas = flow_schemas("karpenter")
    levels = {each["priority_level_configuration"]["name"] for each in schemas.values()}
    assert levels == {"leader-election", "workload-high"}
    for each in schemas.values():
        assert each["rules"][0]["subjects"][0]["serviceAccount"] == {"name": "karpenter", "namespace": "karpenter"}


def test_the_default_storage_class_is_encrypted_and_waits_for_its_pod():
    made = default_storage_class()
    assert made["metadata"]["name"] == TRAITS.storage_class
    assert made["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert made["parameters"]["encrypted"] == "true"
    assert made["volume_binding_mode"] == "WaitForFirstConsumer"


def test_addons_are_those_that_eks_needs_and_their_rights_are_their_pods_own():
    first, late = before_nodes(), on_nodes(TRAITS)
    assert {each.name for each in (*first, *late)} == {
        *("vpc-cni", "kube-proxy", "eks-pod-identity-agent"),
        *("coredns", "aws-ebs-csi-driver"),
    }
    assert {each.account: each.policy for each in (*first, *late) if each.account} == {
        "aws-node": "AmazonEKS_CNI_Policy",
        "ebs-csi-controller-sa": "service-role/AmazonEBSCSIDriverPolicy",
    }
    network = next(each for each in first if each.name == "vpc-cni").values
    assert network["enableNetworkPolicy"] == "true"
    assert network["env"]["ENABLE_PREFIX_DELEGATION"] == "true"
    assert all("nodeSelector" in str(each.values) for each in late)


def test_a_kubeconfig_asks_the_aws_cli_for_a_token():
    made = kubeconfig(context="prod", cluster="prod", region="us-east-1", endpoint="https://example", ca="Q0E=")
    assert made["current-context"] == made["contexts"][0]["name"] == "prod"
    assert made["clusters"][0]["cluster"] == {"server": "https://example", "certificate-authority-data": "Q0E="}
    run = made["users"][0]["user"]["exec"]
    assert [run["command"], *run["args"]] == (
        ["aws", "--region", "us-east-1", "eks", "get-token", "--cluster-name", "prod", "--output", "json"]
    )


def test_traits_say_that_the_image_has_the_driver_and_pods_their_credentials_from_the_agent():
    assert (TRAITS.gpu_driver_owner, TRAITS.gpu_toolkit_owner) == ("image", "image")
    assert (TRAITS.rdma, TRAITS.load_balancer, TRAITS.disposable) == ("efa", "cloud", False)
    assert TRAITS.credential_endpoints == (("169.254.170.23", 80),)
    assert aws_traits(samples.settings(), [samples.L4], accelerators=True).rdma == "none"


def test_a_range_too_small_for_the_pools_is_refused_before_anything_exists():
    with pytest.raises(UserError, match=r"cnai:cloud.aws.cidr: us-east-1a has \d+ addresses"):
        AwsClusterArgs(environment="prod", settings=samples.settings(cidr="10.0.0.0/21"), pools=samples.POOLS)


def test_a_pool_that_aws_cannot_make_is_refused_before_anything_exists():
    wrong = {"system": replace(samples.SYSTEM, routes=(samples.SPOT, samples.ON_DEMAND))}
    with pytest.raises(UserError, match=r"cnai:pools\.system\.capacity: nothing scales"):
        AwsClusterArgs(environment="prod", settings=samples.settings(), pools=wrong)


def test_who_asks_for_neuron_is_told_what_is_not_installed(declared, monkeypatch):
    told = []
    monkeypatch.setattr(pulumi.log, "warn", told.append)
    trainium = samples.pool("trn", "trn1.32xlarge", fabric="efa")
    declared(lambda: samples.cluster({"system": samples.SYSTEM, "trn": trainium, "l4": samples.L4}))
    assert len(told) == 1
    assert "pool trn" in told[0]
    assert "Neuron device plugin" in told[0]


def test_a_block_without_a_zone_is_asked_for_it(declared, monkeypatch):
    told = []
    monkeypatch.setattr(pulumi.log, "warn", told.append)
    block = replace(samples.H100, routes=(replace(samples.BLOCK, zone=""),))
    found = declared(lambda: samples.cluster({"system": samples.SYSTEM, "h100": block}))
    assert ["set its block's zone" in each for each in told] == [True]
    group = next(
        each for each in found if each.name == "h100-block-cr-0a1b2c" and each.type == "aws:eks/nodeGroup:NodeGroup"
    )
    assert len(group.inputs["subnetIds"]) == 3
