"""What a stack file may say of AWS, and in which words it is told what is wrong."""

import pytest

from cnai.clouds.aws.settings import AwsSettings, regions
from cnai.clouds.machines import machines
from cnai.environment import Environment
from cnai.errors import UserError

POOLS = {"system": {"machine": "m7i.2xlarge", "min": 2}}


def refusal(cloud, pools=None):
    with pytest.raises(UserError) as refused:
        Environment.load("demo", {"cnai:cloud": {"aws": cloud}, "cnai:pools": pools or POOLS})
    return str(refused.value).splitlines()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"region": "us-east-9"}, "cnai:cloud.aws.region: no region 'us-east-9' with EKS: give af-south-1, ap-east-1"),
        ({"zones": 4, "region": "eu-west-1"}, "cnai:cloud.aws.zones: eu-west-1 has 3 zones: give at most 3"),
        (
            {"zones": ["us-east-1a", "us-east-2a"]},
            "cnai:cloud.aws.zones: us-east-1 has no zone 'us-east-2a': choose from",
        ),
        ({"zones": ["us-east-1a"]}, "cnai:cloud.aws.zones: EKS needs at least two different zones"),
        ({"zones": ["us-east-1a", "us-east-1a"]}, "cnai:cloud.aws.zones: EKS needs at least two different zones"),
        ({"cidr": "10.0.0.0"}, "cnai:cloud.aws.cidr: a VPC of 3 zones has from /16 to /23, not /32"),
        ({"cidr": "10.0.0.0/15"}, "cnai:cloud.aws.cidr: a VPC of 3 zones has from /16 to /23, not /15"),
        ({"cidr": "10.0.0.0/24"}, "cnai:cloud.aws.cidr: a VPC of 3 zones has from /16 to /23, not /24"),
        ({"cidr": "10.0.1.0/16"}, "cnai:cloud.aws.cidr: '10.0.1.0/16' is not a CIDR"),
        ({"cidr": "all of it"}, "cnai:cloud.aws.cidr: 'all of it' is not a CIDR"),
        (
            {"service_cidr": "10.0.128.0/20"},
            "cnai:cloud.aws.service_cidr: 10.0.128.0/20 overlaps the VPC's 10.0.0.0/16",
        ),
        ({"service_cidr": "100.64.0.0/16"}, "cnai:cloud.aws.service_cidr: EKS accepts a range from /12 to /24 inside"),
        ({"service_cidr": "172.20.0.0/25"}, "cnai:cloud.aws.service_cidr: EKS accepts a range from /12 to /24 inside"),
        (
            {"public_access_cidrs": ["0.0.0.0/0"]},
            "cnai:cloud.aws.public_access_cidrs[0]: '0.0.0.0/0': give your own ranges",
        ),
        ({"kubernetes": "1.35"}, "cnai:cloud.aws.node_image: Kubernetes 1.35 nodes need an image for 1.35"),
        (
            {"kubernetes": "1.35", "node_image": "1.36.2-20260714"},
            "cnai:cloud.aws.node_image: Kubernetes 1.35 nodes",
        ),
        ({"node_image": "latest"}, "cnai:cloud.aws.node_image: "),
        ({"access": {"root": "admin"}}, "cnai:cloud.aws.access.root: "),
        ({"access": {"arn:aws:iam::111122223333:role/ops": "owner"}}, "cnai:cloud.aws.access"),
        ({"nat": "none"}, "cnai:cloud.aws.nat: give 'per-zone' or 'single'"),
        ({"disposable": "yes"}, "cnai:cloud.aws.disposable: give true or false"),
    ],
)
def test_each_mistake_is_one_line_with_the_keys_path(given, line):
    lines = refusal({"region": "us-east-1", **given})
    assert [each for each in lines if each.startswith(line)], lines


@pytest.mark.parametrize(
    ("pool", "line"),
    [
        ({"accelerator": "B300", "max": 1}, "cnai:pools.gpu.accelerator: eu-west-1 has no p6-b300.48xlarge: it is in"),
        (
            {"machine": "trn2.48xlarge", "capacity": [{"block": "cr-1"}]},
            "cnai:pools.gpu.machine: eu-west-1 has no trn2",
        ),
        ({"accelerator": "v5e"}, "cnai:pools.gpu.accelerator: aws has no 'v5e': give A100"),
        (
            {"machine": "trn2.48xlarge", "capacity": ["spot"]},
            "cnai:pools.gpu.capacity[0]: trn2.48xlarge is not available as",
        ),
        ({"accelerator": "L4", "capacity": ["queued"]}, "cnai:pools.gpu.capacity[0]: aws has no route 'queued'"),
        ({"accelerator": "L4", "fabric": "infiniband"}, "cnai:pools.gpu.fabric: g6.xlarge has no RDMA fabric"),
    ],
)
def test_what_aws_or_the_region_lacks_is_refused_with_what_there_is(pool, line):
    lines = refusal({"region": "eu-west-1"}, {**POOLS, "gpu": pool})
    assert [each for each in lines if each.startswith(line)], lines


@pytest.mark.parametrize(
    ("cloud", "pools", "line"),
    [
        ({"cidr": "10.0.0.0/20"}, {"cpu": {"max": 30}}, "cnai:cloud.aws.cidr: us-east-1a has 1019 addresses"),
        ({}, {"system": {"min": 1, "capacity": ["spot", "on-demand"]}}, "cnai:pools.system.capacity: nothing scales"),
        ({}, {"near": {"placement": "compact"}}, "cnai:pools.near.zones: a cluster placement group is in one zone"),
        (
            {},
            {"gpu": {"accelerator": "H100", "capacity": [{"block": "cr-1"}, {"block": "cr-2"}]}},
            "cnai:pools.gpu.capacity: min cannot say how many nodes each block has",
        ),
    ],
)
def test_pools_are_looked_at_together(cloud, pools, line):
    lines = refusal({"region": "us-east-1", **cloud}, {**POOLS, **pools})
    assert [each for each in lines if each.startswith(line)], lines


def test_every_region_has_zones_enough_for_a_cluster():
    assert len(regions()) > 30
    assert all(len(zones) >= 2 for zones in regions().values())
    assert all(zone.startswith(region) for region, zones in regions().items() for zone in zones)


def test_botocore_knows_the_same_regions():
    session = pytest.importorskip("botocore.session").get_session()
    assert set(session.get_available_regions("eks")) == set(regions())


def test_machines_name_regions_that_there_are():
    unknown = {region for machine in machines("aws").values() for region in machine.regions} - set(regions())
    assert unknown == set()


def test_zones_are_the_first_of_the_region_unless_they_are_named():
    assert AwsSettings(region="us-west-1", zones=2).zone_names() == ("us-west-1a", "us-west-1c")
    named = AwsSettings(region="us-east-1", zones=("us-east-1d", "us-east-1f"))
    assert named.zone_names() == ("us-east-1d", "us-east-1f")
    assert list(named.problems()) == []
