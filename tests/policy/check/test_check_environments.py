"""What every environment declares passes its own mandatory rules; the charts are checked where they are at hand."""

from datetime import date
from pathlib import Path

import pytest

from cnai.checks.subjects import of_environment
from cnai.policy.check import check
from cnai.render.charts import NotAtHand, Renderer
from cnai.stackfiles import known_environments

ROOT = Path(__file__).resolve().parents[3]


def not_at_hand(self, name, inputs):
    raise NotAtHand("no chart here")


@pytest.fixture
def charts(monkeypatch):
    monkeypatch.setenv("CNAI_PROJECT", str(ROOT))
    monkeypatch.setattr(Renderer, "release", not_at_hand)


@pytest.mark.parametrize("env", known_environments(ROOT))
def test_what_an_environment_declares_passes_its_own_mandatory_rules(charts, env):
    subject, problems = of_environment(ROOT, env, [], print)
    # On the day that the first exception ends they all still hold; afterwards `cnai check` fails, and not this test.
    report = check(subject, min((each.expires for each in subject.exemptions), default=date.max))
    assert [row.full for row in report.violations] == []
    assert report.resources > 20
    assert {problem.reason for problem in problems} == {"no chart here"}


@pytest.mark.parametrize("env", known_environments(ROOT))
def test_every_exception_says_why_and_covers_one_thing(charts, env):
    subject, _ = of_environment(ROOT, env, [], print)
    assert all(len(each.reason) > 30 and "*" not in each.resource for each in subject.exemptions)
    assert {each.rule for each in subject.exemptions} <= subject.levels.keys()
