"""Whether EC2 has the machines: types offered in the zones; matching reservations and blocks, large enough."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cnai.clouds.aws.routes import group_routes, zones_of
from cnai.clouds.pools import PoolPlan, Route
from cnai.operations.findings import Finding, failed, passed, warned

USABLE = {"active": "", "scheduled": "it has not started yet", "payment-pending": "it is not paid for yet"}
"""Reservation states that pools may count on -> what is still pending."""
KINDS = {"block": "capacity-block", "reserved": "default"}


def offering_findings(ec2: Any, plans: Sequence[PoolPlan]) -> Iterator[Finding]:
    types = sorted({plan.machine.name for plan in plans})
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": types}]
    )
    zones: dict[str, set[str]] = {}
    for page in pages:
        for offer in page["InstanceTypeOfferings"]:
            zones.setdefault(offer["InstanceType"], set()).add(offer["Location"])
    yield from (_offered(plan, zones.get(plan.machine.name, set())) for plan in plans)


def _offered(plan: PoolPlan, zones: set[str]) -> Finding:
    wanted = list(dict.fromkeys(zone for route in plan.routes for zone in zones_of(plan, route)))
    without, name = [zone for zone in wanted if zone not in zones], plan.machine.name
    have = ", ".join(sorted(zones)) or "none in this region"
    if not without:
        return passed("offered", plan.name, f"{name} in {', '.join(wanted)}")
    if len(without) == len(wanted):
        text = f"{name} is in none of {', '.join(wanted)}"
        return failed(
            "offered", plan.name, text, f"zones that offer it: {have}; change the pool's zones, or its machine"
        )
    text = f"{name} is not in {', '.join(without)}"
    return warned("offered", plan.name, text, f"its nodes come up in fewer zones: limit the pool's zones to {have}")


def reservation_findings(ec2: Any, plans: Iterable[PoolPlan]) -> Iterator[Finding]:
    for plan in plans:
        for route in plan.routes:
            if route.kind in KINDS:
                found = _named(ec2, route) if route.id else _open(ec2, plan)
                yield judged(plan, route, found)


def _named(ec2: Any, route: Route) -> list[Mapping[str, Any]]:
    try:
        return ec2.describe_capacity_reservations(CapacityReservationIds=[route.id])["CapacityReservations"]
    except ec2.exceptions.ClientError as error:
        if not error.response["Error"]["Code"].startswith("InvalidCapacityReservationId"):
            raise
        return []


def _open(ec2: Any, plan: PoolPlan) -> list[Mapping[str, Any]]:
    """What Karpenter's and the node groups' selectors would match."""
    filters = [
        {"Name": "instance-type", "Values": [plan.machine.name]},
        {"Name": "state", "Values": ["active"]},
        {"Name": "instance-match-criteria", "Values": ["open"]},
        {"Name": "tag:cnai.dev/pool", "Values": [plan.name]},
    ]
    return ec2.describe_capacity_reservations(Filters=filters)["CapacityReservations"]


def judged(plan: PoolPlan, route: Route, found: Sequence[Mapping[str, Any]]) -> Finding:
    check, what = ("block" if route.kind == "block" else "reservation"), route.id or "an open reservation"
    if not found:
        text = f"{what} of {plan.machine.name} was not found in this account and region"
        tagged = "" if route.id else f", open and tagged cnai.dev/pool={plan.name}"
        return _shortage(check, plan, route, text, f"create one{tagged}, or remove the route from the pool")
    if wrong := [text for each in found for text in _wrong(plan, route, each)]:
        return failed(check, plan.name, f"{what}: {'; '.join(wrong)}", "name one that fits, or change the pool")
    return _size(check, plan, route, what, found)


def _wrong(plan: PoolPlan, route: Route, found: Mapping[str, Any]) -> Iterator[str]:
    if found["InstanceType"] != plan.machine.name:
        yield f"it is for {found['InstanceType']}, and the pool has {plan.machine.name}"
    if found["AvailabilityZone"] not in (zones := zones_of(plan, route)):
        yield f"it is in {found['AvailabilityZone']}, and the pool in {', '.join(zones)}"
    if found.get("ReservationType", "default") != KINDS[route.kind]:
        yield f"it is not of kind {route.kind}: its type is {found.get('ReservationType', 'default')}"
    if found["State"] not in USABLE:
        yield f"it is {found['State']}"


def _size(check: str, plan: PoolPlan, route: Route, what: str, found: Sequence[Mapping[str, Any]]) -> Finding:
    has = sum(each["TotalInstanceCount"] for each in found)
    free = sum(each.get("AvailableInstanceCount", 0) for each in found)
    # A block holds only the pool's `min`; a reservation may serve up to its `max`.
    need = plan.min if route in group_routes(plan) else plan.max
    text = f"{what} has {has} of {plan.machine.name}, {free} free now; the pool needs {need} from it"
    if has < need:
        return _shortage(check, plan, route, text, f"enlarge it to {need}, or lower the pool to {has}")
    if later := [USABLE[each["State"]] for each in found if USABLE[each["State"]]]:
        return warned(check, plan.name, f"{text}; {later[0]}", "bring the pool up once it is active")
    return passed(check, plan.name, text)


def _shortage(check: str, plan: PoolPlan, route: Route, text: str, todo: str) -> Finding:
    """Other routes cover what an ordinary reservation lacks; nothing covers for a block that holds `min`."""
    others = [each.kind for each in plan.routes if each != route and each.kind != "block"]
    if route.kind == "reserved" and others:
        return warned(check, plan.name, f"{text}; the rest comes from {' or '.join(others)}", todo)
    return failed(check, plan.name, text, todo)
