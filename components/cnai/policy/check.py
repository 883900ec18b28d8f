"""Resources against rules: what is wrong, what cannot be decided yet, what was not looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from cnai.policy.evaluate import evaluate_all
from cnai.policy.exceptions import Exemption, sort
from cnai.policy.levels import by_rule
from cnai.policy.model import Context, Finding, Level, Resource, Rule, Verdict
from cnai.policy.packs import pack, packs, rules_of


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is checked together, and how strictly."""

    resources: Sequence[Resource]
    levels: Mapping[str, Level]
    """Rule -> its level; rules that are not among them are not asked."""
    exemptions: Sequence[Exemption] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    file: str = ""
    """The file to show for its findings where it is not their source."""
    lines: Mapping[int, int] = field(default_factory=dict[int, int])

    def excepting(self, more: Sequence[Exemption]) -> "Subject":
        return replace(self, exemptions=(*self.exemptions, *more))


@dataclass(frozen=True, kw_only=True)
class Row:
    """One finding, ready to report."""

    source: str
    rule: Rule
    resource: str
    message: str
    level: Level
    crashed: bool = False
    file: str = ""
    line: int = 0
    note: str = ""
    """Why it does not count."""
    origin: str = ""
    """Where the exception stands that covers it."""

    @property
    def full(self) -> str:
        """What is wrong, why that matters and what to change."""
        return f"{self.message}. {self.rule.why} {self.rule.remediation}"

    @property
    def key(self) -> tuple[str, str, str]:
        """Stable from run to run, wherever its file is."""
        return self.rule.id, self.resource, self.message


@dataclass(frozen=True)
class NotChecked:
    source: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Report:
    violations: tuple[Row, ...] = ()
    """What has to change: levels mandatory and remediate."""
    advice: tuple[Row, ...] = ()
    """Violations of rules that are only advisory."""
    undecided: tuple[Row, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    excepted: tuple[Row, ...] = ()
    """Violations that an exception or the baseline covers."""
    rules: tuple[Rule, ...] = ()
    """Those that were asked."""
    resources: int = 0
    unused: tuple[Exemption, ...] = ()
    """Exceptions of the environment's own that cover nothing; those of packages hold for every environment."""

    def __add__(self, other: "Report") -> "Report":
        return Report(
            violations=self.violations + other.violations,
            advice=self.advice + other.advice,
            undecided=self.undecided + other.undecided,
            not_checked=self.not_checked + other.not_checked,
            excepted=self.excepted + other.excepted,
            rules=tuple({rule.id: rule for rule in self.rules + other.rules}.values()),
            resources=self.resources + other.resources,
            unused=self.unused + other.unused,
        )


def levels_of(names: Sequence[str], given: Mapping[str, Level]) -> dict[str, Level]:
    """Rule -> level as an environment gives it; what packs are named explicitly is mandatory.

    Raises `UserError` for a pack that is none.
    """
    if names:
        return dict.fromkeys(rules_of(map(pack, names)), Level.MANDATORY)
    return by_rule(packs().values(), given)


def check(subject: Subject, today: date, known: Mapping[str, Rule] | None = None) -> Report:
    """Never raises for what is in a resource."""
    known = rules_of(packs().values()) if known is None else known
    asked = {name: known[name] for name in subject.levels if subject.levels[name] is not Level.DISABLED}
    context = Context(resources=subject.resources, settings=subject.settings)
    exemptions = [each for each in subject.exemptions if each.rule in asked]
    parted = sort(evaluate_all(asked.values(), subject.resources, context), exemptions, today)
    standing = [_row(finding, subject, asked) for finding in parted.standing]
    verdicts = [finding.verdict for finding in parted.standing]
    violations = [row for row, verdict in zip(standing, verdicts, strict=True) if verdict is Verdict.VIOLATION]
    undecided = [row for row, verdict in zip(standing, verdicts, strict=True) if verdict is Verdict.UNDECIDED]
    used = {id(exemption) for _, exemption in parted.excepted}
    own = [each for each in exemptions if not each.package and not each.expired(today)]
    return Report(
        violations=tuple(row for row in violations if row.level is not Level.ADVISORY),
        advice=tuple(row for row in violations if row.level is Level.ADVISORY),
        undecided=tuple(undecided),
        excepted=tuple(_excepted(finding, subject, asked, exemption) for finding, exemption in parted.excepted),
        rules=tuple(asked.values()),
        resources=len(subject.resources),
        unused=tuple(each for each in own if id(each) not in used),
    )


def shown(text: str) -> str:
    """Names are untrusted: nothing in them may control a terminal or break a report's encoding."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode() for each in text
    )


def _excepted(finding: Finding, subject: Subject, asked: Mapping[str, Rule], exemption: Exemption) -> Row:
    return replace(_row(finding, subject, asked, _note(exemption)), origin=exemption.origin)


def _note(exemption: Exemption) -> str:
    return f"excepted until {exemption.expires} by {exemption.owner}: {exemption.reason}"


def _row(finding: Finding, subject: Subject, asked: Mapping[str, Rule], note: str = "") -> Row:
    resource, rule = finding.resource, asked[finding.rule]
    return Row(
        source=shown(resource.source) if resource else "",
        rule=rule,
        resource=shown(resource.id) if resource else "",
        message=shown((finding.message or rule.title).rstrip(".")),
        level=subject.levels[finding.rule],
        crashed=finding.crashed,
        file=subject.file,
        line=subject.lines.get(id(resource), 0),
        note=note,
    )
