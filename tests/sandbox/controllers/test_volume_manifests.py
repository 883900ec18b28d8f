from typing import Any

import pytest

from cnai.sandbox.controllers.provisioner import ASKED_OF, is_due, is_outgrown, is_spent, volume_for


def claim(asked: str | None = "cnai.dev/sandbox", modes: tuple[str, ...] = ("ReadWriteOnce",), **spec: Any) -> Any:
    return {
        "metadata": {
            "name": "data",
            "namespace": "team",
            "uid": "u1",
            "annotations": {ASKED_OF: asked} if asked else {},
        },
        "spec": {
            "accessModes": list(modes),
            "resources": {"requests": {"storage": "10Gi"}},
            "storageClassName": "cnai-sandbox",
            **spec,
        },
        "status": {},
    }


@pytest.mark.parametrize(
    ("given", "due"),
    [
        (claim(), True),
        (claim("ebs.csi.aws.com"), True),  # no cloud's driver runs here either
        (claim(None), False),  # no class, an unknown one, or no pod placed yet
        (claim(volumeName="pvc-u1"), False),
    ],
)
def test_a_volume_is_made_once_it_is_asked_for(given, due):
    assert is_due(given) is due


def test_a_volume_is_what_the_claim_asks_for_and_says_that_it_is_simulated():
    volume = volume_for(claim(volumeMode="Block"), {"reclaimPolicy": "Retain"}, None)
    spec = volume["spec"]
    assert volume["metadata"]["labels"] == {"cnai.dev/simulated": "true"}
    assert (spec["capacity"], spec["volumeMode"], spec["persistentVolumeReclaimPolicy"]) == (
        {"storage": "10Gi"},
        "Block",
        "Retain",
    )
    assert spec["claimRef"]["uid"] == "u1"
    assert "nodeAffinity" not in spec


def test_block_storage_stays_in_its_zone_and_a_shared_file_system_does_not():
    zonal = volume_for(claim(), {}, "zone-a")["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert zonal[0]["matchExpressions"][0]["values"] == ["zone-a"]
    assert "nodeAffinity" not in volume_for(claim(modes=("ReadWriteMany",)), {}, "zone-a")["spec"]


def test_kube_controller_manager_leaves_the_volumes_deletion_to_us():
    assert volume_for(claim(), {}, None)["metadata"]["annotations"] == {
        "pv.kubernetes.io/provisioned-by": "cnai.dev/sandbox"
    }


@pytest.mark.parametrize(
    ("phase", "has", "grown"), [("Bound", "10Gi", False), ("Bound", "5Gi", True), ("Pending", None, False)]
)
def test_a_bound_claim_that_asks_for_more_is_resized(phase, has, grown):
    status = {"phase": phase, "capacity": {"storage": has} if has else {}}
    assert is_outgrown({**claim(), "status": status}) is grown


@pytest.mark.parametrize(
    ("labels", "phase", "policy", "spent"),
    [
        ({"cnai.dev/simulated": "true"}, "Released", "Delete", True),
        ({"cnai.dev/simulated": "true"}, "Released", "Retain", False),
        ({"cnai.dev/simulated": "true"}, "Bound", "Delete", False),
        ({}, "Released", "Delete", False),
    ],
)
def test_only_our_own_released_volumes_are_deleted(labels, phase, policy, spent):
    volume = {
        "metadata": {"labels": labels},
        "spec": {"persistentVolumeReclaimPolicy": policy},
        "status": {"phase": phase},
    }
    assert is_spent(volume) is spent
