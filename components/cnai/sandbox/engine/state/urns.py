"""Keeps references between a deployment's resources true: aliases resolved, nothing pointing at what is gone."""

from typing import Any

Json = dict[str, Any]
_STACK_TYPE = "pulumi:pulumi:Stack"


def parts(urn: str) -> tuple[str, str, str, str]:
    """`urn:pulumi:STACK::PROJECT::QUALIFIED_TYPE::NAME` in its four parts."""
    stack, project, qualified, name = urn.removeprefix("urn:pulumi:").split("::", 3)
    return stack, project, qualified, name


def _under(urn: str, parent: str) -> str:
    stack, project, qualified, name = parts(urn)
    return f"urn:pulumi:{stack}::{project}::{parts(parent)[2]}${qualified.rsplit('$', 1)[-1]}::{name}"


def _aliased(resources: list[Json]) -> dict[str, str]:
    aliased: dict[str, str] = {}
    for state in resources:
        aliased |= dict.fromkeys(state.get("aliases") or [], state["urn"])
        parent = aliased.get(state.get("parent") or "")
        if parent and parts(parent)[2] != _STACK_TYPE:
            aliased[state["urn"]] = _under(state["urn"], parent)
    return aliased


def normalized(deployment: Json) -> Json:
    """The deployment with every reference by its resource's present URN, as the engine's `NormalizeURNReferences` does."""
    resources: list[Json] = deployment.get("resources") or []
    aliased = _aliased(resources)
    if not aliased:
        return deployment
    new = {**deployment, "resources": [_renamed(state, aliased) for state in resources]}
    if snippets := deployment.get("snippets"):
        new["snippets"] = [_renamed_snippet(snippet, aliased) for snippet in snippets]
    return new


def _renamed(state: Json, aliased: dict[str, str]) -> Json:
    new = {key: value for key, value in state.items() if key != "aliases"}
    for key in ("urn", "parent", "deletedWith", "viewOf"):
        if key in new:
            new[key] = aliased.get(new[key], new[key])
    if provider := new.get("provider"):
        urn, _, provider_id = provider.rpartition("::")
        new["provider"] = f"{aliased.get(urn, urn)}::{provider_id}"
    if "dependencies" in new:
        new["dependencies"] = [aliased.get(urn, urn) for urn in new["dependencies"]]
    if "propertyDependencies" in new:
        by_property = new["propertyDependencies"].items()
        new["propertyDependencies"] = {key: [aliased.get(urn, urn) for urn in urns or []] for key, urns in by_property}
    return new


def _renamed_snippet(snippet: Json, aliased: dict[str, str]) -> Json:
    references = snippet.get("references") or {}
    return {**snippet, "references": {key: aliased.get(urn, urn) for key, urn in references.items()}}


def without_dangling(resources: list[Json]) -> list[Json]:
    """The resources without references to what a refresh found gone."""
    everything = {state["urn"] for state in resources}
    seen: set[str] = set()
    kept: list[Json] = []
    for state in resources:
        new = _without_missing(state, seen)
        if new.get("parent") not in everything:
            new.pop("parent", None)
        kept.append(new)
        seen.add(state["urn"])
    return kept


def _without_missing(state: Json, seen: set[str]) -> Json:
    new = dict(state)
    for key in ("dependencies", "replaceWith"):
        if new.get(key):
            new[key] = [urn for urn in new[key] if urn in seen]
    if by_property := new.get("propertyDependencies"):
        left = {key: [urn for urn in urns or [] if urn in seen] for key, urns in by_property.items()}
        new["propertyDependencies"] = {key: urns for key, urns in left.items() if urns}
    if new.get("deletedWith") not in seen:
        new.pop("deletedWith", None)
    return new
