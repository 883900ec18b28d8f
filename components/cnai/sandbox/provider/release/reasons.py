"""Why a release is not ready: Helm only says that its time was up."""

from collections.abc import Iterator
from typing import Any

from cnai.charts.documents import heads
from cnai.kube import ApiError, Kube
from cnai.sandbox.provider.awaits.reasons import last_words
from cnai.sandbox.provider.awaits.verdicts import Surroundings, judge_of
from cnai.sandbox.provider.release.records import StoredRelease

Object = dict[str, Any]
WAITED_FOR = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "PersistentVolumeClaim"})
SHOWN = 6


def not_ready(kube: Kube, record: StoredRelease) -> tuple[str, ...]:
    """One line per workload that is not ready, with the scheduler's or controller's words."""
    hooks = [head for hook in record.hooks for head in heads(hook.get("manifest") or "")]
    wanted = [head for head in (*heads(record.manifest), *hooks) if head["kind"] in WAITED_FOR]
    return tuple(line for head in wanted for line in _lines(kube, head, record.namespace))[:SHOWN]


def _lines(kube: Kube, head: Object, namespace: str) -> Iterator[str]:
    metadata = head["metadata"]
    try:
        live = kube.get(head["apiVersion"], head["kind"], metadata["name"], metadata.get("namespace") or namespace)
    except ApiError:
        return
    judge = judge_of(head["apiVersion"], head["kind"])
    if live is None or judge is None:
        return
    verdict = judge({"apiVersion": head["apiVersion"], "kind": head["kind"], **live}, Surroundings())
    if verdict.state != "ready":
        words = last_words(kube, {"apiVersion": head["apiVersion"], "kind": head["kind"], **live})
        yield f"{head['kind']} {metadata['name']}: {'; '.join(dict.fromkeys([verdict.message, *words]))}"
