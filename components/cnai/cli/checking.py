"""check and render: an environment or any manifests against the rules, without a cluster."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnai.cli.console import ExitCode, err, out, print_json, progress
from cnai.cli.target import EnvArgument, JsonFlag, read_stack_config, stack_file
from cnai.errors import UserError
from cnai.paths import SandboxDir, project_dir

if TYPE_CHECKING:
    from cnai.policy.check import Report, Subject
    from cnai.policy.reading import Problem

Unrendered = Annotated[bool, typer.Option("--allow-unrendered", help="Let be what cannot be rendered here.")]


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
    pack: Annotated[list[str] | None, typer.Option("--pack", metavar="NAME", help="Only this pack, all of it.")] = None,
    exceptions: Annotated[Path | None, typer.Option(metavar="FILE", help="As in cnai:policies, in YAML.")] = None,
    baseline: Annotated[Path | None, typer.Option(metavar="FILE", help="Fail only on what is not in it.")] = None,
    write_baseline: Annotated[bool, typer.Option("--write-baseline", help="Accept what is found now.")] = False,
    allow_unrendered: Unrendered = False,
) -> int:
    """Check environments, manifests and charts. Exit 1 for a violation, else 2 where something could not be checked."""
    from cnai.policy import baseline as baselines

    chosen = chosen_format(as_json, sarif, junit)
    if write_baseline and baseline is None:
        raise UserError("--write-baseline: say which file with --baseline FILE")
    accepted = baselines.load(baseline) if baseline and not write_baseline else None
    report, unreadable = checked(targets, pack or [], allow_unrendered, exceptions)
    if baseline and accepted is None:
        count = baselines.write(report, baseline)
        err.print(f"{count} violations accepted in {baseline}", markup=False, highlight=False)
        accepted = baselines.load(baseline)
    if accepted is not None:
        if mended := baselines.gone(report, accepted):
            err.print(f"{mended} accepted violations are mended: write the baseline anew", highlight=False)
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


def checked(
    targets: Sequence[str], packs: Sequence[str], allow_unrendered: bool, exceptions: Path | None = None
) -> tuple["Report", bool]:
    """The report, and whether something in it could not be checked that should have been."""
    from cnai.policy.check import NotChecked, Report, shown
    from cnai.policy.check import check as against
    from cnai.policy.config import exceptions_in

    more = exceptions_in(exceptions) if exceptions else []
    report, problems, today = Report(), list["Problem"](), datetime.now(UTC).date()
    paths = [target for target in targets if not is_environment(target)]
    for env in (target for target in targets if is_environment(target)):
        subject, found = of_environment(env, packs)
        report, problems = report + against(subject.excepting(more), today), problems + found
    if paths:
        subject, found = of_paths(paths, packs)
        report, problems = report + against(subject.excepting(more), today), problems + found
    report += Report(not_checked=tuple(NotChecked(shown(each.source), shown(each.reason)) for each in problems))
    return report, not all(allow_unrendered and each.rendering for each in problems)


def stop_violations(env: str) -> None:
    """Refuses what must never ship before anything exists: the environment's own mandatory rules, charts included.

    A chart that is not at hand is reported and left unchecked: where it can be installed, it is at hand.
    Raises `UserError` with each violation in the rule's words.
    """
    from cnai.policy import passed
    from cnai.policy.check import check as against

    today, mark = datetime.now(UTC).date(), SandboxDir.of(project_dir(), env).root / "policies-passed"
    before = passed.digest(of_environment(env, [], charts=False)[0], rendered_from(), today)
    if passed.has_passed(mark, before):
        return
    subject, problems = of_environment(env, [])
    report = against(subject, today)
    if report.violations:
        lines = (f"{row.resource}: {row.full} ({row.rule.id})" for row in report.violations)
        raise UserError("\n".join([f"{env} breaks its mandatory rules, nothing was changed:", *lines]))
    if problems:
        progress()(f"{len(problems)} charts are not at hand: what is in them is not checked against the rules")
    # Rendering may have fetched charts.
    passed.keep(mark, passed.digest(of_environment(env, [], charts=False)[0], rendered_from(), today))


def rendered_from() -> list[Path]:
    """Charts and manifests at hand, and the Helm that renders them."""
    from cnai.paths import cache_dir

    return sorted(path for name in ("charts", "manifests", "tools/helm") for path in (cache_dir() / name).glob("*"))


def is_environment(target: str) -> bool:
    """A name with a stack file goes before a path; a word that is neither is taken for a name, to be refused as one."""
    if target == "-" or "/" in target:
        return False
    try:
        project = project_dir()
    except UserError:
        return False
    return stack_file(project, target).is_file() or not (Path(target).exists() or "." in target)


def of_environment(env: str, packs: Sequence[str], *, charts: bool = True) -> tuple["Subject", list["Problem"]]:
    """Without `charts` only what the program itself declares, which needs no Helm."""
    from cnai.policy.check import Subject, levels_of
    from cnai.policy.config import levels
    from cnai.policy.reading import Problem
    from cnai.render import Renderer
    from cnai.render import render as rendering

    project, report = project_dir(), progress()
    config = read_stack_config(project, env)
    policies, exemptions, settings = said_of_policies(env, config)
    rendered = rendering(project, env, config, Renderer(report=report) if charts else None)
    if charts:
        report(f"{env}: {len(rendered.resources)} resources, {len(rendered.charts)} charts rendered")
    subject = Subject(
        resources=rendered.resources,
        levels=levels_of(packs, levels(policies)),
        exemptions=exemptions,
        settings=settings,
        file=str(stack_file(project, env)),
    )
    return subject, [Problem(each.source, each.reason, rendering=True) for each in rendered.not_rendered]


def said_of_policies(env: str, config: Mapping[str, Any]) -> tuple[Any, list[Any], dict[str, Any]]:
    """What the environment says of policies, what its rules overlook, and what they may know of it.

    A program of somebody's own need not say anything.
    """
    from cnai.environment import Environment, PoliciesSpec
    from cnai.policy.config import exceptions, exceptions_of_packages, settings

    if any(key.startswith("cnai:") for key in config):
        environment = Environment.load(env, config)
        overlooked = [*exceptions(environment.policies), *exceptions_of_packages(environment.packages)]
        return environment.policies, overlooked, settings(environment)
    return PoliciesSpec(), [], {"environment": env}


def of_paths(paths: Sequence[str], packs: Sequence[str]) -> tuple["Subject", list["Problem"]]:
    from cnai.policy.check import Subject, levels_of
    from cnai.policy.reading import read
    from cnai.render import Renderer, folders

    levels, report = levels_of(packs, {}), progress()
    found = read(paths, lambda folder: folders.chart(folder, Renderer(report=report)), folders.kustomization)
    return Subject(resources=found.resources, levels=levels, lines=found.lines), found.problems


def render(
    env: EnvArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="An empty folder, or an earlier one.")],
    crds: Annotated[bool, typer.Option("--crds", help="Custom resource definitions too.")] = False,
    allow_unrendered: Unrendered = False,
) -> int:
    """Write all manifests of an environment, charts included, one file for each object; secrets are left out."""
    from cnai.render import Renderer, objects
    from cnai.render import render as rendering
    from cnai.render.writing import write

    project = project_dir()
    rendered = rendering(project, env, read_stack_config(project, env), Renderer(crds=crds, report=progress()))
    written = write(objects(rendered.resources), output)
    out.print(f"{len(written)} objects in {output}, {len(rendered.charts)} charts among them", highlight=False)
    for each in rendered.not_rendered:
        out.print(f"not rendered: {each.source}: {each.reason}", markup=False, highlight=False)
    return ExitCode.WRONG_INPUT if rendered.not_rendered and not allow_unrendered else ExitCode.DONE
