"""Google Cloud's checks for an environment before anything is created: quotas, machine types, reservations.

Written against google-cloud-compute 1; never run against Google Cloud.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cnai.clouds.gcp.facts import zones_with
from cnai.clouds.gcp.settings import GcpSettings
from cnai.clouds.pools import PoolPlan, Route
from cnai.environment import Environment
from cnai.errors import FailedError, UserError
from cnai.operations.adapters import library
from cnai.operations.findings import Finding, failed, passed, unchecked, warned
from cnai.operations.gcp.session import explained

LOOKED_UP = ("quota", "offered", "reservation")
CONSOLE = "check IAM & Admin, Quotas, in the console"


def findings(environment: Environment) -> Iterator[Finding]:
    settings, plans = environment.cloud_settings, list(environment.pools.values())
    assert isinstance(settings, GcpSettings)
    yield passed(
        "addresses", settings.region, f"{settings.cidr} and {settings.pod_cidr} are large enough for all pools at max"
    )
    try:
        compute = library("google.cloud.compute_v1")
        with explained("credentials"):
            region = compute.RegionsClient().get(project=settings.project, region=settings.region)
    except UserError as error:
        how = "install it, or fix the credentials, and run preflight again"
        yield unchecked("credentials", "Google Cloud", str(error), how)
        yield from (unchecked(check, "every pool", "Google Cloud was not asked", how) for check in LOOKED_UP)
        return
    yield passed("credentials", "Google Cloud", f"project {settings.project} answers")
    yield from quota_findings(region.quotas, plans)
    machines, reservations = compute.MachineTypesClient(), compute.ReservationsClient()
    yield from _looked("offered", lambda: offering_findings(machines, settings.project, plans))
    yield from _looked("reservation", lambda: reservation_findings(reservations, settings.project, plans))


def metrics(plan: PoolPlan, route: Route) -> dict[str, int]:
    """The region's quotas that a pool at its max counts against through a route, and by how much.

    H100 and newer families have quotas only in Cloud Quotas, which the region does not list.
    """
    family = plan.machine.name.partition("-")[0].upper()
    cpus = "CPUS" if family in ("N1", "F1", "G1") else f"{family}_CPUS"
    accelerator, preemptible = plan.machine.accelerator, "PREEMPTIBLE_" if route.kind in ("spot", "queued") else ""
    if accelerator is None:
        return {("PREEMPTIBLE_CPUS" if preemptible else cpus): plan.max * plan.machine.vcpu}
    if accelerator.resource == "nvidia.com/gpu":
        model = "A100_80GB" if accelerator.name == "A100-80GB" else accelerator.kind.replace("-", "_")
        return {f"{preemptible}NVIDIA_{model}_GPUS": plan.max * plan.machine.accelerator_count}
    return {f"{preemptible}TPU {accelerator.kind}": plan.max * plan.machine.accelerator_count}


def quota_findings(quotas: Iterable[Any], plans: Iterable[PoolPlan]) -> Iterator[Finding]:
    listed = {str(each.metric): each for each in quotas}
    wanted: dict[str, dict[str, int]] = {}
    for plan in plans:
        for route in plan.routes:
            for metric, count in metrics(plan, route).items():
                wanted.setdefault(metric, {})[plan.name] = count
    for metric, pools in wanted.items():
        names, need = ", ".join(sorted(pools)), sum(pools.values())
        quota = listed.get(metric)
        if quota is None:
            yield unchecked("quota", names, f"the region lists no quota {metric}; the pools need {need}", CONSOLE)
        else:
            yield _judged(names, metric, need, quota)


def _judged(names: str, metric: str, need: int, quota: Any) -> Finding:
    text = f"{metric}: {need} at max, {quota.limit:.0f} allowed, {quota.usage:.0f} in use now"
    if need > quota.limit:
        return failed("quota", names, text, f"request {need + quota.usage:.0f} under IAM & Admin, Quotas")
    if need + quota.usage > quota.limit:
        return warned("quota", names, text, "request more, unless the usage is this environment's own")
    return passed("quota", names, text)


def offering_findings(machines: Any, project: str, plans: Iterable[PoolPlan]) -> Iterator[Finding]:
    missing = library("google.api_core.exceptions").NotFound
    for plan in plans:
        name, zones = plan.machine.name, zones_with(plan.machine, plan.zones) or plan.zones
        without = [zone for zone in zones if not _offered(machines, project, zone, name, missing)]
        if not without:
            yield passed("offered", plan.name, f"{name} in {', '.join(zones)}")
        elif len(without) == len(zones):
            text = f"{name} is in none of {', '.join(zones)}"
            yield failed("offered", plan.name, text, "change the pool's zones, or its machine")
        else:
            yield warned("offered", plan.name, f"{name} is not in {', '.join(without)}", "set the pool's zones")


def _offered(machines: Any, project: str, zone: str, name: str, missing: type[Exception]) -> bool:
    try:
        machines.get(project=project, zone=zone, machine_type=name)
    except missing:
        return False
    return True


def reservation_findings(reservations: Any, project: str, plans: Iterable[PoolPlan]) -> Iterator[Finding]:
    for plan in plans:
        for route in plan.routes:
            if route.kind in ("reserved", "block"):
                yield _reservation(reservations, project, plan, route)


def _reservation(reservations: Any, project: str, plan: PoolPlan, route: Route) -> Finding:
    zones = (route.zone,) if route.zone else zones_with(plan.machine, plan.zones)
    if not route.id or "/" in route.id or len(zones) != 1:
        text = f"{route.id or 'any matching reservation'} cannot be looked up: that takes one name in one zone"
        return unchecked("reservation", plan.name, text, "check Compute Engine, Reservations")
    try:
        found = reservations.get(project=project, zone=zones[0], reservation=route.id)
    except library("google.api_core.exceptions").NotFound:
        text = f"no reservation {route.id} in {zones[0]} of {project}"
        return failed("reservation", plan.name, text, "create it, name another, or remove the route")
    return judged_reservation(plan, route, found)


def judged_reservation(plan: PoolPlan, route: Route, found: Any) -> Finding:
    specific, need = found.specific_reservation, plan.max
    machine = specific.instance_properties.machine_type
    text = f"{route.id} has {specific.count} of {machine}, {specific.in_use_count} in use"
    if machine != plan.machine.name:
        return failed("reservation", plan.name, f"{text}; the pool has {plan.machine.name}", "name one that fits")
    if str(found.status) != "READY":
        return failed("reservation", plan.name, f"{text}; it is {found.status}", "wait until it is READY")
    if specific.count < need:
        return warned("reservation", plan.name, f"{text}; the pool needs {need}", "enlarge it, or lower the pool's max")
    return passed("reservation", plan.name, text)


def _looked(check: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        with explained(check):
            return list(look())
    except FailedError as error:
        return [unchecked(check, "every pool", str(error), "grant the denied permission, or check in the console")]
