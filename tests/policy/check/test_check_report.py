"""Levels, exceptions and baselines: what fails, what is only told, what is accepted."""

from dataclasses import replace
from datetime import date

import pytest

from cnai.errors import UserError
from cnai.policy import baseline
from cnai.policy.check import Report, Subject, check, levels_of
from cnai.policy.exceptions import Exemption
from cnai.policy.model import Level, Resource, Rule, Severity, undecided, violation
from cnai.policy.packs import packs
from cnai.policy.values import Unknown

TODAY = date(2026, 6, 1)


def about_color(resource, context):
    color = resource.body.get("color")
    if color == "crash":
        raise ValueError("hunter2")
    if isinstance(color, Unknown):
        yield undecided("its color is not known yet")
    elif color != "green":
        yield violation(f"it is {color}")


def rule(name="color"):
    return Rule(
        id=name,
        title="Everything is green",
        why="Other colors hurt.",
        severity=Severity.HIGH,
        remediation="Paint it green.",
        applies=("*",),
        predicate=about_color,
    )


KNOWN = {"color": rule(), "hue": rule("hue")}


def thing(name, color, source="things.yaml"):
    return Resource({"apiVersion": "v1", "kind": "Thing", "metadata": {"name": name}, "color": color}, source=source)


def exemption(**changes):
    words = {"rule": "color", "resource": "Thing/a*", "reason": "upstream", "owner": "ops", "expires": TODAY}
    return Exemption(**(words | changes))


def checked(*resources, levels=None, exemptions=()):
    subject = Subject(resources=resources, levels=levels or {"color": Level.MANDATORY}, exemptions=exemptions)
    return check(subject, TODAY, KNOWN)


def told(rows):
    return [(row.rule.id, row.resource) for row in rows]


def test_a_violation_says_what_why_and_what_to_change():
    (row,) = checked(thing("a", "red")).violations
    assert row.full == "it is red. Other colors hurt. Paint it green."
    assert (row.source, row.resource) == ("things.yaml", "Thing/a")


def test_what_is_unknown_is_listed_and_neither_a_pass_nor_a_violation():
    report = checked(thing("a", Unknown()), thing("b", "red"))
    assert told(report.undecided) == [("color", "Thing/a")]
    assert told(report.violations) == [("color", "Thing/b")]


def test_levels_decide_what_fails_what_is_advice_and_what_is_not_asked():
    red = thing("a", "red")
    advised = checked(red, levels={"color": Level.ADVISORY, "hue": Level.REMEDIATE})
    assert told(advised.advice) == [("color", "Thing/a")]
    assert told(advised.violations) == [("hue", "Thing/a")]
    off = checked(red, levels={"color": Level.DISABLED})
    assert (off.violations, off.rules) == ((), ())


def test_a_rule_that_crashes_is_a_violation_that_quotes_nothing_and_that_nothing_accepts(tmp_path):
    report = checked(thing("a", "crash"), exemptions=[exemption()])
    (row,) = report.violations
    assert row.crashed
    assert "hunter2" not in row.full
    baseline.write(report, tmp_path / "b.json")
    assert baseline.applied(report, baseline.load(tmp_path / "b.json")).violations == (row,)


def test_an_exception_covers_its_resources_on_its_last_day_with_its_reason():
    report = checked(thing("a1", "red"), thing("b", "red"), exemptions=[exemption()])
    assert told(report.violations) == [("color", "Thing/b")]
    (row,) = report.excepted
    assert "upstream" in row.note
    assert report.unused == ()


def test_an_expired_exception_fails_by_itself_and_covers_nothing():
    late = exemption(expires=date(2026, 5, 31))
    report = checked(thing("a1", "red"), thing("b", "green"), exemptions=[late])
    assert told(report.violations) == [("color", "object/Thing/a*"), ("color", "Thing/a1")]
    assert "expired on 2026-05-31" in report.violations[0].message
    assert "expired" in checked(exemptions=[late]).violations[0].message


def test_an_exception_that_covers_nothing_is_named():
    assert checked(thing("b", "green"), exemptions=[exemption()]).unused == (exemption(),)


def test_a_pack_that_is_named_is_mandatory_as_a_whole():
    name = next(name for name, pack in packs().items() if pack.level is Level.ADVISORY)
    assert set(levels_of([name], {}).values()) == {Level.MANDATORY}
    with pytest.raises(UserError, match="no pack 'nothing'"):
        levels_of(["nothing"], {})


def test_a_baseline_accepts_what_is_there_and_nothing_new_wherever_the_file_lies(tmp_path):
    path = tmp_path / "baseline.json"
    assert baseline.write(checked(thing("a", "red"), thing("a", "red")), path) == 1
    accepted = baseline.load(path)
    moved = checked(thing("a", "red", source="elsewhere.yaml"), thing("b", "red"), thing("a", "blue"))
    left = baseline.applied(moved, accepted)
    assert [(row.resource, row.message) for row in left.violations] == [
        ("Thing/b", "it is red"),
        ("Thing/a", "it is blue"),
    ]
    assert [row.note for row in left.excepted] == ["accepted in the baseline"]
    assert baseline.gone(moved, accepted) == 0
    assert baseline.gone(checked(), accepted) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"accepted": [1]}'])
def test_a_file_that_is_no_baseline_is_the_user_s_error(tmp_path, text):
    path = tmp_path / "baseline.json"
    path.write_text(text)
    with pytest.raises(UserError, match="write it again"):
        baseline.load(path)
    with pytest.raises(UserError, match="--write-baseline"):
        baseline.load(tmp_path / "none.json")


def test_reports_add_up_with_each_rule_once():
    one = checked(thing("a", "red"))
    both = one + checked(thing("b", "red")) + Report()
    assert (len(both.violations), both.resources, both.rules) == (2, 2, one.rules)
    assert replace(one) == one + Report()
