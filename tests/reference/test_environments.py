"""Every environment passes its own mandatory rules with what its charts bring, where the charts are at hand."""

from datetime import date
from pathlib import Path

import pytest

from cnai.cli.checking import of_environment
from cnai.cli.target import known_environments
from cnai.policy.check import check

pytestmark = pytest.mark.reference
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("env", known_environments(ROOT))
def test_what_an_environment_s_charts_bring_passes_its_mandatory_rules(monkeypatch, env):
    monkeypatch.setenv("CNAI_PROJECT", str(ROOT))
    subject, problems = of_environment(env, [])
    if problems:
        pytest.skip("; ".join(each.source for each in problems) + ": not at hand")
    report = check(subject, min((each.expires for each in subject.exemptions), default=date.max))
    assert [f"{row.resource}: {row.full}" for row in report.violations] == []
    assert [f"{each.rule} of {each.resource} covers nothing" for each in report.unused] == []
    assert [row.message for row in report.undecided] == []
