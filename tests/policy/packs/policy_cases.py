"""Cases of all packs: objects with which a rule passes or fails, and every object with one value of it replaced."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cnai.policy.evaluate import applies, evaluate, evaluate_set
from cnai.policy.loading import rules
from cnai.policy.model import Context, Finding, Resource, Rule, Verdict, worst
from cnai.policy.packs import packs

OURS = [name for name in packs() if not name.startswith("pod-security")]
OUR_RULES = [rules()[name] for name in dict.fromkeys(rule for pack in OURS for rule in packs()[pack].rules)]
IDENTITY = frozenset(("apiVersion", "kind"))
"""What decides which rules look at an object."""


NAMES = (("metadata", "name"), ("metadata", "namespace"))
"""How objects that are looked at together find each other."""


@dataclass(frozen=True)
class Case:
    rule: Rule
    resources: tuple[Resource, ...]
    settings: dict[str, Any]
    passes: bool

    @property
    def name(self) -> str:
        return f"{self.rule.id}-{'good' if self.passes else 'bad'}-{self.resources[-1].kind}"

    def findings(self, resources: Sequence[Resource] | None = None) -> list[Finding]:
        return judged(self.rule, self.resources if resources is None else resources, self.settings)

    def verdict(self, resources: Sequence[Resource] | None = None) -> Verdict:
        return worst(self.findings(resources))


def judged(rule: Rule, resources: Sequence[Resource], settings: dict[str, Any]) -> list[Finding]:
    context = Context(resources=resources, settings=settings)
    if rule.set_predicate:
        return evaluate_set(rule, resources, context)
    return [found for each in resources for found in evaluate(rule, each, context)]


def cases() -> list[Case]:
    files = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    rows = [row for file in files for row in yaml.safe_load(file.read_text(encoding="utf-8"))]
    return [case for row in rows for case in _of_row(row)]


def _of_row(row: dict[str, Any]) -> Iterator[Case]:
    rule, settings = rules()[row["rule"]], row.get("settings", {})
    for word in ("good", "bad"):
        for given in row[word]:
            for kind in _types(rule, row, given):
                many = given.get("all", [given])
                yield Case(rule, tuple(_resource(each, kind) for each in many), settings, word == "good")


def _types(rule: Rule, row: dict[str, Any], given: dict[str, Any]) -> Sequence[str]:
    if "all" in given or "apiVersion" in given or "pod" in given or "deployment" in given:
        return [""]
    return [row["type"]] if "type" in row else [kind for kind in rule.applies if ":" in kind]


def _resource(given: dict[str, Any], kind: str) -> Resource:
    given = copy.deepcopy(given)
    if "props" in given:
        return Resource(given["props"], type=given["type"], logical_name="sample")
    labels = {"labels": given["labels"]} if "labels" in given else {}
    if "pod" in given:
        more = {"annotations": given["annotations"]} if "annotations" in given else {}
        metadata = {"name": "sample", "namespace": "team", **labels, **more}
        return Resource({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": given["pod"]})
    if "deployment" in given:
        replicas = {"replicas": given["replicas"]} if "replicas" in given else {}
        spec = {**replicas, "template": {"metadata": dict(labels), "spec": given["deployment"]}}
        metadata = {"name": "sample", "namespace": "team"}
        return Resource({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
    return Resource(given, type=kind, logical_name="sample")


def replaced(resources: Sequence[Resource], value: Any) -> Iterator[list[Resource]]:
    """The same with one value, wherever it lies, replaced; never with what an object is."""
    for number, resource in enumerate(resources):
        for way in _ways(resource.body):
            if way[0] in IDENTITY or (len(resources) > 1 and (way == ("metadata",) or way[:2] in NAMES)):
                continue
            body = copy.deepcopy(dict(resource.body))
            inner: Any = body
            for step in way[:-1]:
                inner = inner[step]
            inner[way[-1]] = value(inner[way[-1]]) if callable(value) else value
            changed = Resource(body, type=resource.type, logical_name=resource.logical_name)
            yield [*resources[:number], changed, *resources[number + 1 :]]


def _ways(value: Any) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (key,)
        yield from ((key, *way) for way in _ways(inner))


def concerned(kind: str) -> list[Rule]:
    return [rule for rule in OUR_RULES if applies(rule, kind)]
