"""What AWS says before anything is made: moto where it has the call, botocore's Stubber where it has not."""

import json
from dataclasses import replace

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber
from moto import mock_aws

from cnai.clouds.machines import machines
from cnai.clouds.pools import PoolPlan, Route
from cnai.environment import Environment
from cnai.operations.aws import capacity, preflight, prices, quotas
from cnai.operations.costs import costs, total

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
ON_DEMAND, SPOT = Route(kind="on-demand"), Route(kind="spot")
BLOCK = Route(kind="block", id="cr-0b", zone="us-east-1a")
NAMED = Route(kind="reserved", id="cr-0a")


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


def pool(name, machine, least, most, *routes, zones=ZONES):
    plan = machines("aws")[machine]
    return PoolPlan(name=name, machine=plan, min=least, max=most, routes=routes or (ON_DEMAND,), zones=zones)


H100 = pool("h100", "p5.48xlarge", 2, 8, NAMED, ON_DEMAND)


@pytest.fixture
def stub():
    """`stub(service)`: a real client that answers with what is put into its stubber; all must be asked for."""
    made = []

    def client(service):
        found = boto3.client(service, region_name="us-east-1")
        stubber = Stubber(found)
        stubber.activate()
        made.append(stubber)
        return found, stubber

    yield client
    for stubber in made:
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("machine", "counted", "code"),
    [
        ("m7i.2xlarge", "on-demand", "L-1216C47A"),
        ("i4i.xlarge", "spot", "L-34B43A08"),
        ("g6.12xlarge", "on-demand", "L-DB2E81BA"),
        ("g6e.xlarge", "spot", "L-3819A6DF"),
        ("p4d.24xlarge", "spot", "L-7212CCBC"),
        ("p5en.48xlarge", "spot", "L-C4BD4855"),
        ("p6-b200.48xlarge", "on-demand", "L-417A185B"),
        ("p6-b200.48xlarge", "spot", None),
        ("trn2.48xlarge", "on-demand", "L-2C3B7624"),
        ("inf2.48xlarge", "spot", "L-B5D1601B"),
    ],
)
def test_a_machine_counts_against_its_familys_quota(machine, counted, code):
    assert quotas.quota_code(machine, counted) == code


def test_every_machine_that_a_pool_may_have_counts_against_some_quota_on_demand():
    assert [name for name in machines("aws") if quotas.quota_code(name, "on-demand") is None] == []


def test_pools_of_one_family_share_a_quota_and_blocks_count_against_none():
    plans = [H100, pool("b200", "p6-b200.48xlarge", 0, 1), pool("paid", "p5.48xlarge", 1, 1, BLOCK, zones=ZONES[:1])]
    assert quotas.wanted(plans) == {("on-demand", "L-417A185B"): {"h100": 8 * 192, "b200": 192}}


def quota(value, metric=True):
    found = {"QuotaName": "Running On-Demand P instances", "QuotaCode": "L-417A185B", "Value": value}
    usage = {
        "MetricNamespace": "AWS/Usage",
        "MetricName": "ResourceCount",
        "MetricDimensions": {"Class": "P/OnDemand", "Resource": "vCPU", "Service": "EC2", "Type": "Resource"},
        "MetricStatisticRecommendation": "Maximum",
    }
    return {"Quota": found | ({"UsageMetric": usage} if metric else {})}


@pytest.mark.parametrize(
    ("value", "used", "verdict"),
    [(1536.0, 0.0, "pass"), (1535.0, 0.0, "fail"), (1600.0, 96.0, "warn"), (0.0, 0.0, "fail")],
)
def test_a_quota_must_hold_all_pools_at_their_max_beside_what_runs(stub, value, used, verdict):
    (asked, answers), (metrics, points) = stub("service-quotas"), stub("cloudwatch")
    answers.add_response("get_service_quota", quota(value), {"ServiceCode": "ec2", "QuotaCode": "L-417A185B"})
    points.add_response("get_metric_statistics", {"Datapoints": [{"Maximum": used}]}, dict.fromkeys(STATISTICS, ANY))
    (found,) = quotas.quota_findings(asked, metrics, [H100])
    assert found.verdict == verdict
    assert "1536 vCPUs at max" in found.text
    if verdict != "pass":
        assert f"--quota-code L-417A185B --desired-value {1536 + int(used)}" in found.todo


STATISTICS = ("Namespace", "MetricName", "Dimensions", "StartTime", "EndTime", "Period", "Statistics")


def test_an_account_without_a_value_of_its_own_has_the_default_one(stub):
    (asked, answers), (metrics, _) = stub("service-quotas"), stub("cloudwatch")
    answers.add_client_error("get_service_quota", "NoSuchResourceException")
    answers.add_response("get_aws_default_service_quota", quota(2000.0, metric=False))
    (found,) = quotas.quota_findings(asked, metrics, [H100])
    assert found.verdict == "warn"
    assert "current usage is not known" in found.text


def test_a_quota_that_aws_does_not_know_is_not_called_well(stub):
    (asked, answers), (metrics, _) = stub("service-quotas"), stub("cloudwatch")
    for operation in ("get_service_quota", "get_aws_default_service_quota"):
        answers.add_client_error(operation, "NoSuchResourceException")
    (found,) = quotas.quota_findings(asked, metrics, [H100])
    assert found.verdict == "not checked"


@mock_aws
def test_a_machine_is_offered_in_all_some_or_none_of_the_pools_zones():
    ec2 = boto3.client("ec2", region_name="us-east-1")
    plans = [
        pool("cpu", "m7i.2xlarge", 1, 1),
        pool("somewhere", "m7i.2xlarge", 1, 1, zones=("us-east-1a", "us-east-1z")),
        pool("nowhere", "m7i.2xlarge", 1, 1, zones=("us-east-1z",)),
    ]
    found = list(capacity.offering_findings(ec2, plans))
    assert [(each.subject, each.verdict) for each in found] == [
        ("cpu", "pass"),
        ("somewhere", "warn"),
        ("nowhere", "fail"),
    ]
    assert "us-east-1a" in found[2].todo


def reservation(**facts):
    return {
        "CapacityReservationId": "cr-0a",
        "InstanceType": "p5.48xlarge",
        "AvailabilityZone": "us-east-1a",
        "TotalInstanceCount": 8,
        "AvailableInstanceCount": 8,
        "State": "active",
        "ReservationType": "default",
        **facts,
    }


PAID = {"ReservationType": "capacity-block", "CapacityReservationId": "cr-0b"}


@pytest.mark.parametrize(
    ("route", "found", "verdict", "said"),
    [
        (NAMED, reservation(), "pass", "cr-0a has 8"),
        (NAMED, reservation(TotalInstanceCount=4), "warn", "the rest comes from on-demand"),
        (NAMED, reservation(InstanceType="p5e.48xlarge"), "fail", "it is for p5e.48xlarge"),
        (NAMED, reservation(AvailabilityZone="us-east-1f"), "fail", "it is in us-east-1f"),
        (NAMED, reservation(State="expired"), "fail", "it is expired"),
        (NAMED, reservation(**PAID), "fail", "it is not of kind reserved"),
        (BLOCK, reservation(**PAID, TotalInstanceCount=2), "pass", "the pool needs 2 from it"),
        (BLOCK, reservation(**PAID, TotalInstanceCount=1), "fail", "enlarge it to 2"),
        (BLOCK, reservation(**PAID, State="scheduled"), "warn", "it has not started yet"),
        (BLOCK, reservation(), "fail", "it is not of kind block"),
    ],
)
def test_a_reservation_is_the_pools_when_type_zone_kind_and_size_fit(stub, route, found, verdict, said):
    ec2, answers = stub("ec2")
    plan = pool("h100", "p5.48xlarge", 2, 8, route, ON_DEMAND)
    named = {"CapacityReservationIds": [route.id]}
    answers.add_response("describe_capacity_reservations", {"CapacityReservations": [found]}, named)
    (finding,) = capacity.reservation_findings(ec2, [plan])
    assert finding.verdict == verdict
    assert said in finding.text + finding.todo


def test_a_block_that_is_not_there_fails_and_an_open_reservation_that_is_not_leaves_the_other_routes(stub):
    ec2, answers = stub("ec2")
    answers.add_client_error("describe_capacity_reservations", "InvalidCapacityReservationId.NotFound")
    answers.add_response("describe_capacity_reservations", {"CapacityReservations": []})
    plan = pool("h100", "p5.48xlarge", 2, 8, BLOCK, Route(kind="reserved"), ON_DEMAND)
    block, reserved = capacity.reservation_findings(ec2, [plan])
    assert (block.verdict, reserved.verdict) == ("fail", "warn")
    assert "tagged cnai.dev/pool=h100" in reserved.todo


def test_a_pool_with_no_other_route_fails_with_its_reservation(stub):
    ec2, answers = stub("ec2")
    answers.add_response("describe_capacity_reservations", {"CapacityReservations": []})
    (found,) = capacity.reservation_findings(ec2, [pool("h100", "p5.48xlarge", 2, 8, Route(kind="reserved"))])
    assert found.verdict == "fail"


def test_prices_are_todays_where_aws_tells_them(stub):
    (asked, answers), (ec2, history) = stub("pricing"), stub("ec2")
    term = {"priceDimensions": {"d": {"unit": "Hrs", "pricePerUnit": {"USD": "55.0400000000"}}}}
    answers.add_response("get_products", {"PriceList": [json.dumps({"terms": {"OnDemand": {"t": term}}})]})
    rows = [
        {"AvailabilityZone": zone, "SpotPrice": price} for zone, price in zip(ZONES, ("9", "11", "10"), strict=True)
    ]
    history.add_response(
        "describe_spot_price_history",
        {"SpotPriceHistory": [*rows, {"AvailabilityZone": "us-east-1f", "SpotPrice": "99"}]},
        {"InstanceTypes": ["p5.48xlarge"], "ProductDescriptions": ["Linux/UNIX"], "StartTime": ANY},
    )
    plan = pool("h100", "p5.48xlarge", 2, 8, SPOT, ON_DEMAND)
    live = dict(prices.live_prices(asked, ec2, "us-east-1", [plan]))
    assert live == {("p5.48xlarge", "spot"): 11.0, ("p5.48xlarge", "on-demand"): 55.04}
    spot, demand = costs([plan], live)
    assert (spot.per_hour, demand.per_hour) == ((22.0, 88.0), (110.08, 440.32))
    assert total([spot, demand]) == (110.08, 440.32)
    assert demand.per_month[1] == round(8 * 55.04 * 730, 2)


def environment(**pools):
    config = {
        "cnai:cloud": {"aws": {"region": "us-east-1", "cidr": "10.40.0.0/16"}},
        "cnai:pools": {"system": {"machine": "m7i.2xlarge", "min": 3, "max": 3}, **pools},
    }
    return Environment.load("prod", config)


def test_addresses_are_told_zone_by_zone():
    found = list(preflight.address_findings(environment()))
    assert [(each.subject, each.verdict) for each in found] == [(zone, "pass") for zone in ZONES]
    tight = preflight.judged_addresses("us-east-1a", preflight.IPv4Network("10.0.0.0/24"), 300)
    assert tight.verdict == "fail"
    assert "has 251" in tight.text


@mock_aws
def test_what_the_caller_may_not_see_is_said_and_the_rest_goes_on(monkeypatch):
    def refused(*_):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "GetServiceQuota")

    monkeypatch.setattr(preflight, "quota_findings", refused)
    found = {each.check: each for each in preflight.findings(environment())}
    assert found["credentials"].verdict == found["offered"].verdict == "pass"
    assert found["quota"].verdict == "not checked"
    assert "not you" in found["quota"].text


def test_without_credentials_nothing_is_called_well_but_what_needs_none(monkeypatch):
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for key in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(key, "/dev/null")
    found = list(preflight.findings(environment()))
    assert {each.check for each in found if each.verdict == "pass"} == {"addresses"}
    assert {each.check: each.verdict for each in found if each.verdict != "pass"} == {
        "credentials": "fail",
        "quota": "not checked",
        "offered": "not checked",
        "reservation": "not checked",
    }


def test_karpenter_comes_with_the_pools_that_it_makes():
    assert environment().packages == ()
    assert environment(cpu={"machine": "m7i.xlarge"}).packages == ("karpenter",)


def test_a_live_price_of_one_route_leaves_the_other_at_the_list():
    plan = replace(H100, routes=(SPOT, ON_DEMAND))
    spot, demand = costs([plan], {("p5.48xlarge", "on-demand"): 1.0})
    assert (spot.live, demand.live) == (False, True)
    assert str(plan.machine.price_date) in spot.note
