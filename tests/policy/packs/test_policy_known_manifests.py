"""Known-bad manifests are stopped by the rule that is about them, ordinary ones pass untouched, nothing crashes."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from policy_cases import OUR_RULES, judged

from cnai.policy.evaluate import evaluate_all, evaluate_set
from cnai.policy.levels import by_rule
from cnai.policy.loading import rules
from cnai.policy.model import Context, Level, Resource, Verdict
from cnai.policy.packs import packs
from cnai.policy.values import UNKNOWN

HERE = Path(__file__).parent
BAD = yaml.safe_load((HERE / "known_bad.yaml").read_text(encoding="utf-8"))
GOOD = yaml.safe_load((HERE / "known_good.yaml").read_text(encoding="utf-8"))
MANDATORY = [rules()[name] for name, level in by_rule(packs().values(), {}).items() if level is not Level.ADVISORY]


def resource(row: dict[str, Any]) -> Resource:
    if "pod" in row:
        return Resource({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bad"}, "spec": row["pod"]})
    return Resource(row["object"], type=row.get("type", ""), logical_name="bad")


@pytest.mark.parametrize("row", BAD, ids=[row["what"] for row in BAD])
def test_a_known_bad_manifest_is_stopped_by_its_rule(row: dict[str, Any]):
    subject = resource(row)
    found = list(evaluate_all(MANDATORY, [subject], Context(resources=[subject])))
    assert row["rule"] in {each.rule for each in found if each.verdict is Verdict.VIOLATION}
    assert not any(each.crashed for each in found)


def test_ordinary_manifests_pass_untouched():
    subjects = [Resource(each) for each in GOOD]
    found = list(evaluate_all(MANDATORY, subjects, Context(resources=subjects)))
    assert not [(each.rule, each.resource and each.resource.id, each.message) for each in found]


@pytest.mark.parametrize("production", [True, False])
def test_ordinary_manifests_pass_untouched_one_by_one(production: bool):
    settings = {"production": production, "registries": [], "teams": ["team"]}
    never = [rule for rule in MANDATORY if rule.id not in ("imageDigest", "signaturesRequired")]
    for each in GOOD:
        subject = Resource(each)
        found = list(evaluate_all(never, [subject], Context(resources=[subject], settings=settings)))
        assert not [(one.rule, one.message) for one in found], subject.id


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just(UNKNOWN)
)
WORDS = [
    "spec",
    "template",
    "metadata",
    "labels",
    "annotations",
    "containers",
    "image",
    "env",
    "name",
    "value",
    "resources",
    "limits",
    "rules",
    "verbs",
    "subjects",
    "kind",
    "apiGroups",
    "nodeSelector",
    "tolerations",
    "servers",
    "listeners",
    "http",
    "policy",
    "Statement",
    "Action",
    "data",
    "replicas",
    "selector",
    "settings",
]
THINGS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=25,
)
KINDS = sorted(
    {kind for rule in OUR_RULES for kind in rule.applies if kind not in ("pod", "*") and "*" not in kind} | {"Pod"}
)


def _object(kind: str, body: dict[str, Any]) -> Resource:
    if ":" in kind:
        return Resource(body, type=kind, logical_name="any")
    group, _, name = kind.rpartition("/")
    return Resource({**body, "apiVersion": f"{group}/v1" if group else "v1", "kind": name})


@given(
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
    st.lists(st.dictionaries(st.sampled_from(WORDS), THINGS, max_size=6), min_size=4, max_size=4),
)
def test_no_object_whatever_it_holds_crashes_a_rule(kinds: list[str], bodies: list[dict[str, Any]]):
    subjects = [_object(kind, body) for kind, body in zip(kinds, bodies, strict=False)]
    settings = {"production": True, "registries": ["a"], "teams": ["b"], "budget_usd_per_hour": 1}
    for rule in OUR_RULES:
        assert not [each for each in judged(rule, subjects, settings) if each.crashed], rule.id


@given(st.lists(st.sampled_from(KINDS), min_size=2, max_size=4), st.data())
def test_no_object_that_is_nearly_right_crashes_a_rule(kinds: list[str], data: st.DataObject):
    """Objects of the right shape with anything at their leaves."""
    leaf = {
        "metadata": THINGS,
        "template": THINGS,
        "containers": st.lists(THINGS, max_size=2),
        "rules": st.lists(THINGS),
    }
    shape = st.fixed_dictionaries(
        {"spec": st.fixed_dictionaries({}, optional=leaf), "metadata": THINGS}, optional={"rules": THINGS}
    )
    subjects = [_object(kind, data.draw(shape)) for kind in kinds]
    for rule in OUR_RULES:
        if rule.set_predicate:
            found = evaluate_set(rule, subjects, Context(resources=subjects, settings={"production": True}))
        else:
            found = judged(rule, subjects, {"production": True})
        assert not [each for each in found if each.crashed], rule.id
