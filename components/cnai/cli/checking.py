"""check and render: an environment or any manifests against the rules, without a cluster."""

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnai.cli.console import ExitCode, err, out, print_json, progress
from cnai.cli.installing import provide_for
from cnai.cli.target import EnvArgument, JsonFlag
from cnai.errors import UserError
from cnai.paths import project_dir
from cnai.stackfiles import read_stack_config

if TYPE_CHECKING:
    from cnai.policy.check import Report

Unrendered = Annotated[bool, typer.Option("--allow-unrendered", help="Skip what cannot be rendered here.")]


class Format(Enum):
    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"


def register(app: typer.Typer) -> None:
    app.command()(check)
    app.command()(render)


def check(
    targets: Annotated[list[str], typer.Argument(metavar="ENV|PATH…", help="Environments, files, folders, `-`.")],
    as_json: JsonFlag = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="SARIF on standard output.")] = False,
    junit: Annotated[bool, typer.Option("--junit", help="JUnit XML on standard output.")] = False,
    pack: Annotated[
        list[str] | None, typer.Option("--pack", metavar="NAME", help="Only this pack, as a whole.")
    ] = None,
    exceptions: Annotated[Path | None, typer.Option(metavar="FILE", help="YAML, as in cnai:policies.")] = None,
    baseline: Annotated[Path | None, typer.Option(metavar="FILE", help="Fail only on what is not in it.")] = None,
    write_baseline: Annotated[bool, typer.Option("--write-baseline", help="Accept what is found now.")] = False,
    allow_unrendered: Unrendered = False,
) -> int:
    """Check environments, manifests and charts. Exit 1 for a violation, else 2 if something could not be checked."""
    from cnai.checks.checking import checked, is_environment
    from cnai.policy import baseline as baselines

    chosen = chosen_format(as_json, sarif, junit)
    if write_baseline and baseline is None:
        raise UserError("--write-baseline: set the file with --baseline FILE")
    accepted = baselines.load(baseline) if baseline and not write_baseline else None
    for env in filter(is_environment, targets):
        provide_for(project_dir(), env, simulated=False)
    report, unreadable = checked(targets, pack or [], allow_unrendered, exceptions, progress())
    if baseline and accepted is None:
        count = baselines.write(report, baseline)
        err.print(f"{count} violations accepted in {baseline}", markup=False, highlight=False)
        accepted = baselines.load(baseline)
    if accepted is not None:
        if mended := baselines.gone(report, accepted):
            err.print(f"{mended} accepted violations are fixed: write the baseline again", highlight=False)
        report = baselines.applied(report, accepted)
    show(report, chosen)
    if report.violations:
        return ExitCode.FAILED
    return ExitCode.WRONG_INPUT if unreadable else ExitCode.DONE


def chosen_format(as_json: bool, sarif: bool, junit: bool) -> Format:
    wanted = [form for form, on in ((Format.JSON, as_json), (Format.SARIF, sarif), (Format.JUNIT, junit)) if on]
    if len(wanted) > 1:
        raise UserError("give one of --json, --sarif and --junit")
    return wanted[0] if wanted else Format.TABLE


def show(report: "Report", form: Format) -> None:
    from cnai.policy.formats import json, junit, sarif
    from cnai.policy.formats import table as human

    match form:
        case Format.JSON:
            print_json(json.document(report))
        case Format.SARIF:
            print_json(sarif.document(report))
        case Format.JUNIT:
            sys.stdout.write(junit.document(report))
        case Format.TABLE:
            human.show(report, out)


def render(
    env: EnvArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="An empty folder, or an earlier output.")
    ],
    crds: Annotated[bool, typer.Option("--crds", help="Custom resource definitions too.")] = False,
    allow_unrendered: Unrendered = False,
) -> int:
    """Write all manifests of an environment, charts included, one file per object; secrets are left out."""
    from cnai.render import Renderer, objects
    from cnai.render import render as rendering
    from cnai.render.writing import write

    project = project_dir()
    provide_for(project, env, simulated=False)
    rendered = rendering(project, env, read_stack_config(project, env), Renderer(crds=crds, report=progress()))
    written = write(objects(rendered.resources), output)
    out.print(f"{len(written)} objects in {output}, {len(rendered.charts)} charts among them", highlight=False)
    for each in rendered.not_rendered:
        out.print(f"not rendered: {each.source}: {each.reason}", markup=False, highlight=False)
    return ExitCode.WRONG_INPUT if rendered.not_rendered and not allow_unrendered else ExitCode.DONE
