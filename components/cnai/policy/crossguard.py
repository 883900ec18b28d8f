"""The packs as Pulumi's own policies: one for each pack and level, which asks its rules itself.

The SDK deserialises every resource once for each policy that is on, so their number is what a preview pays for.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

from cnai.policy.config import UNDECIDED, document, of_kind, policy_name
from cnai.policy.evaluate import applies, evaluate, evaluate_set
from cnai.policy.exceptions import Exemption, expired, sort
from cnai.policy.levels import RANK
from cnai.policy.loading import rules
from cnai.policy.model import Context, Finding, Level, Pack, Resource, Rule, Verdict, kind_of_type
from cnai.policy.packs import packs
from cnai.policy.remedy import remedied
from cnai.policy.values import plain, rewrapped
from cnai.policy.views import View

SCHEMA = PolicyConfigSchema(
    properties={
        "rules": {"type": "array", "items": {"type": "string"}},
        "exceptions": {"type": "array", "items": {"type": "object"}},
        "settings": {"type": "object"},
    }
)


def serve() -> None:
    """Serves the pack to the engine, and does not return."""
    PolicyPack(name="cnai", policies=policies(), description="Rules that stop a bad platform before it exists")


def policies() -> list[Policy]:
    """What `--policy-pack-config` does not mention has the level that its pack has by itself."""
    undecided = Undecided()
    made: list[Policy] = []
    for pack in packs().values():
        for level in RANK[1:]:
            for kind in (Rules, StackRules):
                over_the_stack = kind is StackRules
                if names := of_kind(pack, pack.rules, over_the_stack):
                    defaults = document({}).get(policy_name(pack.name, level, over_the_stack), {})
                    made.append(kind(pack, level, names, defaults, undecided).policy())
    return [*made, undecided.policy()]


class Undecided:
    """Gathers what the other policies could not decide of a resource, and tells it as advice."""

    def __init__(self) -> None:
        self._found: dict[str, list[Finding]] = {}

    def add(self, urn: str, findings: Sequence[Finding]) -> None:
        if findings:
            self._found.setdefault(urn, []).extend(findings)

    def policy(self) -> Policy:
        return ResourceValidationPolicy(
            UNDECIDED,
            "What depends on values that are not known yet; `up` checks it again once they are.",
            self._validate,
            EnforcementLevel.ADVISORY,
        )

    def _validate(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        for finding in self._found.pop(args.urn, ()):
            report(f"{finding.rule} is undecided: {finding.message}", None)


class Rules:
    """One policy: the rules of a pack at a level, over one resource at a time."""

    def __init__(
        self, pack: Pack, level: Level, names: Sequence[str], defaults: Mapping[str, Any], undecided: Undecided
    ) -> None:
        self._pack, self._level, self._undecided = pack, level, undecided
        self._names = tuple(names)
        self._defaults = defaults

    def policy(self) -> Policy:
        return ResourceValidationPolicy(
            policy_name(self._pack.name, self._level),
            self._pack.title,
            self._validate,
            _enforcement(self._defaults),
            SCHEMA,
            remediate=self._remediate if self._level is Level.REMEDIATE else None,
        )

    def _validate(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        given = _Given(args.get_config() or self._defaults, self._names)
        concerned = [rule for rule in given.rules if applies(rule, kind_of_type(args.resource_type))]
        if concerned:
            resource = _resource(args.resource_type, args.name, args.urn, plain(args.props))
            view = View(resource)
            found = [
                each for rule in concerned for each in evaluate(rule, resource, given.context, reveal=False, view=view)
            ]
            standing = sort(found, given.live, given.today).standing
            _tell([each for each in standing if each.verdict is Verdict.VIOLATION], report)
            self._undecided.add(args.urn, [each for each in standing if each.verdict is Verdict.UNDECIDED])
        if args.resource_type == "pulumi:pulumi:Stack":
            _tell([each for each in expired(given.exceptions, given.today) if each.rule in given.names], report)

    def _remediate(self, args: ResourceValidationArgs) -> Any:
        given = _Given(args.get_config() or self._defaults, self._names)
        concerned = [rule for rule in given.rules if applies(rule, kind_of_type(args.resource_type))]
        if not concerned:
            return None
        before = _resource(args.resource_type, args.name, args.urn, plain(args.props))
        excepted = [rule for rule in concerned if not _excepted(rule, before, given)]
        after = remedied(excepted, before, given.context)
        return rewrapped(after.body, args.props) if after else None


class StackRules(Rules):
    """The same for rules that look at all resources at once."""

    def policy(self) -> Policy:
        return StackValidationPolicy(
            policy_name(self._pack.name, self._level, over_the_stack=True),
            self._pack.title,
            self._validate_stack,
            _enforcement(self._defaults),
            SCHEMA,
        )

    def _validate_stack(self, args: StackValidationArgs, report: ReportViolation) -> None:
        given = _Given(args.get_config() or self._defaults, self._names)
        resources = [_resource(each.resource_type, each.name, each.urn, plain(each.props)) for each in args.resources]
        context = Context(resources=resources, settings=given.context.settings)
        found = [each for rule in given.rules for each in evaluate_set(rule, resources, context)]
        for finding in sort(found, given.live, given.today).standing:
            if finding.verdict is Verdict.VIOLATION:
                report(_words(finding), finding.resource.source or None if finding.resource else None)


class _Given:
    """What `--policy-pack-config` says to one policy."""

    def __init__(self, config: Mapping[str, Any], all_names: Sequence[str]) -> None:
        words = plain(dict(config))
        self.names: tuple[str, ...] = tuple(words.get("rules", all_names))
        self.rules = [rules()[name] for name in self.names if name in rules()]
        self.exceptions = [Exemption.of(each) for each in words.get("exceptions") or ()]
        self.today = datetime.now(UTC).date()
        self.live = [each for each in self.exceptions if not each.expired(self.today)]
        self.context = Context(settings=words.get("settings") or {})


def _resource(token: str, name: str, urn: str, body: Any) -> Resource:
    return Resource(body, type=token, logical_name=name, source=urn)


def _excepted(rule: Rule, resource: Resource, given: _Given) -> bool:
    return any(each.covers(rule.violation("", resource=resource)) for each in given.live)


def _tell(findings: Sequence[Finding], report: ReportViolation) -> None:
    for finding in findings:
        report(_words(finding), None)


def _words(finding: Finding) -> str:
    rule = rules().get(finding.rule)
    return f"[{finding.rule}] {finding.message}. {rule.why} {rule.remediation}" if rule else finding.message


def _enforcement(defaults: Mapping[str, Any]) -> EnforcementLevel:
    return EnforcementLevel(defaults.get("enforcementLevel", "disabled"))
