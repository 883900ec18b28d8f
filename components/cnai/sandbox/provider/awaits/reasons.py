"""Why an object is not ready or not gone, in the words of the controllers and the scheduler."""

from typing import Any

from cnai.kube import ApiError, Kube
from cnai.sandbox.provider.awaits.verdicts import pod_trouble

Object = dict[str, Any]
SHOWN = 5
"""How many reasons are reported; the last ones matter."""


def last_words(kube: Kube, obj: Object) -> list[str]:
    """The troubles of an object's pods, then the last warnings about it and its pods."""
    try:
        pods = _pods(kube, obj)
        words = [f"Pod {pod['metadata']['name']}: {trouble}" for pod in pods if (trouble := pod_trouble(pod))]
        about = {obj["metadata"]["name"], *(pod["metadata"]["name"] for pod in pods)}
        return [*words[:SHOWN], *_warnings(kube, obj["metadata"].get("namespace"), about)]
    except ApiError as error:
        return [f"its events could not be read: {error.message}"]


def _pods(kube: Kube, obj: Object) -> list[Object]:
    labels = obj.get("spec", {}).get("selector", {})
    labels = labels.get("matchLabels", {}) if obj["kind"] != "Service" else labels
    if obj["kind"] == "Pod" or not labels:
        return [obj] if obj["kind"] == "Pod" else []
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    return kube.list("v1", "Pod", obj["metadata"].get("namespace"), selector)


def _warnings(kube: Kube, namespace: str | None, about: set[str]) -> list[str]:
    if not namespace:
        return []
    events = [
        event
        for event in kube.list("v1", "Event", namespace)
        if event.get("type") == "Warning" and event["involvedObject"].get("name") in about
    ]
    events.sort(key=lambda event: event["metadata"]["creationTimestamp"])
    words = {f"{event['involvedObject']['kind']} {event['reason']}: {event.get('message', '')}" for event in events}
    ordered = [f"{event['involvedObject']['kind']} {event['reason']}: {event.get('message', '')}" for event in events]
    return sorted(words, key=ordered.index)[-SHOWN:]


def finalizer_words(obj: Object) -> str:
    """What holds an object back that is being deleted."""
    conditions = obj.get("status", {}).get("conditions") or []
    remaining = [
        entry["message"]
        for entry in conditions
        if entry.get("type", "").startswith("Namespace") and entry.get("status") == "True"
    ]
    if remaining:
        return "; ".join(remaining)
    finalizers = [*obj["metadata"].get("finalizers", []), *obj.get("spec", {}).get("finalizers", [])]
    return f"its finalizers are {', '.join(finalizers)}" if finalizers else "nothing says why"
