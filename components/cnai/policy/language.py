"""The language of data rules: conditions over the fields of an object, as YAML says them.

A file `policies/rules/<theme>.yaml` is a list of rules:

    - id: privileged
      title: No privileged containers
      why: A privileged container owns its node.
      severity: critical                  # low | medium | high | critical
      remediation: Leave securityContext.privileged out, and ask for the device or capability that is needed.
      frameworks: {pod-security-standards: [baseline], cis-kubernetes: [5.2.2]}
      applies: pod                        # or a list: [Service, apps/Deployment, "aws:s3/bucket*"]
      unless: {path: spec.os.name, equals: windows}   # optional; also `when:`
      checks:
        - each: containers
          path: securityContext.privileged
          in: [false]
          optional: true
          must: leave securityContext.privileged out or set it to false

**Subject.** With `applies: pod` a rule looks at each pod template of the object (for a Pod: the object itself), so
paths start with `spec.` or `metadata.` whatever the kind is. Else it looks at the object, or at the cloud resource's
properties.

**Check.** Must hold for every item. `each` says what the items are: a path or a list of paths into the subject, or an
alias: `containers` (containers, init and ephemeral containers alike), `pod` (the pod's `spec`), `volumes`; left out,
the item is the subject. `where` is a condition for items to be looked at. `must` completes "container web must ...".
`show: true` adds the offending value where that is safe (words of Kubernetes' own, such as a capability).
`fix: {path: value}` is a safe change of a failing item. The rest of the check is one condition.

**Condition.** One of

    {path: P, OPERATOR: VALUE}            {all: [C, ...]}   {any: [C, ...]}   {not: C}
    {every: P, satisfies: C}              true for none
    {some: P, satisfies: C}               `satisfies` may be left out

Operators, on a value that is there (null counts as not there):

    exists: true|false      equals: V        in: [V, ...]     notIn: [V, ...]
    matches: RE2            notMatches: RE2  atLeast: N       atMost: N
    contains: V (in a list)                  subset: [V, ...] (of a list)     hasAnyOf: [KEY, ...] (of a map)

A value that is not there fails them, except `exists: false`, `notIn`, `notMatches` and `subset`; `optional: true` lets
it pass. `inherits: P` is read where the value is not there, as containers inherit from their pod.

**Path.** Dotted keys from the item, or from the subject with a leading `/` (`/spec.securityContext.runAsNonRoot`);
`.` is the item itself. `[*]` is every element of a list; `['a.b/c']` is a key with dots; `['a.b/*']` is every key that
starts so, and `['*']` every key. With any of these the operator must hold for every value; for none it holds.

Truth has three values: what depends on an `Unknown` is undecided, unless the rest decides it. A map where a list
belongs, or text where a map belongs, is a violation: the API server refuses such an object too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OPERATORS = frozenset(
    ("exists", "equals", "in", "notIn", "matches", "notMatches", "atLeast", "atMost", "contains", "subset", "hasAnyOf")
)
ABSENT_PASSES = frozenset(("notIn", "notMatches", "subset"))
ALIASES: Mapping[str, tuple[str, ...]] = {
    "containers": ("spec.initContainers[*]", "spec.containers[*]", "spec.ephemeralContainers[*]"),
    "pod": ("spec",),
    "volumes": ("spec.volumes[*]",),
}


class LanguageError(ValueError):
    """A rule is not written in this language."""


@dataclass(frozen=True, slots=True)
class Key:
    name: str


@dataclass(frozen=True, slots=True)
class Each:
    """Every element of a list; with a `prefix`, every value of a map whose key starts with it."""

    prefix: str | None = None


Step = Key | Each


@dataclass(frozen=True, slots=True)
class Path:
    text: str
    steps: tuple[Step, ...]
    anchored: bool = False
    """From the subject, not from the item."""

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(step.name for step in self.steps if isinstance(step, Key))

    @property
    def single(self) -> bool:
        return not any(isinstance(step, Each) for step in self.steps)


@dataclass(frozen=True, slots=True)
class Test:
    """One operator on one path."""

    path: Path
    operator: str
    value: Any
    optional: bool = False
    inherits: Path | None = None


@dataclass(frozen=True, slots=True)
class All:
    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Quantified:
    """`every` or `some`."""

    path: Path
    every: bool
    condition: "Condition"


Condition = Test | All | AnyOf | Not | Quantified


@dataclass(frozen=True, slots=True)
class Check:
    each: tuple[Path, ...]
    """Empty: the subject itself."""
    condition: Condition
    must: str
    where: Condition | None = None
    show: bool = False
    fix: tuple[tuple[Path, Any], ...] = ()
