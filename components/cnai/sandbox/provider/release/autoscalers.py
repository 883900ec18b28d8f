"""Helm is done once a workload has the replicas of its chart; an autoscaler may want more from the start.

A chart that leaves replicas to its HorizontalPodAutoscaler has one, until the autoscaler's first word brings more.
"""

import time
from collections.abc import Callable
from typing import Any

from cnai.charts.documents import heads
from cnai.kube import ApiError, Kube
from cnai.sandbox.provider.awaits.verdicts import Surroundings, condition, judge_of
from cnai.sandbox.provider.release.records import StoredRelease

Object = dict[str, Any]
PATIENCE_S = 60.0
"""kube-controller-manager speaks some 15 s after it has seen an autoscaler."""
PAUSE_S = 0.5


def await_minimums(kube: Kube, record: StoredRelease, timeout_s: float, cancelled: Callable[[], bool]) -> list[str]:
    """Returns once every workload has its autoscaler's minimum; one line for each that has not got it in time.

    Not a failure: on a real cluster neither Helm nor the official provider looks at autoscalers.
    """
    named = [head for head in heads(record.manifest) if head["kind"] == "HorizontalPodAutoscaler"]
    deadline = time.monotonic() + min(timeout_s, PATIENCE_S)
    while True:
        lacking = [line for head in named if (line := _lacking(kube, head, record.namespace))]
        if not lacking or cancelled() or time.monotonic() >= deadline:
            return lacking
        time.sleep(PAUSE_S)


def _lacking(kube: Kube, head: Object, default: str) -> str:
    """What a workload still lacks of its autoscaler's minimum; "" where nothing, or where none will be brought."""
    namespace = head["metadata"].get("namespace") or default
    scaler = kube.get("autoscaling/v2", head["kind"], head["metadata"]["name"], namespace)
    workload = _workload(kube, scaler, namespace) if scaler else None
    if scaler is None or workload is None:
        return ""
    target, minimum = scaler["spec"]["scaleTargetRef"], scaler["spec"].get("minReplicas", 1)
    replicas, shown = workload["spec"].get("replicas", 1), f"{target['kind']} {target['name']}"
    if replicas == 0:
        return ""
    if replicas < minimum:
        refused = condition(scaler, "AbleToScale")
        words = f": {refused.get('message')}" if refused.get("status") == "False" else ""
        return f"{shown} has {replicas} of the {minimum} replicas that its autoscaler asks for at least{words}"
    judge = judge_of(target["apiVersion"], target["kind"])
    verdict = judge(workload, Surroundings()) if judge else None
    return "" if verdict is None or verdict.state == "ready" else f"{shown}: {verdict.message}"


def _workload(kube: Kube, scaler: Object, namespace: str) -> Object | None:
    target = scaler["spec"]["scaleTargetRef"]
    try:
        return kube.get(target["apiVersion"], target["kind"], target["name"], namespace)
    except ApiError:
        return None
