"""One document as resources: an object, a list of objects, or what `pulumi preview --json` and `stack export` print."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from cnai.policy.model import Resource
from cnai.policy.reading.problems import Problem
from cnai.policy.values import SECRET, SIGNATURE, plain


def resources(document: Any, source: str, *, strict: bool) -> Iterator[Resource | Problem]:
    """`strict` if this document was named explicitly: then it must be something that rules can check."""
    if isinstance(document, list):
        for each in cast("list[Any]", document):
            yield from resources(each, source, strict=strict)
    elif not isinstance(document, dict):
        if strict:
            yield Problem(source, "it is not a Kubernetes object, but plain text or a number")
    else:
        yield from _of_mapping(cast("dict[str, Any]", document), source, strict)


def _of_mapping(document: dict[str, Any], source: str, strict: bool) -> Iterator[Resource | Problem]:
    version, kind = document.get("apiVersion"), document.get("kind")
    if isinstance(version, str) and isinstance(kind, str) and version and kind:
        yield from _of_object(document, source, version, kind)
    elif (declared := _of_pulumi(document)) is not None:
        yield from _declared(declared, source)
    elif "kind" in document or "apiVersion" in document:
        yield Problem(source, "every object needs apiVersion and kind, both strings")
    elif strict and document:
        yield Problem(source, "it is not a Kubernetes object: it has neither apiVersion nor kind")


def _of_object(document: dict[str, Any], source: str, version: str, kind: str) -> Iterator[Resource | Problem]:
    if not (kind.endswith("List") and "items" in document):
        yield Resource(document, source=source)
        return
    items = document["items"]
    if not isinstance(items, list | None):
        yield Problem(source, f"{kind}: `items` must be a list")
        return
    for item in cast("list[Any]", items or []):
        if isinstance(item, dict):
            # The items of a typed list, as the API server gives it, do not say what they are.
            typed = {} if kind == "List" else {"apiVersion": version, "kind": kind.removesuffix("List")}
            yield from _of_mapping(typed | cast("dict[str, Any]", item), source, strict=True)
        else:
            yield Problem(source, f"{kind}: an item is not an object")


def _of_pulumi(document: Mapping[str, Any]) -> list[Any] | None:
    """The states in a preview's or an exported stack's JSON; None where it is neither."""
    steps, deployment = document.get("steps"), document.get("deployment")
    if isinstance(steps, list):
        # A step that deletes has no new state.
        said = [each.get("newState", ...) if isinstance(each, dict) else each for each in cast("list[Any]", steps)]
        found = [state for state in said if state is not ... and state is not None]
        return found if any(isinstance(state, dict) for state in found) or not steps else None
    if isinstance(deployment, dict):
        resources = cast("dict[str, Any]", deployment).get("resources") or []
        return cast("list[Any]", resources) if isinstance(resources, list) else [resources]
    return None


def _declared(states: Iterable[Any], source: str) -> Iterator[Resource | Problem]:
    for given in states:
        state: dict[str, Any] = given if isinstance(given, dict) else {}
        token, urn, inputs = str(state.get("type", "")), str(state.get("urn", "")), state.get("inputs") or {}
        if "::" not in urn or not isinstance(inputs, dict):
            yield Problem(source, "a resource of this preview has no URN, or its inputs are not a map")
            continue
        yield Resource(plain(_shown(inputs)), type=token, logical_name=urn.rpartition("::")[2], source=source)


def _shown(value: Any) -> Any:
    """Secrets as a placeholder, whether they are encrypted or in clear."""
    if isinstance(value, dict):
        inside = cast("dict[str, Any]", value)
        return SECRET if SIGNATURE in inside else {key: _shown(each) for key, each in inside.items()}
    return [_shown(each) for each in cast("list[Any]", value)] if isinstance(value, list) else value
