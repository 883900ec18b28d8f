"""Every word of the rule language means the same to our evaluator and, compiled, to the API server."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from admission_bench import Told, bound, definition, namespace
from sandbox_waits import eventually

from cnai.kube import Kube, NoKindError
from cnai.policy.evaluate import evaluate_all
from cnai.policy.loading import data_rule
from cnai.policy.model import NO_CONTEXT, Resource, Rule
from cnai.sandbox.controlplane import ControlPlane

pytestmark = pytest.mark.sandbox
CONDITIONS = r"""
exists: {path: spec.a, exists: true}
absent: {path: spec.a, exists: false}
equals: {path: spec.a, equals: x}
equals-true: {path: spec.a, equals: true}
equals-one: {path: spec.a, equals: 1}
within: {path: spec.a, in: [x, y]}
mixed: {path: spec.a, in: [x, 1, true], optional: true}
without: {path: spec.a, notIn: [x]}
matching: {path: spec.a, matches: "^x+(-y)?$"}
not-matching: {path: spec.a, notMatches: "^x"}
quoted: {path: spec.a, matches: '^''\."'}
least: {path: spec.a, atLeast: 2}
most: {path: spec.a, atMost: 2, optional: true}
containing: {path: spec.a, contains: x}
subset: {path: spec.a, subset: [x, y]}
any-key: {path: spec.a, hasAnyOf: [x, y]}
inherits: {path: spec.a, inherits: spec.b, equals: x}
every-element: {path: "spec.a[*]", equals: x}
every-field: {path: "spec.a[*].x", equals: x}
every-key: {path: "spec.a['*']", in: [x]}
some-keys: {path: "spec.a['x.io/*']", in: [x]}
odd-key: {path: "spec['x.io/a']", equals: x}
reserved-word: {path: spec.namespace, equals: x}
some: {some: "spec.a[*]", satisfies: {path: x, equals: x}}
some-at-all: {some: "spec.a['x*']"}
every: {every: "spec.a[*]", satisfies: {some: "x[*]", satisfies: {path: ., equals: x}}}
anchored: {every: "spec.a[*]", satisfies: {path: x, inherits: /spec.b, equals: x}}
both: {all: [{path: spec.a, exists: true}, {path: spec.b, exists: true}]}
either: {any: [{path: spec.a, equals: x}, {path: spec.b, equals: x}]}
negated: {not: {path: spec.a, equals: x}}
"""
SPECS = r"""
- {}
- {a: x}
- {a: xx-y}
- {a: "x\n"}
- {a: ""}
- {a: "'.\""}
- {a: y, b: x}
- {b: x}
- {a: 1}
- {a: 2}
- {a: 2.5}
- {a: 0}
- {a: true}
- {a: false}
- {a: []}
- {a: [x]}
- {a: [x, y, z]}
- {a: [x, 1]}
- {a: {}}
- {a: {x: x}}
- {a: {x: 1, y: x}}
- {a: {x.io/b: x, y: z}}
- {a: {x.io/b: z}}
- {x.io/a: x, namespace: x}
- {a: [{x: x}, {x: z}]}
- {a: [{x: x}, {}], b: x}
- {a: [{x: [x, y]}, {x: [y]}]}
- {a: [{x: [x]}]}
"""


def rule(name: str, condition: dict[str, Any]) -> Rule:
    words = {"title": "t", "why": "w", "severity": "low", "remediation": "r", "applies": ["cnai.test/Anything"]}
    return data_rule({"id": name, **words, "checks": [{"must": "hold", **condition}]})


RULES = [rule(name, condition) for name, condition in yaml.safe_load(CONDITIONS).items()]


BATCHES = {f"operators-{start}": RULES[start : start + 10] for start in range(0, len(RULES), 10)}
"""Namespace -> rules: the API server cuts its warnings off at 4 KiB."""


@pytest.fixture(scope="module")
def told(kube: Kube, control_plane: ControlPlane) -> Iterator[list[Told]]:
    objects = [definition("Anything", "cnai.test")]
    for where, rules in BATCHES.items():
        objects.append(namespace(where))
        for each in rules:
            objects += bound(each.id, [each], where, ["Warn"])
    for each in objects:
        kube.apply(each, field_manager="test")
    found = [Told(kube, control_plane.kubeconfig, where) for where in BATCHES]
    eventually(lambda: served(kube) and len(broken(found, NEVER)) >= len(ours(NEVER)), "all policies in force")
    yield found
    for each in reversed(objects):
        kube.delete(each["apiVersion"], each["kind"], each["metadata"]["name"])


def served(kube: Kube) -> bool:
    try:
        return bool(kube.endpoint("cnai.test/v1", "Anything"))
    except NoKindError:
        return False


def broken(told: list[Told], obj: dict[str, Any]) -> set[str]:
    return {name for each in told for name in each.of(obj, Told.POLICY)}


def anything(spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "cnai.test/v1", "kind": "Anything", "metadata": {"name": "any"}, "spec": spec}


NEVER = anything({"a": 3, "namespace": 3})
"""Breaks most rules."""


def ours(obj: dict[str, Any]) -> set[str]:
    return {each.rule for each in evaluate_all(RULES, [Resource(obj)], NO_CONTEXT)}


@pytest.mark.parametrize("spec", yaml.safe_load(SPECS), ids=str)
def test_the_api_server_reads_the_language_as_the_evaluator_does(told: list[Told], spec: dict[str, Any]):
    assert broken(told, anything(spec)) == ours(anything(spec))
