import dataclasses
import json

import pytest
from cloud_fakes import FakeApi, urn

from cnai.plugin.errors import ProviderError
from cnai.plugin.values import Secret
from cnai.sandbox.cloud import functions, operations
from cnai.sandbox.cloud.account import Account
from cnai.sandbox.controlplane.moto import Server

pytestmark = pytest.mark.sandbox
VPC, SUBNET, ROLE = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:iam/role:Role"
CLUSTER = "aws:eks/cluster:Cluster"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def make(account: Account, token: str, logical: str = "it", **inputs):
    return operations.create(account, urn(token, logical), inputs, preview=False, timeout_s=1)


def network(account: Account) -> tuple[str, list[str]]:
    vpc, _ = make(account, VPC, cidrBlock="10.0.0.0/16", enableDnsHostnames=True)
    zones = {"a": "us-east-1a", "b": "us-east-1b"}
    made = [
        make(account, SUBNET, name, vpcId=vpc, cidrBlock=f"10.0.{number}.0/24", availabilityZone=zone)[0]
        for number, (name, zone) in enumerate(zones.items())
    ]
    return vpc, made


def test_ranges_that_clash_fail_as_on_aws(aws):
    vpc, _ = network(aws)
    with pytest.raises(ProviderError, match=r"CreateSubnet: api error InvalidSubnet\.Conflict"):
        make(aws, SUBNET, "c", vpcId=vpc, cidrBlock="10.0.0.128/25")


def test_a_network_in_use_does_not_go_before_what_uses_it(aws):
    vpc, subnets = network(aws)
    with pytest.raises(ProviderError, match="DependencyViolation"):
        operations.delete(aws, urn(VPC), vpc, 1)
    for each in subnets:
        operations.delete(aws, urn(SUBNET), each, 1)
    operations.delete(aws, urn(VPC), vpc, 1)
    assert aws.store.all() == []


def test_a_cluster_needs_a_role_and_subnets_that_exist(aws):
    _, subnets = network(aws)
    wrong = "arn:aws:iam::123456789012:role/nobody"
    with pytest.raises(ProviderError, match="could not be assumed"):
        make(aws, CLUSTER, name="c", roleArn=wrong, vpcConfig={"subnetIds": subnets})
    _, role = make(aws, ROLE, name="r", assumeRolePolicy=TRUST)
    with pytest.raises(ProviderError, match=r"InvalidSubnetID\.NotFound"):
        make(aws, CLUSTER, name="c", roleArn=role["arn"], vpcConfig={"subnetIds": ["subnet-0", *subnets]})
    with pytest.raises(ProviderError, match="at least 2 different AZs"):
        make(aws, CLUSTER, name="c", roleArn=role["arn"], vpcConfig={"subnetIds": subnets[:1]})


def test_a_policy_of_awss_own_is_known_and_another_is_not(aws):
    make(aws, ROLE, name="r", assumeRolePolicy=TRUST)
    attach, own = "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "arn:aws:iam::aws:policy/"
    make(aws, attach, role="r", policyArn=f"{own}AmazonEKSClusterPolicy")
    with pytest.raises(ProviderError, match="NoSuchEntity"):
        make(aws, attach, role="r", policyArn=f"{own}AmazonEKSMagicPolicy")


def test_a_restarted_moto_has_everything_again_under_the_same_ids(aws, kube):
    vpc, subnets = network(aws)
    _, role = make(aws, ROLE, name="r", assumeRolePolicy=TRUST)
    template, _ = make(aws, "aws:ec2/launchTemplate:LaunchTemplate", "t", name="t", instanceType="m7i.2xlarge")
    cluster, _ = make(aws, CLUSTER, name="c", roleArn=role["arn"], vpcConfig={"subnetIds": subnets})
    key, _ = make(aws, "aws:kms/key:Key", description="k")
    before = {(record.token, record.id) for record in aws.store.all()}
    Server(aws.sandbox).end(0)
    again = dataclasses.replace(aws)
    again.__dict__["api"] = FakeApi(kube)
    for record in aws.store.all():
        found = operations.read(again, record.urn, record.id, dict(record.inputs), dict(record.outputs))
        assert found == (dict(record.inputs), dict(record.outputs))
    assert {(record.token, record.id) for record in again.store.all()} == before
    with pytest.raises(ProviderError, match="Conflict"):
        make(again, SUBNET, "c", vpcId=vpc, cidrBlock="10.0.0.0/24")
    assert all((template, cluster, key))


def test_what_somebody_else_took_away_is_gone_for_a_refresh(aws):
    from cnai.sandbox.cloud.moto.calls import Calls

    vpc, _ = make(aws, VPC, cidrBlock="10.9.0.0/16")
    assert operations.read(aws, urn(VPC), vpc, {}, {}) is not None
    Calls(aws.moto_port, "us-east-1", "")("ec2", "delete_vpc", VpcId=vpc)
    assert operations.read(aws, urn(VPC), vpc, {}, {}) is None


def test_a_secret_is_written_nowhere_beside_the_state(account):
    aws, token = account("aws"), "aws:ssm/parameter:Parameter"
    given, _ = operations.create(aws, urn(token), {"name": "p", "value": Secret("hush")}, preview=False, timeout_s=1)
    written = "".join(path.read_text() for path in aws.sandbox.root.rglob("*.json"))
    assert "hush" not in written
    found = operations.read(aws, urn(token), given, {"value": Secret("hush")}, {"value": Secret("hush")})
    assert found is not None
    assert found[0]["value"] == Secret("hush")


def test_a_function_that_is_not_answered_is_named(account):
    with pytest.raises(ProviderError, match="aws:lambda/getFunction:getFunction"):
        functions.answer(account("aws"), "aws:lambda/getFunction:getFunction", {})


def test_zones_are_the_regions_own(account):
    found = functions.answer(
        account("aws"), "aws:index/getAvailabilityZones:getAvailabilityZones", {"state": "available"}
    )
    assert found["names"][:2] == ["us-east-1a", "us-east-1b"]
    assert found["zoneIds"][0] == "use1-az1"
