"""What a rule is, what it is asked about, and what it answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from cnai.policy.language import Check, Condition

Plain = Mapping[str, Any]
"""Dicts, lists, text, numbers, truth values and None; `values.Unknown` stands for what is not known yet."""


class Verdict(StrEnum):
    PASS = "pass"
    VIOLATION = "violation"
    UNDECIDED = "undecided"
    """It depends on a value that is not known yet."""


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Level(StrEnum):
    """What a violation does; the words are Pulumi's own."""

    DISABLED = "disabled"
    ADVISORY = "advisory"
    MANDATORY = "mandatory"
    REMEDIATE = "remediate"
    """Mandatory, and what has a safe fix is fixed where Pulumi runs the rule."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One Kubernetes object, or one cloud resource's properties."""

    body: Plain
    type: str = ""
    """Pulumi's type token, such as `aws:s3/bucket:Bucket`; empty for an object out of a manifest."""
    logical_name: str = ""
    """Pulumi's name, for resources without their own."""
    source: str = ""
    """The file, chart or URN that it comes from."""

    kind: str = field(init=False, default="")
    """`apps/Deployment`, or `Service` in the core group; Pulumi's type token for what is no Kubernetes object."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", _kind(self.body, self.type))

    @property
    def namespace(self) -> str:
        return self._metadata("namespace")

    @property
    def name(self) -> str:
        return self._metadata("name") or self.logical_name or self._metadata("generateName")

    @property
    def id(self) -> str:
        """How reports and exceptions name it: `apps/Deployment/research/web`, `ClusterRole/admin`, `TYPE/name`."""
        return "/".join(part for part in (self.kind or "object", self.namespace, self.name) if part)

    def _metadata(self, key: str) -> str:
        metadata = self.body.get("metadata")
        value = metadata.get(key) if isinstance(metadata, Mapping) else None
        return value if isinstance(value, str) else ""


def _kind(body: Plain, token: str) -> str:
    version, kind = body.get("apiVersion"), body.get("kind")
    if not isinstance(version, str) or not isinstance(kind, str):
        return kind_of_type(token)
    group, slash, _ = version.partition("/")
    return f"{group}/{kind}" if slash else kind


def kind_of_type(token: str) -> str:
    """`kubernetes:apps/v1:Deployment` -> `apps/Deployment`; other tokens, `helm.sh` among them, stay as they are."""
    package, _, rest = token.partition(":")
    version, colon, kind = rest.partition(":")
    group = version.partition("/")[0]
    if package != "kubernetes" or not colon or "/" not in version or group == "helm.sh":
        return token
    return kind if group == "core" else f"{group}/{kind}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says of one container or item of a resource (or of the resource, where `item` is empty)."""

    rule: str
    verdict: Verdict
    item: str = ""
    message: str = ""
    """One sentence. Never a value that could be secret."""
    resource: Resource | None = None
    """Set by `evaluate`; a predicate over many resources sets it itself."""
    crashed: bool = False
    """The rule itself failed; counts as a violation."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a predicate may know beside the resource it is asked about."""

    resources: Sequence[Resource] = ()
    """All that is checked together; empty where resources come one by one, as in a Pulumi preview."""
    settings: Plain = field(default_factory=lambda: MappingProxyType({}))
    """The environment's own, such as `production` and `registries` (`cnai.policy.config`)."""


NO_CONTEXT = Context()
Predicate = Callable[[Resource, Context], Iterable[Finding]]
"""Yields `violation(…)` and `undecided(…)`; yields nothing for a pass."""
SetPredicate = Callable[[Sequence[Resource], Context], Iterable[Finding]]
"""The same over all resources at once; each finding names its `resource`."""
Fix = Callable[[dict[str, Any]], None]
"""Changes a copy of the resource's body in place."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Either data (`checks`), or one of `predicate` and `set_predicate`."""

    id: str
    title: str
    """What must hold, in a few words."""
    why: str
    """One sentence: what goes wrong otherwise."""
    severity: Severity
    remediation: str
    """What to change, as an order."""
    frameworks: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Framework, such as `cis-kubernetes` -> its control ids."""
    applies: tuple[str, ...]
    """`pod` for every kind with a pod template; else kinds (`Service`, `apps/Deployment`, `*` for all objects) or
    Pulumi type tokens, which may end in `*`."""
    when: Condition | None = None
    unless: Condition | None = None
    checks: tuple[Check, ...] = ()
    predicate: Predicate | None = None
    set_predicate: SetPredicate | None = None
    fix: Fix | None = None
    """A safe change that makes the resource pass; data rules give theirs in their checks."""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.checks, self.predicate, self.set_predicate))) != 1:
            raise ValueError(f"rule {self.id}: give exactly one of checks, predicate and set_predicate")

    @property
    def is_data(self) -> bool:
        """Whether admission can enforce it."""
        return bool(self.checks)

    @property
    def fixable(self) -> bool:
        return self.fix is not None or any(check.fix for check in self.checks)

    def violation(self, message: str, item: str = "", resource: Resource | None = None) -> Finding:
        return Finding(self.id, Verdict.VIOLATION, item, message, resource)

    def undecided(self, message: str, item: str = "", resource: Resource | None = None) -> Finding:
        return Finding(self.id, Verdict.UNDECIDED, item, message, resource)


def violation(message: str, item: str = "", resource: Resource | None = None) -> Finding:
    """For predicates: the rule's id is filled in by `evaluate`."""
    return Finding("", Verdict.VIOLATION, item, message, resource)


def undecided(message: str, item: str = "", resource: Resource | None = None) -> Finding:
    return Finding("", Verdict.UNDECIDED, item, message, resource)


def of_rule(finding: Finding, rule: Rule, resource: Resource | None) -> Finding:
    """A finding with what its maker left open."""
    return replace(finding, rule=finding.rule or rule.id, resource=finding.resource or resource)


@dataclass(frozen=True, kw_only=True)
class Pack:
    """Rules that are switched on together; `policies/packs.yaml` lists them."""

    name: str
    title: str
    rules: tuple[str, ...]
    level: Level = Level.MANDATORY
    """Unless the environment says otherwise."""


def worst(findings: Iterable[Finding]) -> Verdict:
    """A known violation beside an unknown value is a violation."""
    verdicts = {finding.verdict for finding in findings}
    for verdict in (Verdict.VIOLATION, Verdict.UNDECIDED):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS
