"""Rules name controls of benchmarks and guides in one edition each, and only those that were looked up there."""

import re

import pytest

from cnai.policy.frameworks import answered, frameworks, tags
from cnai.policy.loading import rules

NUMBERS = {"cis": r"[1-9]\d?([.]\d{1,2}){1,2}", "soc2": r"(CC|A)[1-9][.]\d"}


@pytest.mark.parametrize("rule", rules().values(), ids=lambda rule: rule.id)
def test_a_rule_names_only_controls_that_were_looked_up(rule):
    for name, ids in rule.frameworks.items():
        assert set(ids) <= set(frameworks()[name].controls), name


@pytest.mark.parametrize("framework", frameworks().values(), ids=lambda each: each.name)
def test_every_control_that_was_looked_up_is_named_by_a_rule(framework):
    named = {control for rule in rules().values() for control in rule.frameworks.get(framework.name, ())}
    assert set(framework.controls) == named
    pattern = NUMBERS.get(framework.name.partition("-")[0], r"[a-z-]+")
    assert all(re.fullmatch(pattern, control) for control in framework.controls)


def test_the_edition_stands_beside_the_number_wherever_it_is_told():
    rule = rules()["privileged"]
    assert answered(rule)["CIS Kubernetes Benchmark 1.11"] == ["5.2.2"]
    assert "cis-kubernetes-1.11/5.2.2" in tags(rule)
