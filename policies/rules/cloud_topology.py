"""Reservations, logs and networks of a cloud across resources: a reservation without nodes is wasted money."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cnai.policy.fields import at, each, found, holds_unknown, listed, readable, text
from cnai.policy.model import Context, Finding, Resource, Rule, SetPredicate, Severity, undecided, violation
from cnai.policy.values import Unknown

EC2_RESERVATION, EC2_TEMPLATE = (
    "aws:ec2/capacityReservation:CapacityReservation",
    "aws:ec2/launchTemplate:LaunchTemplate",
)
EC2_SUBNET, EKS_POOL = "aws:ec2/subnet:Subnet", "aws:eks/nodeGroup:NodeGroup"
EC2_VPC, EC2_FLOWS = "aws:ec2/vpc:Vpc", "aws:ec2/flowLog:FlowLog"
GCE_RESERVATION, GKE_POOL, GKE = (
    "gcp:compute/reservation:Reservation",
    "gcp:container/nodePool:NodePool",
    "gcp:container/cluster:Cluster",
)
AZURE_RESERVATION, AKS_POOL = "azure-native:compute:CapacityReservation", "azure-native:containerservice:AgentPool"
AKS, AZURE_LOGS = "azure-native:containerservice:ManagedCluster", "azure-native:monitor:DiagnosticSetting"
TARGET = "capacityReservationSpecification.capacityReservationTarget.capacityReservationId"
VAGUE = "whether the reservation is in a zone of the pool is not known yet"


def _of(resources: Iterable[Resource], kind: str) -> list[Resource]:
    return [one for one in resources if one.kind == kind]


def _known(resource: Resource, path: str) -> Any:
    """The string at a path of another resource; None if it is anything else."""
    value = at(resource.body, path) if resource in readable([resource], path) else None
    return value if isinstance(value, str) else None


def _aws_zones(resources: Sequence[Resource], _: Context) -> Iterator[Finding]:
    zones = {_known(one, "id"): _known(one, "availabilityZone") for one in _of(resources, EC2_RESERVATION)}
    subnets = {_known(one, "id"): _known(one, "availabilityZone") for one in _of(resources, EC2_SUBNET)}
    templates = {_known(one, "id"): one for one in _of(resources, EC2_TEMPLATE)}

    def judge(pool: Resource) -> Iterator[Finding]:
        template_id, chosen = text(pool.body, "launchTemplate.id"), listed(pool.body, "subnetIds")
        if template_id is None or not zones:
            return
        template = None if isinstance(template_id, Unknown) else templates.get(template_id)
        if template is None and None in templates:
            template_id = Unknown()
        target = text(template.body, TARGET) if template else None
        missing = target is not None and target not in zones and None in zones
        if missing or holds_unknown([template_id, target, chosen]):
            yield undecided(VAGUE, resource=pool)
        elif target in zones and not isinstance(chosen, Unknown):
            yield from _within(pool, zones[target], [subnets.get(str(one)) for one in chosen])

    yield from each(judge, _of(resources, EKS_POOL))


def _within(pool: Resource, zone: str | None, zones: Sequence[str | None]) -> Iterator[Finding]:
    if zone is None or not zones or (zone not in zones and None in zones):
        yield undecided(VAGUE, resource=pool)
    elif zone not in zones:
        yield violation(f"its reservation is in {zone} and must be in a zone of the pool", resource=pool)
    elif set(zones) != {zone}:
        yield violation(f"its reservation is in {zone}, so it must have no subnets in other zones", resource=pool)


def _gcp_zones(resources: Sequence[Resource], _: Context) -> Iterator[Finding]:
    zones = {_name(one): _known(one, "zone") for one in _of(resources, GCE_RESERVATION)}

    def judge(pool: Resource) -> Iterator[Finding]:
        wanted, places = listed(pool.body, "nodeConfig.reservationAffinity.values"), listed(pool.body, "nodeLocations")
        location = text(pool.body, "location")
        if holds_unknown([wanted, places, location]) and wanted:
            yield undecided(VAGUE, resource=pool)
            return
        has = [str(one) for one in places] if not isinstance(places, Unknown) else []
        has = has or ([location] if isinstance(location, str) and location[-2:-1] == "-" else [])
        for one in wanted if not isinstance(wanted, Unknown) else []:
            name = str(one).rpartition("/")[2]
            zone = zones.get(name)
            if zone is None and (name in zones or None in zones):
                yield undecided(VAGUE, resource=pool)
            elif zone and has and zone not in has:
                yield violation(f"its reservation is in {zone} and must be among nodeLocations", resource=pool)

    yield from each(judge, _of(resources, GKE_POOL))


def _name(resource: Resource) -> str | None:
    """None if not known yet; Pulumi generates one from the resource name if none is given."""
    given = at(resource.body, "name")
    return resource.logical_name if given is None else given if isinstance(given, str) else None


def _azure_zones(resources: Sequence[Resource], _: Context) -> Iterator[Finding]:
    groups, vague = dict[str, set[str]](), False
    for one in readable(_of(resources, AZURE_RESERVATION), "zones[*]", "capacityReservationGroupName"):
        name, has = at(one.body, "capacityReservationGroupName"), [zone.value for zone in found(one.body, "zones[*]")]
        vague = vague or holds_unknown([name, has])
        if isinstance(name, str):
            groups.setdefault(name, set()).update(map(str, has))

    def judge(pool: Resource) -> Iterator[Finding]:
        group, places = text(pool.body, "capacityReservationGroupID"), listed(pool.body, "availabilityZones")
        if group is None:
            return
        if isinstance(group, Unknown) or holds_unknown(places) or vague:
            yield undecided(VAGUE, resource=pool)
            return
        reserved = groups.get(group.rpartition("/")[2], set())
        wrong = sorted({str(one) for one in places} - reserved) if not isinstance(places, Unknown) else []
        if reserved and wrong:
            yield violation(
                f"its reservation has nothing in zone {', '.join(wrong)}, so it must not use it", resource=pool
            )

    yield from each(judge, _of(resources, AKS_POOL))


def _watched(watched: str, watcher: str, path: str, must: str) -> SetPredicate:
    """A predicate: each `watched` has a `watcher` whose `path` is its id."""

    def judged(resources: Sequence[Resource], _: Context) -> Iterator[Finding]:
        seen = [at(one.body, path) for one in readable(_of(resources, watcher), path)]
        for one in _of(resources, watched):
            mine = _known(one, "id")
            if mine in seen and mine is not None:
                continue
            if any(isinstance(each, Unknown) for each in seen) or (seen and mine is None):
                yield undecided(f"whether it does {must} is not known yet", resource=one)
            else:
                yield violation(f"must {must}", resource=one)

    return judged


def _zones(name: str, applies: tuple[str, ...], predicate: Any) -> Rule:
    return Rule(
        id=name,
        title="Reservations are in the zones of their pools",
        why="A reservation in another zone is paid for but never used, while the pool waits for on-demand machines.",
        severity=Severity.HIGH,
        remediation="Move the pool into the reservation's zone (and only that one), or reserve in the pool's zones.",
        frameworks={"soc2": ("A1.1",)},
        applies=applies,
        set_predicate=predicate,
    )


RULES = [
    _zones("awsReservationZones", (EC2_RESERVATION, EC2_TEMPLATE, EC2_SUBNET, EKS_POOL), _aws_zones),
    _zones("gcpReservationZones", (GCE_RESERVATION, GKE_POOL), _gcp_zones),
    _zones("azureReservationZones", (AZURE_RESERVATION, AKS_POOL), _azure_zones),
    Rule(
        id="awsFlowLogs",
        title="Networks log their flows",
        why="Without flow logs nobody can tell where data went.",
        severity=Severity.MEDIUM,
        remediation="Add an aws.ec2.FlowLog for the VPC.",
        frameworks={"cis-aws": ("3.7",), "soc2": ("CC7.2",)},
        applies=(EC2_VPC, EC2_FLOWS),
        set_predicate=_watched(EC2_VPC, EC2_FLOWS, "vpcId", "have a FlowLog"),
    ),
    Rule(
        id="azureAksLogs",
        title="AKS audit logs are on",
        why="Without audit logs nobody can tell after an incident which account did it.",
        severity=Severity.MEDIUM,
        remediation="Add an azure_native.monitor.DiagnosticSetting with kube-audit-admin for the cluster.",
        frameworks={"cis-aks": ("2.1.1",), "nsa-cisa": ("audit-logging",), "soc2": ("CC7.2",)},
        applies=(AKS, AZURE_LOGS),
        set_predicate=_watched(AKS, AZURE_LOGS, "resourceUri", "have a DiagnosticSetting for its logs"),
    ),
]
