"""A report for people: by resource, with each rule's reason and remedy once."""

from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from cnai.policy.check import Report, Row
from cnai.policy.model import Rule, Severity

STYLES = {Severity.CRITICAL: "bold red", Severity.HIGH: "red", Severity.MEDIUM: "yellow", Severity.LOW: "dim"}


def show(report: Report, console: Console) -> None:
    _rows(console, "Violations", report.violations)
    _rows(console, "Advice", report.advice)
    _rows(console, "Undecided until the values are known", report.undecided)
    if report.not_checked:
        console.print("Not checked", style="bold")
        for each in report.not_checked:
            console.print(Text(f"  {each.source}: {each.reason}"))
    # What an exception covers may be in what was not checked.
    for each in () if report.not_checked else report.unused:
        console.print(Text(f"The exception from {each.rule} for {each.resource} covers nothing: remove it."))
    _remedies(console, [row.rule for row in (*report.violations, *report.advice)])
    console.print(Text(summary(report)))
    if report.excepted:
        console.print(Text(f"Exceptions: {origins(report)}"))


def summary(report: Report) -> str:
    counts = {
        "violations": report.violations,
        "advice": report.advice,
        "undecided": report.undecided,
        "not checked": report.not_checked,
        "excepted": report.excepted,
    }
    told = ", ".join(f"{len(rows)} {name}" for name, rows in counts.items() if rows or name == "violations")
    return f"{report.resources} resources, {len(report.rules)} rules: {told}"


def origins(report: Report) -> str:
    """How many findings are excepted by whom: `12 by package gpu-operator, 1 by cnai:policies.exceptions`."""
    counts = Counter(row.origin or "the baseline" for row in report.excepted)
    return ", ".join(f"{count} by {origin}" for origin, count in sorted(counts.items()))


def _rows(console: Console, title: str, rows: Iterable[Row]) -> None:
    last: tuple[str, str] | None = None
    for row in rows:
        if last is None:
            console.print(title, style="bold")
        place = f"{row.source}:{row.line}" if row.line else row.source
        if (place, row.resource) != last:
            console.print(Text.assemble("  ", (row.resource or "(all)", "bold"), "  ", (place, "dim")))
            last = (place, row.resource)
        console.print(Text.assemble("    ", (row.rule.id, STYLES[row.rule.severity]), "  ", row.message))


def _remedies(console: Console, rules: Iterable[Rule]) -> None:
    chosen = {rule.id: rule for rule in rules}
    if chosen:
        console.print("Why, and what to change", style="bold")
    for rule in chosen.values():
        console.print(Text.assemble("  ", (rule.id, STYLES[rule.severity]), f"  {rule.why} {rule.remediation}"))
