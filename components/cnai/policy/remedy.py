"""Safe fixes: a resource changed so that it passes, all fixes of one resource together."""

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cnai.policy.evaluate import evaluate, items_of
from cnai.policy.language import Path
from cnai.policy.model import NO_CONTEXT, Context, Resource, Rule, Verdict


def remedied(rules: Iterable[Rule], resource: Resource, context: Context = NO_CONTEXT) -> Resource | None:
    """A copy of the resource with every fix that is called for; None where nothing is to be fixed."""
    changed = replace(resource, body=copy.deepcopy(dict(resource.body)))
    fixed = False
    for rule in rules:
        if rule.fixable and _fails(rule, changed, context):
            _apply(rule, changed)
            fixed = True
    return changed if fixed and changed.body != resource.body else None


def _fails(rule: Rule, resource: Resource, context: Context) -> bool:
    return any(found.verdict is Verdict.VIOLATION and not found.crashed for found in evaluate(rule, resource, context))


def _apply(rule: Rule, resource: Resource) -> None:
    body: Any = resource.body
    if rule.fix:
        rule.fix(body)
    for check in rule.checks:
        if check.fix:
            for item in items_of(rule, check, resource):
                for path, value in check.fix:
                    _set(item, path, value)


def _set(item: Any, path: Path, value: Any) -> None:
    """Makes the maps on the way; leaves the item alone where something else than a map is in the way."""
    *way, last = path.keys
    for key in way:
        if not isinstance(item, dict):
            return
        if item.get(key) is None:
            item[key] = {}
        item = item[key]
    if isinstance(item, dict):
        item[last] = copy.deepcopy(value)
