"""Every rule of the packs: passes, fails, is undecided about the unknown, refuses what is ill-built, never crashes."""

import re

import pytest
from policy_cases import OUR_RULES, Case, cases, replaced

from cnai.policy.model import Verdict
from cnai.policy.packs import packs
from cnai.policy.values import UNKNOWN

CASES = cases()
NAMED = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
SILENT_ABOUT_UNKNOWNS = frozenset(("gatewayAuth",))
"""Looks at which objects there are, and at nothing in them."""
EXISTENCE = frozenset(("awsPoliciesOfUsers", "gcpServiceAccountKeys", *SILENT_ABOUT_UNKNOWNS))
"""Whatever there is is a violation, of whatever type."""


def test_every_rule_has_a_case_that_passes_and_one_that_fails():
    for passes in (True, False):
        missing = {rule.id for rule in OUR_RULES} - {case.rule.id for case in CASES if case.passes is passes}
        assert not missing, f"{'passing' if passes else 'failing'} cases: {sorted(missing)}"


@NAMED
def test_a_rule_tells_good_from_bad(case: Case):
    found = case.findings()
    assert case.verdict() is (Verdict.PASS if case.passes else Verdict.VIOLATION), [each.message for each in found]
    assert not any(each.crashed for each in found)
    assert all(each.rule == case.rule.id and each.resource is not None for each in found)


@NAMED
def test_an_unknown_value_is_neither_a_silent_pass_nor_a_false_alarm(case: Case):
    for changed in replaced(case.resources, UNKNOWN):
        found = case.findings(changed)
        wrong = Verdict.VIOLATION if case.passes else Verdict.PASS
        assert not any(each.crashed for each in found)
        assert case.verdict(changed) is not wrong, [each.body for each in changed]


@pytest.mark.parametrize("rule", OUR_RULES, ids=lambda rule: rule.id)
def test_a_rule_says_that_it_is_undecided(rule):
    mine = [case for case in CASES if case.rule is rule]
    verdicts = {case.verdict(changed) for case in mine for changed in replaced(case.resources, UNKNOWN)}
    assert (Verdict.UNDECIDED in verdicts) is (rule.id not in SILENT_ABOUT_UNKNOWNS)


@NAMED
def test_a_value_of_a_wrong_type_never_crashes_a_rule(case: Case):
    for other in (17, -0.5, True, "text", ["text"], [[]], [{}], {"a": "text"}, {"a": {"b": []}}, None):
        for changed in replaced(case.resources, other):
            assert not any(each.crashed for each in case.findings(changed)), [each.body for each in changed]


@pytest.mark.parametrize("rule", [rule for rule in OUR_RULES if rule.id not in EXISTENCE], ids=lambda rule: rule.id)
def test_an_object_that_is_not_built_like_its_kind_is_refused(rule):
    """Of all the ways to put a wrong type into what passes, some are violations."""
    good = [case for case in CASES if case.rule is rule and case.passes]
    wrong = (17, "text", ["text"], {"a": "text"})
    verdicts = {
        case.verdict(changed) for case in good for other in wrong for changed in replaced(case.resources, other)
    }
    assert Verdict.VIOLATION in verdicts


def test_every_rule_explains_itself():
    for rule in OUR_RULES:
        assert rule.title, rule.id
        assert rule.remediation.endswith("."), rule.id
        assert re.fullmatch(r"[^.]+([.][^ .][^.]*)*[.]", rule.why), f"{rule.id}: one sentence"


def test_every_pack_of_the_issue_is_there():
    wanted = {"gpu", "workloads", "network", "tenancy", "aws", "gcp", "azure", "cost", "supply-chain", "reliability"}
    assert wanted <= set(packs())
