"""Azure's checks for an environment before anything is created: vCPU quotas, sizes and zones, reservations.

Written against azure-mgmt-compute 39; never run against Azure.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from cnai.clouds.azure.settings import AzureSettings
from cnai.clouds.pools import PoolPlan, Route
from cnai.environment import Environment
from cnai.errors import FailedError, UserError
from cnai.operations.adapters import library
from cnai.operations.azure.session import existing, explained
from cnai.operations.findings import Finding, failed, passed, unchecked, warned

SPOT = "lowPriorityCores"
"""One quota covers the spot machines of all families."""


def findings(environment: Environment) -> Iterator[Finding]:
    settings, plans = environment.cloud_settings, list(environment.pools.values())
    assert isinstance(settings, AzureSettings)
    yield passed(
        "addresses", settings.region, f"{settings.cidr} and {settings.pod_cidr} are large enough for all pools at max"
    )
    try:
        credential = library("azure.identity").DefaultAzureCredential()
        compute = library("azure.mgmt.compute").ComputeManagementClient(credential, settings.subscription_id)
        with explained("sizes"):
            skus = sizes(compute.resource_skus.list(filter=f"location eq '{settings.region}'"))
    except UserError as error:
        how = "install it, or fix the credentials, and run preflight again"
        yield unchecked("credentials", "Azure", str(error), how)
        for check in ("quota", "offered", "reservation"):
            yield unchecked(check, "every pool", "Azure was not asked", how)
        return
    yield passed("credentials", "Azure", f"subscription {settings.subscription_id} answers")
    yield from (offered(plan, skus.get(plan.machine.name)) for plan in plans)
    usages = _looked("quota", lambda: iter(quota_findings(_dicts(compute.usage.list(settings.region)), plans, skus)))
    yield from usages
    yield from _looked("reservation", lambda: reservation_findings(compute, plans))


def sizes(skus: Iterable[Any]) -> dict[str, Mapping[str, Any]]:
    """Size -> what Azure reports about it here, keyed by the REST API's names."""
    return {each["name"]: each for each in _dicts(skus) if each.get("resourceType") == "virtualMachines"}


def offered(plan: PoolPlan, sku: Mapping[str, Any] | None) -> Finding:
    name = plan.machine.name
    if sku is None:
        return failed("offered", plan.name, f"the region has no {name}", "choose another machine, or another region")
    barred = [each for each in sku.get("restrictions", []) if each.get("type") == "Location"]
    if barred:
        text = f"{name} is not available to this subscription here ({barred[0].get('reasonCode')})"
        return failed("offered", plan.name, text, "request access to the size in this region from Azure support")
    zones = {zone for each in sku.get("locationInfo", []) for zone in each.get("zones", [])}
    zones -= {
        zone
        for each in sku.get("restrictions", [])
        if each.get("type") == "Zone"
        for zone in each.get("restrictionInfo", {}).get("zones", [])
    }
    without = [zone for zone in plan.zones if zone.rpartition("-")[2] not in zones]
    if without and len(without) == len(plan.zones):
        text = f"{name} is in none of {', '.join(plan.zones)}"
        return failed(
            "offered", plan.name, text, f"set the pool's zones: {name} is in {', '.join(sorted(zones)) or 'none'}"
        )
    if without:
        return warned("offered", plan.name, f"{name} is not in {', '.join(without)}", "set the pool's zones")
    return passed("offered", plan.name, f"{name} in {', '.join(plan.zones) or 'the region'}")


def quota_findings(
    usages: Iterable[Mapping[str, Any]], plans: Iterable[PoolPlan], skus: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    listed = {each["name"]["value"].lower(): each for each in usages}
    wanted: dict[str, dict[str, int]] = {}
    for plan in plans:
        family = str(skus.get(plan.machine.name, {}).get("family", ""))
        for kind in dict.fromkeys("spot" if route.kind == "spot" else "other" for route in plan.routes):
            wanted.setdefault(SPOT if kind == "spot" else family, {})[plan.name] = plan.max * plan.machine.vcpu
    for name, pools in wanted.items():
        usage, of, need = listed.get(name.lower()), ", ".join(sorted(pools)), sum(pools.values())
        if usage is None:
            text = f"Azure lists no quota {name or 'of this size'}; the pools need {need} vCPUs"
            yield unchecked("quota", of, text, "check Quotas, Compute, in the portal")
        else:
            yield _judged(of, need, usage)


def _judged(pools: str, need: int, usage: Mapping[str, Any]) -> Finding:
    limit, used = usage["limit"], usage["currentValue"]
    name = usage["name"].get("localizedValue", usage["name"]["value"])
    text = f"{name}: {need} at max, {limit} allowed, {used} in use now"
    if need > limit:
        return failed("quota", pools, text, f"request {need + used} under Quotas, Compute, in the portal")
    if need + used > limit:
        return warned("quota", pools, text, "request more, unless the usage is this environment's own")
    return passed("quota", pools, text)


def reservation_findings(compute: Any, plans: Iterable[PoolPlan]) -> Iterator[Finding]:
    for plan in plans:
        for route in plan.routes:
            if route.kind == "reserved":
                yield _reservation(compute, plan, route)


def _reservation(compute: Any, plan: PoolPlan, route: Route) -> Finding:
    parts = route.id.split("/")
    group, name = parts[4], parts[-1]
    if existing(lambda: compute.capacity_reservation_groups.get(group, name)) is None:
        text = f"no capacity reservation group {name} in {group}"
        return failed("reservation", plan.name, text, "create it, name another, or remove the route")
    listed = _dicts(compute.capacity_reservations.list_by_capacity_reservation_group(group, name))
    has = sum(each["sku"]["capacity"] for each in listed if each["sku"]["name"] == plan.machine.name)
    text = f"{name} has {has} of {plan.machine.name}; the pool needs {plan.max}"
    if not has:
        return failed("reservation", plan.name, text, "reserve this size in it, or name another group")
    if has < plan.max:
        return warned("reservation", plan.name, text, "enlarge it, or lower the pool's max")
    return passed("reservation", plan.name, text)


def _dicts(models: Iterable[Any]) -> list[dict[str, Any]]:
    return [each.as_dict() for each in models]


def _looked(check: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        with explained(check):
            return list(look())
    except FailedError as error:
        return [unchecked(check, "every pool", str(error), "grant the denied permission, or check in the portal")]
