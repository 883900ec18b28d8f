"""Blocks until an object is ready or gone, its time is up, or the engine cancels."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from cnai.charts.tokens import object_id
from cnai.kube import Kube, NoKindError
from cnai.plugin.errors import PartialError, ProviderError
from cnai.sandbox.provider.awaits.reasons import finalizer_words, last_words
from cnai.sandbox.provider.awaits.verdicts import Judge, Surroundings, Verdict, waiting
from cnai.sandbox.provider.awaits.watches import Watches, key_of

Object = dict[str, Any]
TOLD_AFTER_S = 5.0
RECHECK_S = 30.0
"""How often an object is looked at again even if no event came: a watch may have lost one."""
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def until_ready(
    kube: Kube,
    watches: Watches,
    applied: Object,
    judge: Judge,
    timeout_s: float,
    tell: Callable[[str], None] = lambda _: None,
) -> Object:
    """The object once it is ready. `PartialError` with what was seen last where it does not get there.

    `tell` hears what is being waited for, once that takes long enough to be of interest.
    """
    around = surroundings(kube, watches, applied)
    if judge(applied, around).state == "ready":
        return applied
    started, current, told = time.monotonic(), applied, ""
    deadline, changed = started + timeout_s, threading.Event()
    with ExitStack() as stack:
        _subscribe(watches, applied, changed, stack)
        while True:
            changed.clear()
            seen = _newest(watches, applied)
            verdict: Verdict = judge(seen, around) if seen else waiting("the object has not been seen yet")
            current = seen or current
            if verdict.state == "ready":
                return current
            _give_up(kube, watches, current, verdict, deadline, timeout_s)
            if verdict.message != told and time.monotonic() >= started + TOLD_AFTER_S:
                told = verdict.message
                tell(told)
            pause = RECHECK_S if told else TOLD_AFTER_S
            changed.wait(min(pause, max(0.0, deadline - time.monotonic())))


def _give_up(
    kube: Kube, watches: Watches, current: Object, verdict: Verdict, deadline: float, timeout_s: float
) -> None:
    metadata = current["metadata"]
    what = f"{current['kind']} {object_id(metadata.get('namespace'), metadata['name'])}"
    if verdict.state == "failed":
        message = f"{what} failed: {verdict.message}"
    elif watches.cancelled:
        message = f"{what} is not ready: the operation was cancelled while {verdict.message}"
    elif time.monotonic() >= deadline:
        message = f"{what} is not ready after {timeout_s:g}s: {verdict.message}"
    else:
        return
    reasons = () if watches.cancelled else tuple(last_words(kube, current))
    raise PartialError(message, object_id(metadata.get("namespace"), metadata["name"]), current, reasons)


def _subscribe(watches: Watches, applied: Object, changed: threading.Event, stack: ExitStack) -> None:
    key = key_of(applied)
    stack.enter_context(watches.of(applied["apiVersion"], applied["kind"]).changes(key, changed))
    if applied["kind"] == "Service":
        stack.enter_context(watches.of("discovery.k8s.io/v1", "EndpointSlice").changes(key, changed))


def _newest(watches: Watches, applied: Object) -> Object | None:
    """What the watch shows, if it is not older than what was applied."""
    for seen in watches.of(applied["apiVersion"], applied["kind"]).at(key_of(applied)):
        if int(seen["metadata"]["resourceVersion"]) >= int(applied["metadata"]["resourceVersion"]):
            return {"apiVersion": applied["apiVersion"], "kind": applied["kind"], **seen}
    return None


def surroundings(kube: Kube, watches: Watches, obj: Object) -> Surroundings:
    key = key_of(obj)
    return Surroundings(
        endpoint_slices=lambda: watches.of("discovery.k8s.io/v1", "EndpointSlice").at(key),
        binding_mode=lambda: binding_mode(kube, obj["spec"].get("storageClassName")),
    )


def binding_mode(kube: Kube, storage_class: str | None) -> str:
    """When claims of a class bind; the default class where the claim names none."""
    for found in kube.list("storage.k8s.io/v1", "StorageClass"):
        annotations = found["metadata"].get("annotations") or {}
        is_default = storage_class is None and annotations.get(DEFAULT_CLASS) == "true"
        if found["metadata"]["name"] == storage_class or is_default:
            return found.get("volumeBindingMode", "Immediate")
    return "Immediate"


def until_gone(kube: Kube, watches: Watches, deleted: Object, timeout_s: float) -> None:
    """Returns once the object that is being deleted is no more, or another one has taken its name."""
    metadata = deleted["metadata"]
    what = (deleted["apiVersion"], deleted["kind"], metadata["name"], metadata.get("namespace"))
    deadline, changed = time.monotonic() + timeout_s, threading.Event()
    watch = watches.of(deleted["apiVersion"], deleted["kind"])
    with watch.changes(key_of(deleted), changed):
        while True:
            changed.clear()
            current = deleted
            if not any(seen["metadata"]["uid"] == metadata["uid"] for seen in watch.at(key_of(deleted))):
                # The watch may not have seen the object yet, so its absence has to be asked for.
                current = _live(kube, *what)
            if current is None or current["metadata"]["uid"] != metadata["uid"]:
                return
            shown = f"{deleted['kind']} {object_id(metadata.get('namespace'), metadata['name'])}"
            if watches.cancelled:
                raise ProviderError(f"{shown} is still being deleted: the operation was cancelled")
            if time.monotonic() >= deadline:
                words = finalizer_words(_live(kube, *what) or deleted)
                raise ProviderError(f"{shown} is still there {timeout_s:g}s after its deletion: {words}")
            changed.wait(min(RECHECK_S, max(0.0, deadline - time.monotonic())))


def _live(kube: Kube, api_version: str, kind: str, name: str, namespace: str | None) -> Object | None:
    try:
        return kube.get(api_version, kind, name, namespace)
    except NoKindError:
        return None
