"""A report as JSON, SARIF, JUnit and a table."""

import io
from datetime import date
from xml.etree import ElementTree

import pytest
from rich.console import Console

from cnai.policy.check import NotChecked, Report, Subject, check
from cnai.policy.exceptions import Exemption
from cnai.policy.formats import json, junit, sarif, table
from cnai.policy.model import Level, Resource, Rule, Severity, undecided, violation

TODAY = date(2026, 6, 1)
SEVERITIES = {f"{each.value}-rule": each for each in Severity}


def about(resource, context):
    yield undecided("not known yet") if resource.name == "unknown" else violation("it is [bold]red\x07[/]")


KNOWN = {
    name: Rule(
        id=name,
        title="Green",
        why="Red hurts.",
        severity=severity,
        remediation="Paint it.",
        frameworks={"cis-kubernetes": ("5.2.1",)},
        applies=("*",),
        predicate=about,
    )
    for name, severity in SEVERITIES.items()
}


@pytest.fixture
def report():
    things = [
        Resource({"apiVersion": "v1", "kind": "Thing", "metadata": {"name": name}}, source="a folder/things.yaml")
        for name in ("red", "unknown", "excepted")
    ]
    levels = dict.fromkeys(KNOWN, Level.MANDATORY) | {"low-rule": Level.ADVISORY}
    exemptions = [Exemption(rule="high-rule", resource="*excepted", reason="old", owner="ops", expires=TODAY)]
    lines = {id(things[0]): 7}
    subject = Subject(resources=things, levels=levels, exemptions=exemptions, lines=lines)
    return check(subject, TODAY, KNOWN) + Report(not_checked=(NotChecked("chart x", "it is not at hand"),))


def test_json_has_the_documented_keys_and_each_row_its_four(report):
    document = json.document(report)
    assert {"violations", "undecided", "not_checked"} <= document.keys()
    assert {frozenset(row) for row in document["violations"]} == {frozenset(("source", "rule", "resource", "message"))}
    assert {row["rule"] for row in document["advice"]} == {"low-rule"}
    assert document["not_checked"] == [{"source": "chart x", "reason": "it is not at hand"}]


def test_sarif_refers_to_its_rules_and_tells_open_from_failed_and_suppressed(report):
    document = sarif.document(report)
    (run,) = document["runs"]
    assert document["version"] == "2.1.0"
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    assert {result["level"] for result in run["results"] if result.get("kind") == "open"} == {"none"}
    assert [result["ruleId"] for result in run["results"] if result.get("suppressions")] == ["high-rule"]
    marks = [result["partialFingerprints"]["cnai/v1"] for result in run["results"]]
    assert len(set(marks)) == len(marks)
    assert run["invocations"][0]["executionSuccessful"] is False


def test_sarif_points_at_file_and_line_with_an_address_that_is_one(report):
    places = [result["locations"][0] for result in sarif.document(report)["runs"][0]["results"]]
    assert {"uri": "a%20folder/things.yaml"} in [place["physicalLocation"]["artifactLocation"] for place in places]
    assert {place["physicalLocation"]["region"]["startLine"] for place in places} == {1, 7}


def test_sarif_of_an_environment_points_at_its_stack_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    thing = Resource({"apiVersion": "v1", "kind": "Thing"}, source="prod: chart x 1.0.0")
    file = str(tmp_path / "stacks" / "Pulumi.prod.yaml")
    subject = Subject(resources=[thing], levels={"high-rule": Level.MANDATORY}, file=file)
    (result,) = sarif.document(check(subject, TODAY, KNOWN))["runs"][0]["results"]
    place = result["locations"][0]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "stacks/Pulumi.prod.yaml"
    assert "chart x" in place["logicalLocations"][0]["fullyQualifiedName"]


def test_junit_counts_what_it_holds_and_is_valid_xml_whatever_a_message_has(report):
    root = ElementTree.fromstring(junit.document(report))
    assert len(root.findall(".//failure")) == len(report.violations) == int(root.get("failures"))
    assert len(root.findall(".//testcase")) == int(root.get("tests"))
    assert int(root.get("errors")) == 1


def test_junit_of_a_clean_report_has_a_passing_case_for_each_rule():
    clean = check(Subject(resources=[], levels=dict.fromkeys(KNOWN, Level.MANDATORY)), TODAY, KNOWN)
    root = ElementTree.fromstring(junit.document(clean))
    assert (root.get("tests"), root.get("failures")) == (str(len(KNOWN)), "0")


def test_the_table_shows_messages_as_they_are_and_each_remedy_once(report):
    file = io.StringIO()
    table.show(report, Console(file=file, width=200))
    shown = file.getvalue()
    assert "[bold]red" in shown
    assert shown.count("Paint it.") == len(KNOWN)
    assert "a folder/things.yaml:7" in shown
    assert "1 not checked" in shown
