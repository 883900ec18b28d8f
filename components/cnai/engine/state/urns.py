"""Keeps references between a deployment's resources true: aliases resolved, nothing pointing at what is gone."""

from typing import Any

Json = dict[str, Any]
_REFERENCES = ("dependencies", "replaceWith", "propertyDependencies", "deletedWith")
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
    """The deployment with every reference by its resource's present URN: the engine's `NormalizeURNReferences`."""
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
        renamed = {key: [aliased.get(urn, urn) for urn in urns or []] for key, urns in _by_property(state).items()}
        new["propertyDependencies"] = renamed
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
    left = {key: [urn for urn in urns or [] if urn in seen] for key, urns in _by_property(state).items()}
    new = dict(state)
    new["propertyDependencies"] = {key: urns for key, urns in left.items() if urns}
    for key in ("dependencies", "replaceWith"):
        new[key] = [urn for urn in state.get(key) or [] if urn in seen]
    new["deletedWith"] = state.get("deletedWith") if state.get("deletedWith") in seen else None
    return {key: value for key, value in new.items() if value or key not in _REFERENCES}


def _by_property(state: Json) -> dict[str, list[str]]:
    return state.get("propertyDependencies") or {}
