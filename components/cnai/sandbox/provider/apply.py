"""Server-side apply that waits for what an object needs: its kind, its namespace, the webhooks that judge it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cnai.charts.tokens import object_id
from cnai.kube import ApiError, Kube, NoKindError
from cnai.plugin.errors import ProviderError
from cnai.sandbox.provider.awaits.waiting import until_gone
from cnai.sandbox.provider.awaits.watches import Watches

Object = dict[str, Any]


@dataclass(frozen=True)
class Tell:
    """Who hears of what happens on the way."""

    status: Callable[[str], None] = lambda _: None
    warning: Callable[[str], None] = lambda _: None


FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 2.0
WEBHOOK_DOWN = ("connection refused", "no endpoints available", "not found", "deadline exceeded", "EOF", "x509")


def applied(
    kube: Kube, watches: Watches, obj: Object, manager: str, force: bool, patience_s: float, tell: Tell
) -> Object:
    """The object as the API server now has it. `ProviderError` in the server's words where it does not take it."""
    deadline, pause = time.monotonic() + patience_s, FIRST_PAUSE_S
    while True:
        try:
            answer = kube.apply(addressed(kube, obj), manager, force, warn=tell.warning)
        except ApiError as error:
            if not passing(error) or time.monotonic() >= deadline or watches.cancelled:
                raise refusal(obj, error) from error
            if error.status == 404:
                kube.forget(obj["apiVersion"], obj["kind"])
            tell.status(f"waiting to apply it: {error.message}")
            watches.pause(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE_S)
            continue
        if "deletionTimestamp" not in answer["metadata"]:
            return answer
        # What was applied to is on its way out, left by an interrupted run: its successor comes after it.
        until_gone(kube, watches, answer, max(1.0, deadline - time.monotonic()))


def addressed(kube: Kube, obj: Object) -> Object:
    """The object with a namespace only where its kind has one."""
    metadata = obj["metadata"]
    if metadata.get("namespace") and not kube.endpoint(obj["apiVersion"], obj["kind"]).namespaced:
        return obj | {"metadata": {key: value for key, value in metadata.items() if key != "namespace"}}
    return obj


def passing(error: ApiError) -> bool:
    """Whether the same request may well succeed in a moment."""
    if isinstance(error, NoKindError) or error.status in (0, 404, 429, 503, 504):
        return True
    if error.status == 403:
        return "because it is being terminated" in error.message or "error looking up service account" in error.message
    if error.status == 409:
        return not field_conflicts(error)
    return error.status == 500 and "failed calling webhook" in error.message and webhook_is_down(error)


def webhook_is_down(error: ApiError) -> bool:
    return any(words in error.message for words in WEBHOOK_DOWN)


def field_conflicts(error: ApiError) -> bool:
    causes = (error.body.get("details") or {}).get("causes") or []
    return any(cause.get("reason") == "FieldManagerConflict" for cause in causes)


def refusal(obj: Object, error: ApiError) -> ProviderError:
    metadata = obj["metadata"]
    what = f"{obj['kind']} {object_id(metadata.get('namespace'), str(metadata.get('name')))}"
    message = f"{what}: {error.message}"
    if error.status == 409 and field_conflicts(error):
        message += '; to take these fields over, set the annotation pulumi.com/patchForce: "true"'
    if isinstance(error, NoKindError):
        message += "; its CustomResourceDefinition has to exist first"
    return ProviderError(message)
