"""What Pulumi hands in, unwrapped; and rules that are fixed, crash or are badly written."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from pulumi_policy import proxy
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from cnai.errors import UserError
from cnai.policy.analyzer.wire import decoded, encoded
from cnai.policy.evaluate import evaluate, evaluate_all
from cnai.policy.language import LanguageError
from cnai.policy.loading import data_rule, data_rules
from cnai.policy.model import NO_CONTEXT, Context, Resource, Rule, Severity, Verdict, kind_of_type, violation
from cnai.policy.parsing import check, condition, path
from cnai.policy.remedy import remedied
from cnai.policy.values import SENTINELS, Unknown, plain

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "value": "hunter2"}
ASSET = {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "path": "x"}
WIRE = {
    "asset": ASSET,
    "a": {"b": [1.0, 2.5, UNKNOWN_STRING_VALUE, SECRET, None, True]},
    "c": UNKNOWN_STRING_VALUE,
    "d": {"e": SECRET},
}
WORDS = {"title": "t", "why": "w", "severity": "low", "remediation": "r"}


def handed() -> Struct:
    struct = Struct()
    struct.update(WIRE)
    return struct


@pytest.mark.parametrize("read", [lambda: decoded(handed()), lambda: plain(WIRE)], ids=["wire", "json"])
def test_unknowns_and_secrets_become_plain_values(read: Callable[[], Any]):
    found = read()
    (one, more, unknown, secret, nothing, yes) = found["a"]["b"]
    assert (one, type(one), more, secret, nothing, yes) == (1, int, 2.5, "hunter2", None, True)
    assert isinstance(unknown, Unknown)
    assert isinstance(found["c"], Unknown)
    assert json.dumps(found["d"]) == '{"e": "hunter2"}'
    assert isinstance(found["asset"], Unknown)


def test_the_sdks_marks_are_all_known():
    assert {value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_")} == SENTINELS


def test_what_goes_back_is_as_secret_and_as_unknown_as_it_came():
    changed = decoded(handed()) | {"new": {"x": 1}}
    changed["d"]["e"] = "other"
    back = json_format.MessageToDict(encoded(changed, handed()))
    assert back["a"]["b"] == [1.0, 2.5, UNKNOWN_STRING_VALUE, SECRET, None, True]
    assert back["d"]["e"] == {**SECRET, "value": "other"}
    assert back["new"] == {"x": 1}
    assert back["asset"] == ASSET


def test_a_type_token_names_the_kind():
    assert kind_of_type("kubernetes:apps/v1:Deployment") == "apps/Deployment"
    assert kind_of_type("kubernetes:core/v1:Pod") == "Pod"
    assert kind_of_type("kubernetes:helm.sh/v3:Release") == "kubernetes:helm.sh/v3:Release"
    assert kind_of_type("aws:s3/bucket:Bucket") == "aws:s3/bucket:Bucket"
    assert Resource({"spec": {}}, type="kubernetes:apps/v1:Deployment", logical_name="web").id == "apps/Deployment/web"


def rule(predicate: Any = None, **more: Any) -> Rule:
    return Rule(
        id="r", title="t", why="w", severity=Severity.LOW, remediation="m", applies=("*",), predicate=predicate, **more
    )


POD = Resource({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"password": "hunter2"}})


def test_a_rule_that_crashes_has_failed_and_quotes_nothing():
    def crashing(resource: Resource, context: Context) -> Any:
        raise ValueError(resource.body["spec"]["password"])

    (found,) = evaluate(rule(crashing), POD)
    assert found.verdict is Verdict.VIOLATION
    assert found.crashed
    assert "ValueError at test_policy_values.py" in found.message
    assert "hunter2" not in found.message
    over_all = rule(set_predicate=lambda resources, context: 1 / 0)
    assert [each.crashed for each in evaluate_all([over_all], [POD], NO_CONTEXT)] == [True]


def test_a_predicates_findings_carry_its_id_and_its_resource():
    (found,) = evaluate(rule(lambda resource, context: [violation("no", "x")]), POD)
    assert (found.rule, found.resource, found.item) == ("r", POD, "x")
    passing = evaluate(rule(lambda resource, context: ()), POD, passes=True)
    assert [each.verdict for each in passing] == [Verdict.PASS]


def test_fixes_are_applied_together_and_leave_the_original_alone():
    on = {"each": "spec.list[*]", "path": "on.deep", "equals": True, "must": "be on", "fix": {"on.deep": True}}
    data = data_rule({"id": "d", "applies": ["Pod"], **WORDS, "checks": [on]})
    python = rule(
        lambda resource, context: () if resource.body.get("seen") else [violation("x")],
        fix=lambda body: body.update(seen=True),
    )
    body = {"apiVersion": "v1", "kind": "Pod", "spec": {"list": [{"name": "a"}, {"on": {"deep": True, "other": 1}}]}}
    fixed = remedied([data, python], Resource(body))
    assert fixed
    assert fixed.body["spec"]["list"] == [{"name": "a", "on": {"deep": True}}, {"on": {"deep": True, "other": 1}}]
    assert fixed.body["seen"] is True
    assert body["spec"]["list"][0] == {"name": "a"}
    assert remedied([data, python], fixed) is None


def test_a_value_is_shown_only_where_it_is_safe():
    shown = data_rule({"id": "d", "applies": ["Pod"], **WORDS, "checks": [
        {"path": "spec.password", "in": ["x"], "must": "be x", "show": True}]})  # fmt: skip
    assert evaluate(shown, POD)[0].message == 'Pod must be x, not "hunter2"'
    assert evaluate(shown, POD, reveal=False)[0].message == "Pod must be x"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"path": "a"}, "give a path and one of"),
        ({"path": "a", "in": "x"}, "in: give a list"),
        ({"path": "a", "equal": 1}, "give a path and one of"),
        ({"path": "a", "exists": 1}, "exists: give true or false"),
        ({"path": "a", "atLeast": "1"}, "atLeast: give a number"),
        ({"path": "a", "matches": "(?=x)"}, "without look-around"),
        ({"path": "a", "matches": "("}, "missing"),
        ({"path": "a..b", "exists": True}, "cannot read"),
        ({"path": "", "exists": True}, "a path is a string"),
        ({"path": "a[*]", "equals": 1, "inherits": "b"}, "only a path without wildcards can inherit"),
        ({"all": []}, "all: give a list"),
        ({"all": [{"path": "a", "exists": True}], "path": "b"}, "unknown keys path"),
        ("a", "a condition is a mapping"),
    ],
)
def test_a_condition_that_is_no_condition_is_refused(given: Any, says: str):
    with pytest.raises(LanguageError, match=says):
        condition(given)


def test_a_rule_file_that_is_wrong_is_refused_by_the_rules_name():
    words = {**WORDS, "severity": "huge", "id": "one", "applies": "pod"}
    bad = json.dumps([{**words, "checks": [{"must": "x", "path": "a", "exists": True}]}])
    with pytest.raises(UserError, match=r"rules\.yaml: rule one: 'huge'"):
        list(data_rules(bad, "rules.yaml"))
    with pytest.raises(UserError, match=r"rule two: .*checks is missing, .*why is missing"):
        list(data_rules("- {id: two}", "rules.yaml"))
    with pytest.raises(LanguageError, match="must be a plain path inside the item"):
        check({"path": "a", "exists": True, "must": "x", "fix": {"a[*]": 1}})
    with pytest.raises(LanguageError, match="a check is a mapping with `must`"):
        check({"path": "a", "exists": True})
    with pytest.raises(LanguageError, match="pod covers all kinds"):
        data_rule({"id": "x", **WORDS, "applies": ["pod", "Service"], "checks": [{}]})


def test_a_path_reads_keys_elements_and_prefixes():
    assert [type(step).__name__ for step in path("a['b.c/d'].e[*]['x/*']").steps] == [
        "Key",
        "Key",
        "Key",
        "Each",
        "Each",
    ]
    assert path("/a.b").anchored
    assert path("a['b/*']").steps[1].prefix == "b/"
