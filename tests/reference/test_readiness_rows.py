"""What `readiness.toml` waits for is in the status that upstream's CRDs have, in every version they serve."""

import re

import pytest

from cnai.readiness import rows, wait_for
from cnai.sandbox.provider.awaits.jsonpath.syntax import (
    And,
    Call,
    Comparison,
    Filter,
    Holds,
    Logical,
    Name,
    Not,
    Operand,
    Or,
    Query,
)
from cnai.sandbox.provider.awaits.wait_for import Condition, parsed

pytestmark = pytest.mark.reference
ROWS = [(group, kind) for group, kinds in rows().items() for kind in kinds if group != "autoscaling/v2"]
METADATA = {"type": "object", "properties": {"generation": {"type": "integer"}}}


def versions(crd: dict, group: str, kind: str) -> list[dict]:
    """Those that are served and that the row is for."""
    _, _, only = group.partition("/")
    served = [version for version in crd["spec"]["versions"] if version["served"] and only in ("", version["name"])]
    return [version for version in served if wait_for(f"{crd['spec']['group']}/{version['name']}", kind)]


def check(query: Query, schema: dict, at: dict) -> dict:
    """The schema of what a query selects; every name on the way, and in its filters, is a field."""
    current = schema if query.absolute else at
    for segment in query.segments:
        (selector,) = segment.selectors
        if isinstance(selector, Name):
            assert selector.name in current.get("properties", {}), f"no field {selector.name}"
            current = current["properties"][selector.name]
            continue
        inner = current.get("items", current)
        if isinstance(selector, Filter):
            check_test(selector.test, schema, inner)
        current = inner
    return current


def check_test(test: Logical, schema: dict, at: dict) -> None:
    match test:
        case And(parts) | Or(parts):
            for part in parts:
                check_test(part, schema, at)
        case Not(inner):
            check_test(inner, schema, at)
        case Comparison(left, _, right):
            check_operand(left, schema, at)
            check_operand(right, schema, at)
        case Holds(of):
            check_operand(of, schema, at)


def check_operand(operand: Operand, schema: dict, at: dict) -> None:
    if isinstance(operand, Query):
        check(operand, schema, at)
    if isinstance(operand, Call):
        for argument in operand.arguments:
            check_operand(argument, schema, at)


@pytest.mark.parametrize(("group", "kind"), ROWS)
def test_what_is_waited_for_is_in_upstreams_status(group, kind, upstream):
    crd = upstream.crd(group.partition("/")[0], kind)
    assert crd is not None, "no CRD of that kind in the reference data"
    found = versions(crd, group, kind)
    assert found, "no served version is meant"
    for version in found:
        schema = version["schema"]["openAPIV3Schema"]
        schema["properties"]["metadata"] = METADATA
        for expression in parsed(wait_for(f"{crd['spec']['group']}/{version['name']}", kind) or ""):
            if isinstance(expression, Condition):
                check_condition(version, schema, expression.type)
            else:
                selected = check(expression.query, schema, schema)
                values = selected.get("enum")
                assert not expression.value or values is None or expression.value in values, values


def check_condition(version: dict, schema: dict, kind: str) -> None:
    entry = schema["properties"]["status"]["properties"]["conditions"]["items"]["properties"]
    assert entry.keys() >= {"type", "status"}
    assert kind in entry["type"].get("enum", [kind])
    # Where upstream shows conditions in `kubectl get`, the one that tells readiness is among them.
    columns = " ".join(column["jsonPath"] for column in version.get("additionalPrinterColumns") or [])
    shown = re.findall(r"""@\.type *== *['"](\w+)""", columns)
    assert not shown or kind in shown
