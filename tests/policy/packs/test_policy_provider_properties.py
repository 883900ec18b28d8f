"""No rule reads a property that its provider does not have: such a rule would pass, or fail, whatever is declared."""

import json

import provider_sdk
import pytest
from policy_paths import used_properties

RECORDED = json.loads(provider_sdk.RECORD.read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", sorted(used_properties()))
def test_every_property_that_a_rule_reads_was_found_in_the_providers_sdk(kind: str):
    missing = used_properties()[kind] - set(RECORDED.get(kind, ()))
    assert not missing, f"{kind} has no {sorted(missing)} as far as provider_sdk.py has written down"


@pytest.mark.skipif(not provider_sdk.installed(), reason="needs the extras aws, gcp and azure")
def test_the_record_is_what_the_sdks_say():
    assert provider_sdk.record(used_properties()) == RECORDED
