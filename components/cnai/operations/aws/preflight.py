"""AWS's checks for an environment before anything is created."""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from typing import Any

from cnai.clouds.aws import addresses
from cnai.clouds.aws.settings import AwsSettings
from cnai.environment import Environment
from cnai.errors import FailedError, UserError
from cnai.operations.adapters import library
from cnai.operations.aws.capacity import offering_findings, reservation_findings
from cnai.operations.aws.prices import PRICING_REGION, live_prices
from cnai.operations.aws.quotas import quota_findings
from cnai.operations.aws.session import explained
from cnai.operations.costs import LivePrices
from cnai.operations.findings import Finding, failed, passed, unchecked

LOOKED_UP = ("quota", "offered", "reservation")
"""What cannot be checked without credentials."""


def findings(environment: Environment) -> Iterator[Finding]:
    yield from address_findings(environment)
    try:
        session = _session(environment)
        with explained("credentials"):
            who = session.client("sts").get_caller_identity()
    except UserError as error:
        yield failed("credentials", "AWS", str(error), "fix them, and run preflight again")
        yield from (unchecked(check, "every pool", "no credentials", "fix them first") for check in LOOKED_UP)
        return
    yield passed("credentials", "AWS", f"account {who['Account']} as {who['Arn']}")
    ec2, plans = session.client("ec2"), list(environment.pools.values())
    quotas, metrics = session.client("service-quotas"), session.client("cloudwatch")
    yield from _looked("quota", lambda: quota_findings(quotas, metrics, plans))
    yield from _looked("offered", lambda: offering_findings(ec2, plans))
    yield from _looked("reservation", lambda: reservation_findings(ec2, plans))


def prices(environment: Environment) -> LivePrices:
    """Raises `UserError` if AWS cannot be asked."""
    session = _session(environment)
    region = environment.cloud_settings.region_name()
    pricing, ec2 = session.client("pricing", region_name=PRICING_REGION), session.client("ec2")
    with explained("prices"):
        return dict(live_prices(pricing, ec2, region, environment.pools.values()))


def address_findings(environment: Environment) -> Iterator[Finding]:
    settings = environment.cloud_settings
    assert isinstance(settings, AwsSettings)
    zones = settings.zone_names()
    room = dict(zip(zones, addresses.subnets(settings.cidr, len(zones)).private, strict=True))
    for zone, need in sorted(addresses.needed(environment.pools.values()).items()):
        yield judged_addresses(zone, room[zone], need)


def judged_addresses(zone: str, subnet: IPv4Network, need: int) -> Finding:
    has = subnet.num_addresses - addresses.AWS_KEEPS
    text = f"nodes and pods at max need {need} addresses, {subnet} has {has}"
    if need > has:
        return failed("addresses", zone, text, "give the VPC a larger cidr, more zones, or lower a pool's max")
    return passed("addresses", zone, text)


def _session(environment: Environment) -> Any:
    return library("boto3").Session(region_name=environment.cloud_settings.region_name())


def _looked(check: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """One check may lack permission; the others continue, and what could not be checked is not reported as passed."""
    try:
        with explained(check):
            return list(look())
    except FailedError as error:
        return [unchecked(check, "every pool", str(error), "grant the denied permission, or check in the console")]
