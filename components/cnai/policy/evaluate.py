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
from cnai.policy.views import View
from cnai.policy.walking import Found, WrongType
from cnai.policy.workloads import workloads

LABELS: Mapping[str, str] = {
    "spec": "pod",
    "spec.containers[*]": "container",
    "spec.initContainers[*]": "init container",
    "spec.ephemeralContainers[*]": "ephemeral container",
    "spec.volumes[*]": "volume",
}


def evaluate(
    rule: Rule,
    resource: Resource,
    context: Context = NO_CONTEXT,
    *,
    reveal: bool = True,
    passes: bool = False,
    view: View | None = None,
) -> list[Finding]:
    """Violations and undecided items; passing ones too where `passes` asks for them. Never raises.

    `reveal=False` where any value may be a secret's, as in a Pulumi preview. Rules over one resource share a `view`.
    """
    if not applies(rule, resource.kind):
        return []
    try:
        if rule.predicate:
            found = [of_rule(each, rule, resource) for each in rule.predicate(resource, context)]
            return found or ([Finding(rule.id, Verdict.PASS, resource=resource)] if passes else [])
        return _by_data(rule, view or View(resource), reveal, passes)
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
        view = View(resource)
        for rule in about[kind]:
            yield from evaluate(rule, resource, context, view=view)
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


def _by_data(rule: Rule, view: View, reveal: bool, passes: bool) -> list[Finding]:
    found = dict[tuple[str, str], Finding]()
    try:
        for place, subject in view.subjects("pod" in rule.applies):
            for each in _subject(rule, view, subject, place, reveal, passes):
                # One item of a wrong type would otherwise be reported once per check.
                found.setdefault((each.item, each.message), each)
    except WrongType as wrong:
        each = Finding(rule.id, Verdict.VIOLATION, "", f"{view.resource.kind}: {wrong}", view.resource)
        return [*found.values(), each]
    return list(found.values())


def _subject(rule: Rule, view: View, subject: Any, place: str, reveal: bool, passes: bool) -> Iterator[Finding]:
    concerned = _concerned(rule, subject)
    if concerned is False:
        return
    for check in rule.checks:
        for path in check.each or (None,):
            for found in view.items(subject, path) if path else (Found(subject, ""),):
                truth, wrong = _holds(check, found.value, subject)
                if truth and not passes:
                    continue
                verdict = _verdict(truth, concerned)
                item = _item(path, found.name, place, view.resource)
                message = "" if truth else f"{item}: {wrong}" if wrong else f"{item} must {check.must}"
                if verdict is Verdict.UNDECIDED:
                    message = f"{message}, which depends on a value that is not known yet"
                elif message and reveal and check.show and not wrong:
                    message += conditions.offending(check.condition, found.value, subject)
                yield Finding(rule.id, verdict, item, message, view.resource)


def items_of(rule: Rule, check: Check, resource: Resource) -> Iterator[Any]:
    """Items that fail a data rule's check, as they are in the resource, and not copies."""
    view = View(resource)
    for _, subject in view.subjects("pod" in rule.applies):
        if _concerned(rule, subject):
            for path in check.each or (None,):
                for found in view.items(subject, path) if path else (Found(subject, ""),):
                    if _holds(check, found.value, subject)[0] is False:
                        yield found.value


def _concerned(rule: Rule, subject: Any) -> Truth:
    """Whether `when` and `unless` let the rule look at this subject."""
    if rule.when is None and rule.unless is None:
        return True
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


def _item(path: Path | None, name: str, place: str, resource: Resource) -> str:
    """`container web`, `pod (replicatedJobs node)`; the kind where the item is the whole object."""
    tail = f" ({place})" if place else ""
    if path is None:
        return (resource.kind.rpartition("/")[2] or "the resource") + tail
    label = LABELS.get(path.text) or path.text.replace("[*]", "").lstrip("/")
    return f"{label} {name}".rstrip() + tail


def _crash(rule: Rule, resource: Resource | None, error: Exception) -> Finding:
    """Where it broke, and not what it said: that may quote the object."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {File(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    message = f"the rule itself failed with {type(error).__name__}{where}: please report it; its verdict is unknown"
    return Finding(rule.id, Verdict.VIOLATION, "", message, resource, crashed=True)
