from typing import Any

import pytest

from cnai.sandbox.provider.release import autoscalers
from cnai.sandbox.provider.release.records import StoredRelease

MANIFEST = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: gateway}
spec: {minReplicas: 3}
"""
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gateway"}


class Scaled:
    """A cluster in which each look at the workload shows the next of its states; the last one stays."""

    def __init__(self, *workloads: dict, minimum: int = 3, refused: str = "") -> None:
        conditions = [{"type": "AbleToScale", "status": "False", "message": refused}] if refused else []
        spec = {"scaleTargetRef": TARGET, "minReplicas": minimum}
        self.scaler = {"spec": spec, "status": {"conditions": conditions}}
        self.workloads = list(workloads)

    def get(self, _: str, kind: str, __: str, namespace: str) -> dict | None:
        assert namespace == "mesh"
        if kind == "HorizontalPodAutoscaler":
            return self.scaler
        return self.workloads.pop(0) if len(self.workloads) > 1 else self.workloads[0]


def workload(replicas: int, available: int) -> dict:
    status = {
        "observedGeneration": 1,
        "updatedReplicas": replicas,
        "replicas": replicas,
        "availableReplicas": available,
    }
    return {"metadata": {"generation": 1}, "spec": {"replicas": replicas}, "status": status}


def lines(cluster: Scaled, manifest: str = MANIFEST, timeout_s: float = 60, cancelled: bool = False) -> list[str]:
    record = StoredRelease("gateway", "mesh", 1, "deployed", "", {}, {}, manifest, ())
    given: Any = cluster
    return autoscalers.await_minimums(given, record, timeout_s, lambda: cancelled)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoscalers, "PAUSE_S", 0.0)


def test_a_release_is_there_once_its_workload_has_what_the_autoscaler_asks_for_at_least():
    cluster = Scaled(workload(1, 1), workload(3, 1), workload(3, 3))
    assert lines(cluster) == []
    assert len(cluster.workloads) == 1, "it was looked at until it had them"


def test_a_workload_with_enough_replicas_and_one_that_is_scaled_to_nothing_are_not_waited_for():
    assert lines(Scaled(workload(4, 4))) == []
    assert lines(Scaled(workload(0, 0))) == []
    assert lines(Scaled(workload(1, 1)), manifest="") == []


def test_what_does_not_come_in_time_is_told_and_fails_nothing():
    [line] = lines(Scaled(workload(1, 1), refused="no such scale"), timeout_s=0)
    assert line == "Deployment gateway has 1 of the 3 replicas that its autoscaler asks for at least: no such scale"
    [line] = lines(Scaled(workload(3, 1)), timeout_s=0)
    assert line == "Deployment gateway: 1 of 3 updated replicas are available"


def test_a_cancelled_run_does_not_wait_for_an_autoscaler():
    assert len(lines(Scaled(workload(1, 1)), cancelled=True)) == 1
