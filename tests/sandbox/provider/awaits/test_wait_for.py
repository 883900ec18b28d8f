import json

import pytest

from cnai.sandbox.provider.awaits.choice import judge_for
from cnai.sandbox.provider.awaits.verdicts import Surroundings, deployment
from cnai.sandbox.provider.awaits.wait_for import WaitForError, go_text, judge, parsed


def verdict(annotation: str, **obj):
    return judge(annotation)({"metadata": {"generation": 2}, **obj}, Surroundings())


def conditions(*entries: dict, **status) -> dict:
    return {"conditions": list(entries), **status}


def entry(kind: str, status: str = "True", **more) -> dict:
    return {"type": kind, "status": status, **more}


@pytest.mark.parametrize(
    ("annotation", "status"),
    [
        ("condition=Ready", conditions(entry("Other", "False"), entry("Ready"))),
        ("condition=ready", conditions(entry("Ready", "true"))),
        ("condition=Ready=False", conditions(entry("Ready", "False"))),
        ("condition=Ready=Perhaps", conditions(entry("Ready", "perhaps"))),
        ("condition=Ready", conditions(entry("Ready", observedGeneration=2), observedGeneration=1)),
        ("condition=Ready", conditions(entry("Ready"), observedGeneration=3)),
    ],
)
def test_a_condition_of_this_generation_ends_the_wait(annotation, status):
    assert verdict(annotation, status=status).state == "ready"


@pytest.mark.parametrize(
    ("annotation", "status", "words"),
    [
        ("condition=Ready", {}, "it has no conditions yet, and waits for Ready"),
        ("condition=Ready=False", None, "it has no conditions yet, and waits for Ready=False"),
        ("condition=Ready", {"conditions": "none"}, "it has no conditions yet, and waits for Ready"),
        ("condition=Ready", conditions(entry("Other")), "it has no condition Ready yet"),
        ("condition=Ready", conditions({"type": "Ready"}), "it has no condition Ready yet"),
        (
            "condition=Ready",
            conditions(entry("Ready", "False", reason="NoBroker", message="0 of 3 are up")),
            "its condition Ready is False, not True (NoBroker: 0 of 3 are up)",
        ),
        ("condition=Ready=False", conditions(entry("Ready")), "its condition Ready is True, not False"),
        (
            "condition=Ready",
            conditions(entry("Ready", observedGeneration=1), observedGeneration=2),
            "its condition Ready is of generation 1, not yet of 2",
        ),
        (
            "condition=Ready",
            conditions(entry("Ready"), observedGeneration=1),
            "its condition Ready is of generation 1, not yet of 2",
        ),
    ],
)
def test_a_condition_that_is_not_there_yet_is_waited_for_in_its_own_words(annotation, status, words):
    found = verdict(annotation, status=status)
    assert (found.state, found.message) == ("waiting", words)


@pytest.mark.parametrize(
    ("annotation", "obj"),
    [
        ("jsonpath={.status.phase}=Running", {"status": {"phase": "Running"}}),
        ("jsonpath={ $.status.phase }", {"status": {"phase": "Running"}}),
        ("jsonpath={.foo}", {"foo": None}),
        ("jsonpath={.foo}", {"foo": {"bar": "baz"}}),
        ("jsonpath={.foo}=<nil>", {"foo": None}),
        ("jsonpath={.foo[*].bar}=baz", {"foo": [{"other": "x"}, {"bar": "baz"}, {"bar": "later"}]}),
        ("jsonpath={.foo[1].bar}=baz", {"foo": [{"bar": "no"}, {"bar": "baz"}]}),
        ("jsonpath={.status.applied}=true", {"status": {"applied": True}}),
        ("jsonpath={.status.ready}=3", {"status": {"ready": 3, "observedGeneration": 2}}),
        (
            'jsonpath={.conditions[?(@.type=="Failed"||@.type=="Complete")].status}=True',
            {"conditions": [{"type": "Complete", "status": "True"}]},
        ),
        ("jsonpath={.status[?@ == \"Running\" || @ == 'Succeeded' ]}", {"status": {"phase": "Succeeded"}}),
    ],
)
def test_a_path_that_selects_the_value_ends_the_wait(annotation, obj):
    assert verdict(annotation, **obj).state == "ready"


@pytest.mark.parametrize(
    ("annotation", "obj", "words"),
    [
        ("jsonpath={.foo}", {}, "{.foo} selects nothing yet"),
        ("jsonpath={.foo}=bar", {"foo": "baz"}, "{.foo} is baz, not bar"),
        ("jsonpath={.foo}=bar", {"foo": ["bar"]}, "{.foo} is no single value, and cannot be bar"),
        ("jsonpath={.foo}=True", {"foo": True}, "{.foo} is true, not True"),
        (
            "jsonpath={.status.phase}=Ready",
            {"status": {"phase": "Ready", "observedGeneration": 1}},
            "its status is of generation 1, not yet of 2",
        ),
    ],
)
def test_a_path_that_does_not_select_the_value_yet_is_waited_for(annotation, obj, words):
    found = verdict(annotation, **obj)
    assert (found.state, found.message) == ("waiting", words)


def test_all_expressions_of_an_array_have_to_hold_at_once():
    annotation = json.dumps(["condition=Ready", "jsonpath={.status.phase}=Up"])
    assert (
        verdict(annotation, status=conditions(entry("Ready"), phase="Down")).message
        == "{.status.phase} is Down, not Up"
    )
    assert verdict(annotation, status=conditions(entry("Ready"), phase="Up")).state == "ready"


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        ("{.baz}=boo", "neither a path nor a condition; give jsonpath={.path}"),
        ("Ready", "neither a path nor a condition"),
        ('["condition=Ready", 1]', "neither a path nor a condition"),
        ('["condition=Ready", ""]', "'' is neither a path nor a condition"),
        ("[]", "no expression given"),
        ("null", "no expression given"),
        ("jsonpath=", "has to stand in braces"),
        ("jsonpath=.status.phase", "has to stand in braces"),
        ("jsonpath={.metadata.name}=", "{.metadata.name}= needs a value"),
        ("jsonpath={.metadata.name}='test=wrong'", "too many `=`"),
        ("jsonpath='{.status.phase}'=Running", "stands in a shell's quotes"),
        ("jsonpath={ .webhooks[].clientConfig.caBundle }", "is no JSONPath (RFC 9535): a selector expected"),
        ("jsonpath={.items[?@.a >= 1]}", "has to stand in braces"),
        ("condition=", "names no type"),
        ("condition=Ready=", "names no status"),
    ],
)
def test_a_malformed_expression_is_refused_with_what_is_allowed(annotation, words):
    with pytest.raises(WaitForError) as refused:
        parsed(annotation)
    assert words in str(refused.value)


def test_values_are_compared_as_go_prints_them():
    numbers = (1.0, 0.0001, 0.00001, 999999.0, 1000000.0, 2097152.5, 12345678901234567890.0, -20.25)
    assert [go_text(number) for number in numbers] == [
        *("1", "0.0001", "1e-05", "999999", "1e+06", "2.0971525e+06", "1.2345678901234567e+19", "-20.25")
    ]
    assert [go_text(value) for value in (None, True, 5, "x")] == ["<nil>", "true", "5", "x"]


def test_what_a_program_waits_for_takes_the_place_of_what_is_built_in():
    def chosen(**annotations: str):
        return judge_for({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"annotations": annotations}})

    assert chosen() is deployment
    assert chosen(**{"pulumi.com/waitFor": "condition=Available"}) not in (None, deployment)
    skipped = {"pulumi.com/skipAwait": "true", "pulumi.com/waitFor": "condition=Available"}
    assert chosen(**skipped) is None
    custom = {"apiVersion": "kafka.strimzi.io/v1", "kind": "Kafka", "metadata": {}}
    assert judge_for(custom) is None, "as upstream: a custom resource is waited for when its declaration says so"
