"""Environments and manifests against the rules: what `cnai check` reports, and what stops an `up`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cnai.checks.subjects import Report as Tell
from cnai.checks.subjects import of_environment, of_paths
from cnai.errors import UserError
from cnai.paths import SandboxDir, cache_dir, project_dir
from cnai.policy import passed
from cnai.policy.check import NotChecked, Report, shown
from cnai.policy.check import check as against
from cnai.policy.config import exceptions_in
from cnai.policy.reading import Problem
from cnai.stackfiles import stack_file


def checked(
    targets: Sequence[str], packs: Sequence[str], allow_unrendered: bool, exceptions: Path | None, tell: Tell
) -> tuple[Report, bool]:
    """The report, and whether anything that should have been checked could not be."""
    more = exceptions_in(exceptions) if exceptions else []
    report, problems, today = Report(), list[Problem](), datetime.now(UTC).date()
    paths = [target for target in targets if not is_environment(target)]
    for env in (target for target in targets if is_environment(target)):
        subject, found = of_environment(project_dir(), env, packs, tell)
        report, problems = report + against(subject.excepting(more), today), problems + found
    if paths:
        subject, found = of_paths(paths, packs, tell)
        report, problems = report + against(subject.excepting(more), today), problems + found
    report += Report(not_checked=tuple(NotChecked(shown(each.source), shown(each.reason)) for each in problems))
    return report, not all(allow_unrendered and each.rendering for each in problems)


def stop_violations(project: Path, env: str, tell: Tell) -> None:
    """Rejects what must never ship before anything exists: the environment's own mandatory rules, charts included.

    An unavailable chart is reported and left unchecked: where it can be installed, it is available.
    Raises `UserError` with each violation in the rule's words.
    """
    today, mark = datetime.now(UTC).date(), SandboxDir.of(project, env).root / "policies-passed"
    before = _digest(project, env, tell)
    if passed.has_passed(mark, before):
        return
    subject, problems = of_environment(project, env, [], tell)
    report = against(subject, today)
    if report.violations:
        lines = (f"{row.resource}: {row.full} ({row.rule.id})" for row in report.violations)
        raise UserError("\n".join([f"{env} breaks its mandatory rules, nothing was changed:", *lines]))
    if problems:
        tell(f"{len(problems)} charts are not available: their contents are not checked against the rules")
    # Rendering may have fetched charts.
    passed.keep(mark, _digest(project, env, tell))


def _digest(project: Path, env: str, tell: Tell) -> str | None:
    """Digest of everything the result depends on."""
    subject, _ = of_environment(project, env, [], tell, charts=False)
    return passed.digest(subject, rendered_from(), datetime.now(UTC).date())


def rendered_from() -> list[Path]:
    """Available charts and manifests, and the programs that render them."""
    folders = ("charts", "manifests", "manifests-src", "tools/helm", "tools/kustomize")
    return sorted(path for name in folders for path in (cache_dir() / name).glob("*"))


def is_environment(target: str) -> bool:
    """A name with a stack file takes precedence over a path; a word that is neither is rejected as a name."""
    if target == "-" or "/" in target:
        return False
    try:
        project = project_dir()
    except UserError:
        return False
    return stack_file(project, target).is_file() or not (Path(target).exists() or "." in target)
