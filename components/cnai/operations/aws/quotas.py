"""Whether the account may run as many vCPUs as all pools have at their max."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from cnai.clouds.machines import RouteKind
from cnai.clouds.pools import PoolPlan
from cnai.operations.findings import Finding, failed, passed, unchecked, warned

COUNTED_AS: Mapping[RouteKind, str] = {"on-demand": "on-demand", "reserved": "on-demand", "spot": "spot"}
"""Reservations count as on demand: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-reservation-concepts.html.
Capacity blocks do not count: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-capacity-blocks.html"""


@cache
def _rows() -> tuple[Mapping[str, Any], ...]:
    return tuple(
        tomllib.loads(files("cnai.operations.aws").joinpath("quotas.toml").read_text(encoding="utf-8"))["quota"]
    )


def quota_code(machine: str, counted_as: str) -> str | None:
    """Of the vCPU quota that `machine` counts against; None if no quota is known."""
    kind = re.split(r"[.-]", machine, maxsplit=1)[0]
    family = re.sub(r"\d.*", "", machine)
    for row in _rows():
        if family in row["families"] and kind in row.get("types", [kind]):
            return row.get(counted_as)
    return None


def wanted(plans: Iterable[PoolPlan]) -> dict[tuple[str, str | None], dict[str, int]]:
    """(how it counts, quota code) -> pool -> vCPUs at its max; each of a pool's routes may reach it."""
    found: dict[tuple[str, str | None], dict[str, int]] = {}
    for plan in plans:
        for counted in dict.fromkeys(COUNTED_AS[route.kind] for route in plan.routes if route.kind in COUNTED_AS):
            pools = found.setdefault((counted, quota_code(plan.machine.name, counted)), {})
            pools[plan.name] = plan.max * plan.machine.vcpu
    return found


def quota_findings(quotas: Any, metrics: Any, plans: Iterable[PoolPlan]) -> Iterator[Finding]:
    """`quotas`, `metrics`: boto3 clients of Service Quotas and CloudWatch."""
    for (counted, code), pools in wanted(plans).items():
        names = ", ".join(sorted(pools))
        if code is None:
            text = f"no vCPU quota is known for {counted} machines in these pools"
            yield unchecked("quota", names, text, "look it up in the Service Quotas console, under Amazon EC2")
            continue
        quota = _quota(quotas, code)
        if quota is None:
            text = f"Service Quotas does not know {code} in this region"
            yield unchecked("quota", names, text, "look up the quota in the Service Quotas console, under Amazon EC2")
            continue
        yield judged(names, quota, sum(pools.values()), _used(metrics, quota))


def judged(pools: str, quota: Mapping[str, Any], need: int, used: float | None) -> Finding:
    name, code, may = quota["QuotaName"], quota["QuotaCode"], int(quota["Value"])
    text = f"{name}: {need} vCPUs at max, {may} allowed"
    ask = f"aws service-quotas request-service-quota-increase --service-code ec2 --quota-code {code} --desired-value"
    if need > may:
        return failed("quota", pools, text, f"{ask} {need + int(used or 0)}")
    if used is None:
        return warned(
            "quota", pools, f"{text}; current usage is not known", "check in the console what else is running"
        )
    if need + used > may:
        text = f"{text}, {int(used)} in use now (including what this environment already runs)"
        return warned("quota", pools, text, f"unless it is this environment's: {ask} {need + int(used)}")
    return passed("quota", pools, f"{text}, {int(used)} in use now")


def _quota(quotas: Any, code: str) -> Mapping[str, Any] | None:
    """The account's own value, or the AWS default."""
    for ask in (quotas.get_service_quota, quotas.get_aws_default_service_quota):
        try:
            return ask(ServiceCode="ec2", QuotaCode=code)["Quota"]
        except quotas.exceptions.NoSuchResourceException:
            continue
    return None


def _used(metrics: Any, quota: Mapping[str, Any]) -> float | None:
    """CloudWatch's figure for the last hours; the quota itself names the metric."""
    metric = quota.get("UsageMetric")
    if not metric:
        return None
    now = datetime.now(UTC)
    points = metrics.get_metric_statistics(
        Namespace=metric["MetricNamespace"],
        MetricName=metric["MetricName"],
        Dimensions=[{"Name": name, "Value": value} for name, value in sorted(metric["MetricDimensions"].items())],
        StartTime=now - timedelta(hours=3),
        EndTime=now,
        Period=3600,
        Statistics=["Maximum"],
    )["Datapoints"]
    # No data points: nothing ran.
    return max((point["Maximum"] for point in points), default=0.0)
