"""Leaves out what blocks the API server when its server does not run: webhooks, conversions, API services."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

Object = dict[str, Any]
WEBHOOKS = frozenset({"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"})
SUSPICIOUS = (*sorted(WEBHOOKS), "APIService", "conversion")
"""Without one of these words in its text an object has nothing to leave out."""
NO_SERVER = "its server does not run here"
BRINGS_ITS_OWN = "brings its own, since it runs outside the cluster"
NO_CONVERSION = "its conversion webhook does not run here: versions are stored as given"


@dataclass(frozen=True)
class LeftOut:
    """One object, or one part of it, that a real cluster would have."""

    kind: str
    name: str
    reason: str


def stripped(objects: Iterable[Object], served: Mapping[str, str] | None = None) -> tuple[list[Object], list[LeftOut]]:
    """What can work in the sandbox, and what was left out with the reason.

    `served` maps API groups to the real controller that works on them and brings webhooks of its own; by default all
    controllers that the sandbox knows.
    """
    groups = _all_served() if served is None else served
    kept: list[Object] = []
    left_out: list[LeftOut] = []
    for obj in objects:
        fit, gone = _fitted(obj, groups)
        kept += [fit] if fit is not None else []
        left_out += gone
    return kept, left_out


def _all_served() -> dict[str, str]:
    from cnai.sandbox.controllers.specs import served_groups  # not needed where the caller knows them

    return served_groups()


def without_controller(left_out: Iterable[LeftOut], why: str) -> list[LeftOut]:
    """The same, where the real controller that was to bring its own does not run after all."""
    return [replace(row, reason=why) if row.reason.endswith(BRINGS_ITS_OWN) else row for row in left_out]


def _fitted(obj: Object, served: Mapping[str, str]) -> tuple[Object | None, list[LeftOut]]:
    kind = str(obj.get("kind", ""))
    name = str((obj.get("metadata") or {}).get("name", ""))
    if kind.endswith("List") and isinstance(obj.get("items"), list):
        kept, left_out = stripped(obj["items"], served)
        return (obj if not left_out else {**obj, "items": kept}), left_out
    if kind in WEBHOOKS and _calls_a_service(obj):
        return None, [LeftOut(kind, name, _why(obj, served))]
    spec = cast("Object", obj.get("spec") or {})
    if kind == "APIService" and spec.get("service"):
        return None, [LeftOut(kind, name, NO_SERVER)]
    if kind == "CustomResourceDefinition" and (spec.get("conversion") or {}).get("strategy") == "Webhook":
        plain = {**obj, "spec": {**spec, "conversion": {"strategy": "None"}}}
        return plain, [LeftOut(kind, name, NO_CONVERSION)]
    return obj, []


def _calls_a_service(obj: Object) -> bool:
    """Not those that call a URL: where that is, is not for the sandbox to judge."""
    webhooks = cast("list[Object]", obj.get("webhooks") or [])
    return any("url" not in (webhook.get("clientConfig") or {}) for webhook in webhooks)


def _why(obj: Object, served: Mapping[str, str]) -> str:
    """Pod webhooks of a real controller come with others on its own kinds, so one known group is enough."""
    for webhook in cast("list[Object]", obj.get("webhooks") or []):
        for rule in cast("list[Object]", webhook.get("rules") or []):
            for group in rule.get("apiGroups") or []:
                if controller := served.get(group):
                    return f"the real {controller} controller {BRINGS_ITS_OWN}"
    return NO_SERVER
