"""A report as SARIF 2.1.0, as code scanning takes it: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from cnai._version import __version__
from cnai.policy.check import Report, Row
from cnai.policy.frameworks import tags
from cnai.policy.model import Rule, Severity
from cnai.policy.reading.files import STDIN

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS: Mapping[Severity, str] = {
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
SCORES: Mapping[Severity, str] = {
    Severity.LOW: "3.0",
    Severity.MEDIUM: "5.0",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
}
"""GitHub's `security-severity`."""


def document(report: Report) -> dict[str, Any]:
    order = {rule.id: index for index, rule in enumerate(report.rules)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {"name": "cnai", "semanticVersion": __version__, "rules": [*map(_rule, report.rules)]}
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [_invocation(report)],
                "results": list(_results(report, order)),
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why} {rule.remediation}"},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {
            "tags": ["security", *tags(rule)],
            "security-severity": SCORES[rule.severity],
        },
    }


def _invocation(report: Report) -> dict[str, Any]:
    told = [
        {"level": "error", "message": {"text": f"{each.source}: not checked: {each.reason}"}}
        for each in report.not_checked
    ]
    return {"executionSuccessful": not told, "toolExecutionNotifications": told}


def _results(report: Report, order: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    seen = Counter[str]()
    for row in report.violations:
        yield _result(row, order, seen) | {"level": LEVELS[row.rule.severity]}
    for row in report.advice:
        yield _result(row, order, seen) | {"level": "note"}
    for row in report.undecided:
        yield _result(row, order, seen) | {"kind": "open", "level": "none"}
    for row in report.excepted:
        suppressions = [{"kind": "external", "status": "accepted", "justification": row.note}]
        yield _result(row, order, seen) | {"level": LEVELS[row.rule.severity], "suppressions": suppressions}


def _result(row: Row, order: Mapping[str, int], seen: Counter[str]) -> dict[str, Any]:
    mark = hashlib.sha256("\0".join(row.key).encode()).hexdigest()[:32]
    seen[mark] += 1
    return {
        "ruleId": row.rule.id,
        "ruleIndex": order[row.rule.id],
        "message": {"text": row.full},
        "locations": [_location(row)],
        "partialFingerprints": {"cnai/v1": f"{mark}:{seen[mark]}"},
    }


def _location(row: Row) -> dict[str, Any]:
    place = row.file or row.source
    names = [part for part in (row.source if row.file else "", row.resource) if part]
    found: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": ": ".join(names) or row.rule.id}]}
    if place:
        physical = {"artifactLocation": {"uri": uri(place)}, "region": {"startLine": max(row.line, 1)}}
        found["physicalLocation"] = physical
    return found


def uri(place: str) -> str:
    """Relative to where the command runs, as code scanning wants it, wherever that is possible."""
    if place == STDIN:
        return "stdin"
    path = Path(place)
    if path.is_absolute():
        return quote(path.relative_to(Path.cwd()).as_posix()) if path.is_relative_to(Path.cwd()) else path.as_uri()
    return quote(PurePath(place).as_posix())
