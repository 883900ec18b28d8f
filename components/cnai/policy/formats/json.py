"""A report as one JSON document."""

from collections.abc import Iterable
from typing import Any

from cnai.policy.check import Report, Row


def document(report: Report) -> dict[str, Any]:
    """`violations` are what fails; `advice` are violations of rules that are only advisory here."""
    return {
        "violations": _rows(report.violations),
        "advice": _rows(report.advice),
        "undecided": _rows(report.undecided),
        "not_checked": [{"source": each.source, "reason": each.reason} for each in report.not_checked],
        "excepted": [{**told(row), "reason": row.note, "origin": row.origin} for row in report.excepted],
    }


def told(row: Row) -> dict[str, str]:
    return {"source": row.source, "rule": row.rule.id, "resource": row.resource, "message": row.full}


def _rows(rows: Iterable[Row]) -> list[dict[str, str]]:
    return [told(row) for row in rows]
