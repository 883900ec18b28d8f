"""Manifests as a component's children: parsed, flattened, and put in an order in which the API server takes them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import yaml

from cnai.charts.documents import LOADER
from cnai.charts.errors import ChartError

Object = dict[str, Any]
DEFINITION = "CustomResourceDefinition"
SKIP_AWAIT = "pulumi.com/skipAwait"


def parsed(text: str, source: str) -> list[Object]:
    """All objects of a YAML stream, lists taken apart; `source` is how an error names it."""
    try:
        documents = list(yaml.load_all(text, LOADER))
    except yaml.YAMLError as error:
        raise ChartError(f"{source} is not valid YAML: {' '.join(str(error).split())}") from error
    return flattened((document for document in documents if document), source)


def flattened(documents: Iterable[Any], source: str) -> list[Object]:
    objects: list[Object] = []
    for document in documents:
        if not isinstance(document, dict):
            raise ChartError(f"{source} has a document that is not a Kubernetes object: {str(document)[:80]!r}")
        obj = cast("Object", document)
        if str(obj.get("kind", "")).endswith("List") and isinstance(obj.get("items"), list):
            objects += flattened(obj["items"], source)
            continue
        if not (obj.get("apiVersion") and obj.get("kind") and (obj.get("metadata") or {}).get("name")):
            shown = f"{obj.get('apiVersion')} {obj.get('kind')} {(obj.get('metadata') or {}).get('name')}"
            raise ChartError(f"{source}: every object needs apiVersion, kind and metadata.name, got {shown}")
        objects.append(obj | {"apiVersion": str(obj["apiVersion"]).removeprefix("core/")})
    return objects


def placed(objects: Sequence[Object], namespace: str, is_namespaced: Callable[[str, str], bool]) -> list[Object]:
    """The objects with the default namespace where their kind has one and they name none."""
    scopes = {
        (definition["spec"]["group"], definition["spec"]["names"]["kind"]): definition["spec"].get("scope")
        for definition in objects
        if definition["kind"] == DEFINITION
    }

    def needs_one(obj: Object) -> bool:
        if obj["metadata"].get("namespace"):
            return False
        scope = scopes.get((_group(obj), obj["kind"]))
        return scope == "Namespaced" if scope else is_namespaced(obj["apiVersion"], obj["kind"])

    return [
        obj | {"metadata": {**obj["metadata"], "namespace": namespace}} if needs_one(obj) else obj for obj in objects
    ]


def levels(objects: Sequence[Object]) -> tuple[list[Object], list[Object]]:
    """What others need (namespaces and definitions), then the rest, each in the order given."""
    first = [obj for obj in objects if _is_needed(obj)]
    return first, [obj for obj in objects if not _is_needed(obj)]


def needs(obj: Object, first: Sequence[Object]) -> list[Object]:
    """Those of `first` without which an object cannot be: its namespace, and the definition of its kind."""

    def needed(other: Object) -> bool:
        if other["kind"] == "Namespace":
            return other["metadata"]["name"] == obj["metadata"].get("namespace")
        spec = other["spec"]
        return (spec["group"], spec["names"]["kind"]) == (_group(obj), obj["kind"])

    return [other for other in first if needed(other)]


def child_name(obj: Object, prefix: str) -> str:
    """`prefix:namespace/name`, as upstream names them."""
    metadata = obj["metadata"]
    name = f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else metadata["name"]
    return f"{prefix}:{name}" if prefix else name


def without_await(obj: Object) -> Object:
    metadata = obj["metadata"]
    annotations = {**(metadata.get("annotations") or {}), SKIP_AWAIT: "true"}
    return obj | {"metadata": {**metadata, "annotations": annotations}}


def _is_needed(obj: Object) -> bool:
    return (obj["kind"] == "Namespace" and obj["apiVersion"] == "v1") or obj["kind"] == DEFINITION


def _group(obj: Object) -> str:
    return obj["apiVersion"].rpartition("/")[0]
