"""Asks one rule about one resource, or all rules about many."""

import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path as File
from typing import Any

from cnai.policy import conditions
from cnai.policy.conditions import Truth
from cnai.policy.language import Check, Path
from cnai.policy.model import NO_CONTEXT, Context, Finding, Resource, Rule, Verdict, of_rule
from cnai.policy.walking import WrongType, walk
from cnai.policy.workloads import templates, workloads

LABELS: Mapping[str, str] = {
    "spec": "pod",
    "spec.containers[*]": "container",
    "spec.initContainers[*]": "init container",
    "spec.ephemeralContainers[*]": "ephemeral container",
    "spec.volumes[*]": "volume",
}


def evaluate(
    rule: Rule, resource: Resource, context: Context = NO_CONTEXT, *, reveal: bool = True, passes: bool = False
) -> list[Finding]:
    """Violations and undecided items; passing ones too where `passes` asks for them. Never raises.

    `reveal=False` where any value may be a secret's, as in a Pulumi preview.
    """
    if not applies(rule, resource.kind):
        return []
    try:
        if rule.predicate:
            found = [of_rule(each, rule, resource) for each in rule.predicate(resource, context)]
            return found or ([Finding(rule.id, Verdict.PASS, resource=resource)] if passes else [])
        return list(_by_data(rule, resource, reveal, passes))
    except Exception as error:  # noqa: BLE001 - a rule that crashes is a failure of the rule, and is reported as one
        return [_crash(rule, resource, error)]


def evaluate_set(rule: Rule, resources: Sequence[Resource], context: Context) -> list[Finding]:
    """The same for a rule over many resources."""
    if rule.set_predicate is None:
        return []
    try:
        chosen = [each for each in resources if applies(rule, each.kind)]
        return [of_rule(each, rule, None) for each in rule.set_predicate(chosen, context)]
    except Exception as error:  # noqa: BLE001 - as above
        return [_crash(rule, None, error)]


def evaluate_all(rules: Iterable[Rule], resources: Sequence[Resource], context: Context) -> Iterator[Finding]:
    """Every rule about every resource."""
    chosen = list(rules)
    about: dict[str, list[Rule]] = {}
    for resource in resources:
        kind = resource.kind
        if kind not in about:
            about[kind] = [rule for rule in chosen if not rule.set_predicate and applies(rule, kind)]
        for rule in about[kind]:
            yield from evaluate(rule, resource, context)
    for rule in chosen:
        yield from evaluate_set(rule, resources, context)


def applies(rule: Rule, kind: str) -> bool:
    return _applies(rule.applies, kind)


@lru_cache(maxsize=65536)
def _applies(patterns: tuple[str, ...], kind: str) -> bool:
    for pattern in patterns:
        if pattern == "pod":
            if kind in workloads():
                return True
        elif pattern == "*":
            if ":" not in kind:
                return True
        elif fnmatchcase(kind, pattern) if ":" in pattern else kind == pattern:
            return True
    return False


def _by_data(rule: Rule, resource: Resource, reveal: bool, passes: bool) -> Iterator[Finding]:
    said = set[tuple[str, str]]()
    try:
        for place, subject in _subjects(rule, resource):
            for found in _subject(rule, resource, subject, place, reveal):
                # One item of a wrong type would otherwise be told once for each check.
                if (passes or found.verdict is not Verdict.PASS) and (key := (found.item, found.message)) not in said:
                    said.add(key)
                    yield found
    except WrongType as wrong:
        yield Finding(rule.id, Verdict.VIOLATION, "", f"{resource.kind}: {wrong}", resource)


def _subjects(rule: Rule, resource: Resource) -> Iterable[tuple[str, Any]]:
    if "pod" in rule.applies and resource.kind in workloads():
        return templates(resource.kind, resource.body)
    return (("", resource.body),)


def _subject(rule: Rule, resource: Resource, subject: Any, place: str, reveal: bool) -> Iterator[Finding]:
    concerned = _concerned(rule, subject)
    if concerned is False:
        return
    for check in rule.checks:
        for item, value in _items(check, subject, resource, place):
            truth, wrong = _holds(check, value, subject)
            verdict = _verdict(truth, concerned)
            message = "" if verdict is Verdict.PASS else f"{item}: {wrong}" if wrong else f"{item} must {check.must}"
            if verdict is Verdict.UNDECIDED:
                message = f"{message}, which depends on a value that is not known yet"
            elif message and reveal and check.show and not wrong:
                message += conditions.offending(check.condition, value, subject)
            yield Finding(rule.id, verdict, item, message, resource)


def items_of(rule: Rule, check: Check, resource: Resource) -> Iterator[Any]:
    """Items that fail a data rule's check, as they are in the resource, and not copies."""
    for place, subject in _subjects(rule, resource):
        if _concerned(rule, subject):
            for _, value in _items(check, subject, resource, place):
                if _holds(check, value, subject)[0] is False:
                    yield value


def _concerned(rule: Rule, subject: Any) -> Truth:
    """Whether `when` and `unless` let the rule look at this subject."""
    when = conditions.holds(rule.when, subject, subject) if rule.when else True
    unless = conditions.holds(rule.unless, subject, subject) if rule.unless else False
    return conditions.conjunction((when, conditions.negation(unless)))


def _holds(check: Check, value: Any, subject: Any) -> tuple[Truth, str]:
    """Whether an item passes; a wrong type fails, in words."""
    try:
        if check.where is None:
            return conditions.holds(check.condition, value, subject), ""
        looked_at = conditions.holds(check.where, value, subject)
        if looked_at is False:
            return True, ""
        truth = conditions.holds(check.condition, value, subject)
        return (truth if looked_at or truth else None), ""
    except WrongType as wrong:
        return False, str(wrong)


def _verdict(truth: Truth, concerned: Truth) -> Verdict:
    if truth:
        return Verdict.PASS
    return Verdict.VIOLATION if truth is False and concerned else Verdict.UNDECIDED


def _items(check: Check, subject: Any, resource: Resource, place: str) -> Iterator[tuple[str, Any]]:
    tail = f" ({place})" if place else ""
    if not check.each:
        yield f"{resource.kind.rpartition('/')[2] or 'the resource'}{tail}", subject
    for path in check.each:
        label = LABELS.get(path.text) or _label(path)
        for found in walk(path, subject):
            yield f"{label} {found.name}".rstrip() + tail, found.value


def _label(path: Path) -> str:
    return path.text.replace("[*]", "").lstrip("/")


def _crash(rule: Rule, resource: Resource | None, error: Exception) -> Finding:
    """Where it broke, and not what it said: that may quote the object."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {File(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    message = f"the rule itself failed with {type(error).__name__}{where}: report it; until then nothing is known"
    return Finding(rule.id, Verdict.VIOLATION, "", message, resource, crashed=True)
