"""Pod Security Standards: every check of upstream's, on pods of our own, in every kind that holds a pod template."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai.policy.evaluate import evaluate, evaluate_all
from cnai.policy.model import NO_CONTEXT, Resource, Verdict, worst
from cnai.policy.packs import pack, packs, rules_of
from cnai.policy.values import UNKNOWN
from cnai.policy.workloads import workloads
from pod_samples import EPHEMERAL, GOOD, GOOD_CONTAINER, PLAIN, SAMPLES, Sample, changed, with_ephemeral

NAMES = ("pod-security-baseline", "pod-security-restricted")
RULES = rules_of([pack(name) for name in NAMES])
IDS = [each.name for each in SAMPLES]


def broken(body: dict[str, Any], verdict: Verdict = Verdict.VIOLATION) -> set[str]:
    found = evaluate_all(RULES.values(), [Resource(body)], NO_CONTEXT)
    return {each.rule for each in found if each.verdict is verdict}


@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
def test_a_pod_breaks_what_upstream_says_it_breaks_and_nothing_else(sample: Sample):
    assert broken(sample.pod) == sample.breaks
    assert not broken(sample.pod, Verdict.UNDECIDED)


def test_every_rule_has_pods_that_pass_and_pods_that_fail():
    failing = {rule for each in SAMPLES for rule in each.breaks}
    assert failing == set(RULES)
    assert not broken(GOOD)


def test_the_packs_hold_every_check_of_upstream_with_its_overrides():
    overridden = {"capabilities_baseline", "hostPathVolumes", "procMount", "seccompProfile_baseline"}
    baseline, restricted = (set(packs()[name].rules) for name in NAMES)
    assert len(baseline) == 12
    assert restricted - baseline == {
        "allowPrivilegeEscalation", "capabilities_restricted", "procMount_restricted", "restrictedVolumes",
        "runAsNonRoot", "runAsUser", "seccompProfile_restricted",
    }  # fmt: skip
    assert baseline - restricted == overridden


@pytest.mark.parametrize(("name", "context", "rule"), EPHEMERAL, ids=[each[0] for each in EPHEMERAL])
def test_a_debug_container_is_looked_at_like_any_other(name: str, context: dict[str, Any], rule: str):
    pod = with_ephemeral(GOOD, {"image": "registry.invalid/debug", "securityContext": context})
    assert rule in broken(pod), name
    assert not broken(with_ephemeral(GOOD, copy.deepcopy(GOOD_CONTAINER)))


def placed(kind: str, pod: dict[str, Any]) -> dict[str, Any]:
    """An object of the kind whose pod templates are all this pod."""
    template: Any = {"metadata": pod["metadata"], "spec": pod["spec"]}
    group, _, plain_kind = kind.rpartition("/")
    body: dict[str, Any] = {"apiVersion": f"{group}/v1" if group else "v1", "kind": plain_kind}
    if kind == "Pod":
        return body | template
    for path in workloads()[kind].templates:
        here: Any = body
        steps = [*path.text.replace("['*']", ".*").replace("[*]", ".#").split(".")]
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            empty: Any = template if following is None else [None] if following == "#" else {}
            if step == "#":
                here[0] = empty
                here = here[0]
            else:
                here = here.setdefault("worker" if step == "*" else step, empty)
    return body


@pytest.mark.parametrize("kind", sorted(workloads()))
def test_every_kind_with_a_pod_template_is_looked_into(kind: str):
    assert not broken(placed(kind, GOOD))
    bad = changed(GOOD, {"spec.hostPID": True, "spec.containers.0.securityContext.privileged": True})
    found = list(evaluate_all(RULES.values(), [Resource(placed(kind, bad))], NO_CONTEXT))
    assert {each.rule for each in found} == {"hostNamespaces", "privileged"}
    assert len(found) == 2 * len(workloads()[kind].templates)


def test_a_template_among_several_is_named():
    job = {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": {"name": "train"}, "spec": {
        "replicatedJobs": [{"name": "launcher", "template": {"spec": {"template": GOOD}}},
                           {"name": "node", "template": {"spec": {"template": changed(GOOD, {"spec.hostIPC": True})}}}],
    }}  # fmt: skip
    (found,) = evaluate(RULES["hostNamespaces"], Resource(job))
    assert found.item == "pod (replicatedJobs node)"


def test_a_violation_stands_beside_what_is_not_known():
    pod = changed(PLAIN, {"spec.containers": [UNKNOWN, {"name": "b", "securityContext": {"privileged": True}}]})
    found = evaluate(RULES["privileged"], Resource(pod))
    assert [(each.item, each.verdict) for each in found] == [
        ("container #0", Verdict.UNDECIDED),
        ("container b", Verdict.VIOLATION),
    ]
    assert worst(found) is Verdict.VIOLATION


@pytest.mark.parametrize(
    ("changes", "rule", "verdict"),
    [
        ({"spec": UNKNOWN}, "privileged", Verdict.UNDECIDED),
        ({"spec.hostUsers": UNKNOWN, "spec.securityContext.runAsUser": 0}, "runAsUser", Verdict.UNDECIDED),
        ({"spec.hostUsers": UNKNOWN}, "runAsUser", Verdict.PASS),
        ({"spec.securityContext": UNKNOWN}, "runAsNonRoot", Verdict.UNDECIDED),
        ({"spec.volumes": [{"name": "v", "emptyDir": UNKNOWN}]}, "restrictedVolumes", Verdict.UNDECIDED),
        ({"spec.containers.0.securityContext.capabilities.drop": [UNKNOWN, "ALL"]}, "capabilities_restricted",
         Verdict.PASS),
        ({"spec.containers.0.securityContext.capabilities.add": [UNKNOWN, "CHOWN"]}, "capabilities_restricted",
         Verdict.VIOLATION),
        ({"spec.containers.0.securityContext": {"privileged": UNKNOWN}}, "privileged", Verdict.UNDECIDED),
    ],
)  # fmt: skip
def test_an_unknown_is_undecided_only_where_it_decides(changes: dict[str, Any], rule: str, verdict: Verdict):
    assert worst(evaluate(RULES[rule], Resource(changed(GOOD, changes)))) is verdict


@pytest.mark.parametrize(
    ("changes", "rule", "says"),
    [
        ({"spec.containers": "none"}, "privileged", "spec.containers[*] is text where a list belongs"),
        ({"spec.containers": [3]}, "privileged", "container #0: it is a number where a map belongs"),
        ({"spec": []}, "hostNamespaces", "pod: it is a list where a map belongs"),
        ({"spec.containers.0.securityContext": True}, "privileged", "securityContext is a truth value where a map"),
        ({"spec.containers.0.securityContext.privileged": "false"}, "privileged", "must leave"),
        ({"spec.hostNetwork": 0}, "hostNamespaces", "must leave"),
        ({"spec.volumes": [{"name": "v", "hostPath": None, "emptyDir": {}}]}, "hostPathVolumes", ""),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_in_words(changes: dict[str, Any], rule: str, says: str):
    found = evaluate(RULES[rule], Resource(changed(GOOD, changes)))
    assert [each.verdict for each in found] == ([Verdict.VIOLATION] if says else [])
    assert says in "".join(each.message for each in found)
    assert not any(each.crashed for each in found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just(UNKNOWN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inside for place in places(each, (*path, key)))]


def replaced(value: Any, place: tuple[Any, ...], by: Any) -> Any:
    if not place:
        return by
    result = copy.copy(value)
    result[place[0]] = replaced(value[place[0]], place[1:], by)
    return result


@given(st.data())
def test_no_junk_anywhere_in_a_pod_makes_a_rule_crash(data: st.DataObject):
    pod = with_ephemeral(data.draw(st.sampled_from(SAMPLES)).pod, {})
    pod = replaced(pod, data.draw(st.sampled_from(places(pod)[1:])), data.draw(JSON))
    found = list(evaluate_all(RULES.values(), [Resource(pod)], NO_CONTEXT))
    assert not [each for each in found if each.crashed]


@given(st.data())
def test_hiding_a_value_never_turns_a_verdict_into_its_opposite(data: st.DataObject):
    pod = data.draw(st.sampled_from(SAMPLES)).pod
    hidden = replaced(pod, data.draw(st.sampled_from([each for each in places(pod) if each[:1] == ("spec",)])), UNKNOWN)
    for rule in RULES.values():
        known, unknown = (worst(evaluate(rule, Resource(body))) for body in (pod, hidden))
        assert unknown in (known, Verdict.UNDECIDED), rule.id
