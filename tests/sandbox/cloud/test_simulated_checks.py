import json

import pytest
from cloud_fakes import urn
from pulumi.runtime.proto import provider_pb2

from cnai.plugin.values import UNKNOWN, decode, encode
from cnai.sandbox.cloud import checking
from cnai.sandbox.cloud.rules import policy_problems
from cnai.sandbox.cloud.tables import row

SUBNET, ROLE = "aws:ec2/subnet:Subnet", "aws:iam/role:Role"
TRUST = {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}


def refused(account, token: str, inputs: dict) -> dict[str, str]:
    package = token.split(":")[0]
    answer = checking.check(account(package), provider_pb2.CheckRequest(urn=urn(token), news=encode(inputs)))
    return {each.property: each.reason for each in answer.failures}


def compared(token: str, old: dict, new: dict):
    return checking.compared(row(token.split(":")[0], token), old, new)


def test_what_awss_schema_requires_is_required(account):
    assert "vpcId" in refused(account, SUBNET, {"cidrBlock": "10.0.0.0/24"})
    assert not refused(account, SUBNET, {"cidrBlock": "10.0.0.0/24", "vpcId": UNKNOWN})


def test_a_value_that_awss_schema_does_not_list_is_refused(account):
    cluster = {"roleArn": "a", "vpcConfig": {"subnetIds": []}, "accessConfig": {"authenticationMode": "PASSWORD"}}
    assert (
        "API_AND_CONFIG_MAP" in refused(account, "aws:eks/cluster:Cluster", cluster)["accessConfig.authenticationMode"]
    )


def test_a_value_that_google_or_azure_does_not_list_is_refused(account):
    assert "format" in refused(
        account, "gcp:artifactregistry/repository:Repository", {"format": "CD", "repositoryId": "r"}
    )
    pool = {"resourceGroupName": "g", "resourceName": "c", "mode": "Best", "vmSize": "Standard_D8s_v5"}
    assert "mode" in refused(account, "azure-native:containerservice:AgentPool", pool)


@pytest.mark.parametrize("version", ["9.99", "1.20"])
def test_a_kubernetes_version_that_the_cloud_lacks_is_refused(account, version: str):
    inputs = {"roleArn": "a", "version": version, "vpcConfig": {"subnetIds": []}}
    assert "offers" in refused(account, "aws:eks/cluster:Cluster", inputs)["version"]


def test_a_machine_type_that_nobody_has_is_refused(account):
    inputs = {"instanceType": "p99.huge"}
    assert "p99.huge" in refused(account, "aws:ec2/launchTemplate:LaunchTemplate", inputs)["instanceType"]


def test_a_type_that_no_table_has_is_taken_as_it_is(account):
    assert not refused(account, "aws:dax/cluster:Cluster", {"anything": 1})
    assert not row("aws", "aws:dax/cluster:Cluster").checked


def test_a_create_only_property_replaces_and_another_does_not():
    old = {"vpcId": "v", "cidrBlock": "10.0.0.0/24", "tags": {"a": "1"}}
    assert compared(SUBNET, old, {**old, "cidrBlock": "10.0.1.0/24"}).replaces == ("cidrBlock",)
    found = compared(SUBNET, old, {**old, "tags": {"a": "2"}})
    assert (found.changes, found.replaces) == (True, ())


def test_what_the_provider_replaces_beyond_the_schema_replaces():
    old = {"launchTemplate": {"id": "a", "version": "1"}, "scalingConfig": {"desiredSize": 1}}
    group = "aws:eks/nodeGroup:NodeGroup"
    assert compared(group, old, {**old, "launchTemplate": {"id": "b", "version": "1"}}).replaces
    assert not compared(group, old, {**old, "launchTemplate": {"id": "a", "version": "2"}}).replaces


def test_a_chosen_name_makes_the_old_resource_go_first():
    before, after = {"name": "r", "path": "/a/"}, {"name": "r", "path": "/b/"}
    assert compared(ROLE, before, after).delete_before_replace
    assert not compared(
        ROLE, {**before, "__defaults": ["name"]}, {**after, "__defaults": ["name"]}
    ).delete_before_replace


def test_a_name_that_the_provider_gave_stays(account):
    inputs = {"assumeRolePolicy": json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})}
    request = provider_pb2.CheckRequest(urn=urn(ROLE, "node"), news=encode(inputs), randomSeed=b"1")
    first = decode(checking.check(account("aws"), request).inputs)
    assert first["name"].startswith("node-")
    again = provider_pb2.CheckRequest(urn=urn(ROLE, "node"), news=encode(inputs), olds=encode(first), randomSeed=b"2")
    assert decode(checking.check(account("aws"), again).inputs) == first


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        ("not json", "not JSON"),
        ("[]", "Statement"),
        ({"Version": "2020-01-01", "Statement": TRUST}, "Version"),
        ({"Statement": {**TRUST, "Effect": "Maybe"}}, "Effect"),
        ({"Statement": {**TRUST, "Resource": "*"}}, "must not have a Resource"),
        ({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole"}}, "Principal"),
        ({"Statement": {**TRUST, "Actions": "x"}}, "Actions"),
    ],
)
def test_a_trust_policy_of_the_wrong_shape_is_refused(policy, why: str):
    assert why in " ".join(policy_problems(policy, with_principal=True, resource=False))


def test_a_right_trust_policy_is_taken():
    assert not list(policy_problems({"Version": "2012-10-17", "Statement": TRUST}, with_principal=True, resource=False))
