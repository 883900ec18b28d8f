from pathlib import Path

import pytest
from cloud_fakes import urn

from cnai.errors import UserError
from cnai.paths import SandboxDir
from cnai.plugin.errors import PartialError, ProviderError
from cnai.sandbox.cloud import operations
from cnai.sandbox.cloud.faults import Faults, read

POOL, NETWORK = "gcp:container/nodePool:NodePool", "gcp:compute/network:Network"
INPUTS = {
    "name": "h100",
    "cluster": "c",
    "location": "us-central1",
    "nodeLocations": ["us-central1-a"],
    "initialNodeCount": 2,
    "nodeConfig": {"machineType": "a3-highgpu-8g", "labels": {"cnai.dev/pool": "h100"}},
}


def wrong(account, text: str):
    made = account("gcp")
    made.sandbox.root.mkdir(parents=True, exist_ok=True)
    made.sandbox.faults.write_text(text)
    return made


@pytest.mark.parametrize(
    "text", ["- {on: x, error: fire}", "- {no_capacity: {machines: a}}", "a: b", "- 3", "- [", "- {on: x}"]
)
def test_a_file_that_is_no_list_of_faults_is_refused_with_what_an_entry_is(tmp_path: Path, text: str):
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"faults\.yaml"):
        read(path)


def test_a_fault_happens_as_often_as_it_says(tmp_path: Path):
    sandbox = SandboxDir(tmp_path)
    sandbox.faults.write_text("- {on: 'gcp:compute/*', match: {name: a}, error: quota, times: 2}")
    struck = [Faults(sandbox).strike(NETWORK, {"name": "a"}) for _ in range(3)]
    assert struck == ["quota", "quota", None]
    assert Faults(sandbox).strike(NETWORK, {"name": "b"}) is None
    assert Faults(sandbox).strike(POOL, {"name": "a"}) is None


def test_a_quota_fails_in_the_clouds_words_and_leaves_nothing(account):
    made = wrong(account, f"- {{on: '{NETWORK}', error: quota}}")
    with pytest.raises(ProviderError, match="QUOTA_EXCEEDED"):
        operations.create(made, urn(NETWORK), {"name": "n"}, preview=False, timeout_s=1)
    assert made.store.all() == []


def test_a_throttled_call_is_made_again(account):
    made = wrong(account, f"- {{on: '{NETWORK}', error: throttling, times: 2}}")
    given, _ = operations.create(made, urn(NETWORK), {"name": "n"}, preview=False, timeout_s=1)
    assert given == "projects/p/global/networks/n"


def test_one_that_is_throttled_for_ever_fails(account, monkeypatch):
    monkeypatch.setattr(operations.time, "sleep", lambda _: None)
    made = wrong(account, f"- {{on: '{NETWORK}', error: throttling}}")
    with pytest.raises(ProviderError, match="429"):
        operations.create(made, urn(NETWORK), {"name": "n"}, preview=False, timeout_s=1)


@pytest.mark.parametrize(
    "fault",
    [
        "- {no_capacity: {machine: a3-highgpu-8g, zone: us-central1-a}}",
        f"- {{on: '{POOL}', error: capacity}}",
        f"- {{on: '{POOL}', error: quota}}",
    ],
)
def test_a_group_without_machines_is_kept_so_that_the_next_up_finishes_it(account, kube, fault: str):
    made = wrong(account, fault)
    with pytest.raises(PartialError) as failed:
        operations.create(made, urn(POOL), dict(INPUTS), preview=False, timeout_s=1)
    assert "a3-highgpu-8g" in failed.value.message
    assert kube.groups() == {}
    made.sandbox.faults.unlink()
    outputs = failed.value.outputs
    operations.update(made, urn(POOL), failed.value.id, outputs, dict(INPUTS), preview=False, timeout_s=1)
    assert kube.groups()["h100"]["desired"] == 2


def test_machines_elsewhere_are_still_to_be_had(account, kube):
    made = wrong(account, "- {no_capacity: {machine: a3-highgpu-8g, zone: us-central1-b}}")
    operations.create(made, urn(POOL), dict(INPUTS), preview=False, timeout_s=1)
    assert kube.groups()["h100"]["zones"] == ["us-central1-a"]
