"""Every environment passes its own mandatory rules with what its charts bring, where the charts are at hand."""

from datetime import date
from pathlib import Path

import pytest

from cnai.checks.subjects import of_environment
from cnai.policy.check import check
from cnai.stackfiles import known_environments

pytestmark = pytest.mark.reference
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("env", known_environments(ROOT))
def test_what_an_environment_s_charts_bring_passes_its_mandatory_rules(monkeypatch, env):
    monkeypatch.setenv("CNAI_PROJECT", str(ROOT))
    subject, problems = of_environment(ROOT, env, [], print)
    if problems:
        pytest.skip("; ".join(each.source for each in problems) + ": not at hand")
    report = check(subject, min((each.expires for each in subject.exemptions), default=date.max))
    assert [f"{row.resource}: {row.full}" for row in report.violations] == []
    assert [f"{each.rule} of {each.resource} covers nothing" for each in report.unused] == []
    assert [row.message for row in report.undecided] == []


def test_every_exception_of_a_package_covers_something_in_some_environment():
    used, asked = set[tuple[str, str]](), set[tuple[str, str]]()
    for env in known_environments(ROOT):
        subject, problems = of_environment(ROOT, env, [], print)
        if problems:
            pytest.skip("; ".join(each.source for each in problems) + ": not at hand")
        report = check(subject, min((each.expires for each in subject.exemptions), default=date.max))
        asked |= {(each.rule, each.package) for each in subject.exemptions if each.package}
        used |= {(row.rule.id, row.origin.removeprefix("package ")) for row in report.excepted}
    assert asked - used == set()
