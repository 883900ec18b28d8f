"""After a crash the simulated cloud itself says what was made in it."""

from cloud_fakes import urn

from cnai.engine.state.adopt import Existing
from cnai.sandbox.cloud import operations
from cnai.sandbox.cloud.inventory import inventory

NETWORK = "gcp:compute/network:Network"


def test_what_was_made_is_found_by_its_urn_with_its_outputs(account):
    gcp = account("gcp")
    made = inventory(gcp.sandbox)
    assert made(NETWORK, urn(NETWORK)) == []
    given, outputs = operations.create(gcp, urn(NETWORK), {"name": "n"}, preview=False, timeout_s=1)
    assert made(NETWORK, urn(NETWORK)) == [Existing(given, outputs)]
    assert made(NETWORK, urn(NETWORK, "another")) == []
    operations.delete(gcp, urn(NETWORK), given, timeout_s=1)
    assert made(NETWORK, urn(NETWORK)) == []


def test_what_is_in_no_cloud_is_somebody_elses(account):
    made = inventory(account("aws").sandbox)
    assert made("kubernetes:core/v1:ConfigMap", urn("kubernetes:core/v1:ConfigMap")) is None
    assert made("random:index/randomId:RandomId", urn("random:index/randomId:RandomId")) is None
