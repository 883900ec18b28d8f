"""Which properties of cloud resources the rules read."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

from cnai.policy.language import All, AnyOf, Condition, Not, Path, Quantified, Test
from cnai.policy.loading import rules, rules_dir

COMPUTED = frozenset(("id",))
"""What every resource has once it is made."""


def used_properties() -> dict[str, set[str]]:
    """Type or pattern -> paths, over all rules about cloud resources."""
    used: dict[str, set[str]] = {}
    for rule in rules().values():
        for kind in rule.applies:
            if kind.partition(":")[0] in ("aws", "gcp", "azure-native"):
                used.setdefault(kind, set()).update(_of_checks(rule))
    for kind, path in _of_predicates():
        used.setdefault(kind, set()).add(path)
    return {kind: {path for path in paths if path not in COMPUTED} for kind, paths in used.items()}


def _of_checks(rule: Any) -> Iterator[str]:
    for condition in filter(None, (rule.when, rule.unless)):
        yield from _paths(condition, "")
    for check in rule.checks:
        for start in [path.text for path in check.each] or [""]:
            yield from filter(None, [start])
            for condition in filter(None, (check.where, check.condition)):
                yield from _paths(condition, start)
            yield from (_joined(start, path) for path, _ in check.fix)


def _paths(condition: Condition, start: str) -> Iterator[str]:
    match condition:
        case Test():
            yield from filter(None, [_joined(start, condition.path)])
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from _paths(part, start)
        case Not(part):
            yield from _paths(part, start)
        case Quantified():
            here = _joined(start, condition.path)
            yield here
            yield from _paths(condition.condition, here)


def _joined(start: str, path: Path) -> str:
    if path.anchored or path.text == ".":
        return path.text.strip("/.") or start
    return ".".join(filter(None, (start, path.text)))


READERS = {
    "node_pools_cost.py": {
        "_eks": "aws:eks/nodeGroup:NodeGroup",
        "_gke": "gcp:container/nodePool:NodePool",
        "_aks": "azure-native:containerservice:AgentPool",
    }
}
"""File -> function that reads one type -> the type."""


def _of_predicates() -> Iterator[tuple[str, str]]:
    modules = {name: _module(rules_dir() / name) for name in ("aws_documents.py", "single_points.py")}
    for table in ("IDENTITY", "RESOURCE", "TRUST"):
        yield from modules["aws_documents.py"][table].items()
    yield from ((kind, path) for kind, (path, _) in modules["single_points.py"]["STANDBY"].items())
    for file, functions in READERS.items():
        yield from _of_readers(rules_dir() / file, functions)
    yield from TOPOLOGY


def _module(file: File) -> dict[str, Any]:
    from runpy import run_path

    return run_path(str(file))


def _of_readers(file: File, functions: dict[str, str]) -> Iterator[tuple[str, str]]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for each in tree.body:
        if isinstance(each, ast.FunctionDef) and each.name in functions:
            yield from ((functions[each.name], path) for path in _read(ast.unparse(each)))


def _read(source: str) -> Iterator[str]:
    for path in re.findall(r"(?:number|text|listed|found)\(body, '([^']+)'\)", source):
        yield path.removesuffix("[*]")
    yield from (f"autoscaling.{name}" for name in re.findall(r"'(\w*(?:Min|Max|min|max)NodeCount)'", source))


TOPOLOGY = (
    ("aws:ec2/capacityReservation:CapacityReservation", "availabilityZone"),
    (
        "aws:ec2/launchTemplate:LaunchTemplate",
        "capacityReservationSpecification.capacityReservationTarget.capacityReservationId",
    ),
    ("aws:ec2/subnet:Subnet", "availabilityZone"),
    ("aws:eks/nodeGroup:NodeGroup", "launchTemplate.id"),
    ("aws:eks/nodeGroup:NodeGroup", "subnetIds"),
    ("aws:ec2/flowLog:FlowLog", "vpcId"),
    ("gcp:compute/reservation:Reservation", "name"),
    ("gcp:compute/reservation:Reservation", "zone"),
    ("gcp:container/cluster:Cluster", "binaryAuthorization.evaluationMode"),
    ("gcp:container/nodePool:NodePool", "nodeConfig.reservationAffinity.values"),
    ("gcp:container/nodePool:NodePool", "nodeLocations"),
    ("gcp:container/nodePool:NodePool", "location"),
    ("azure-native:compute:CapacityReservation", "zones"),
    ("azure-native:compute:CapacityReservation", "capacityReservationGroupName"),
    ("azure-native:containerservice:AgentPool", "capacityReservationGroupID"),
    ("azure-native:containerservice:AgentPool", "availabilityZones"),
    ("azure-native:monitor:DiagnosticSetting", "resourceUri"),
)
"""What `cloud_topology.py` reads."""
