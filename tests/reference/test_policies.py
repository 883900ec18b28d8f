"""Kyverno's policies made from our rules fit Kyverno's own CRD."""

import pytest
from strict import errors

from cnai.policy import kyverno
from cnai.policy.admission import enforceable
from cnai.policy.model import Level
from cnai.policy.packs import packs, rules_of

pytestmark = pytest.mark.reference


@pytest.mark.parametrize("name", sorted(packs()))
def test_a_packs_policy_is_what_kyverno_serves(upstream, name: str):
    rules = enforceable(rules_of([packs()[name]]).values())
    crd = upstream.crd("policies.kyverno.io", "ValidatingPolicy")
    assert list(errors(kyverno.policy(f"cnai-{name}", rules, Level.MANDATORY), crd)) == []
