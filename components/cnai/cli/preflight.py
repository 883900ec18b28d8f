"""`cnai preflight`: what would block an environment, and what it costs, before any money is spent."""

import typer

from cnai.cli.console import ExitCode, out, print_json, table
from cnai.cli.target import EnvArgument, JsonFlag, Target
from cnai.operations.costs import HOURS_PER_MONTH, Cost, total
from cnai.operations.findings import Finding, Verdict, counted

COLOURS: dict[Verdict, str] = {"pass": "green", "warn": "yellow", "fail": "red", "not checked": "cyan"}


def register(app: typer.Typer) -> None:
    app.command()(preflight)


def preflight(env: EnvArgument, as_json: JsonFlag = False) -> int:
    """Check credentials, quotas, machines, reservations, addresses, charts and prices. Exit 1 if one fails."""
    from cnai.operations.preflight import preflight as look

    target = Target.of(env)
    environment = target.environment
    target.install()
    found = look(environment)
    if as_json:
        print_json(found.as_json())
    else:
        show_findings(found.findings)
        show_costs(found.costs)
    return ExitCode.DONE if found.ok else ExitCode.FAILED


def show_findings(findings: list[Finding]) -> None:
    shown = table("check", "of", "", "found", "what to do")
    for each in findings:
        verdict = f"[{COLOURS[each.verdict]}]{each.verdict}[/]"
        shown.add_row(each.check, each.subject, verdict, each.text, each.todo)
    out.print(shown)
    out.print(", ".join(f"{count} {verdict}" for verdict, count in counted(findings).items()), highlight=False)


def show_costs(costs: list[Cost]) -> None:
    shown = table("pool", "by", "machine", "a node", "hour, min", "hour, max", "month, min", "month, max", "")
    for each in costs:
        numbers = (each.usd_per_node_hour, *each.per_hour, *each.per_month)
        shown.add_row(each.pool, each.route, each.machine, *(f"{number:,.2f}" for number in numbers), each.note)
    out.print(shown)
    least, most = total(costs)
    months = f"{least * HOURS_PER_MONTH:,.0f} to {most * HOURS_PER_MONTH:,.0f} a month"
    out.print(f"US dollars for machines only: {least:,.2f} to {most:,.2f} an hour, {months}", highlight=False)
