"""A CRD's schema as strict JSON Schema: fields that it does not name are errors, as no API server would say them."""

import re
from collections.abc import Iterator
from typing import Any

import jsonschema

_META = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
_WORDS = (
    "type enum required minimum maximum minLength maxLength minItems maxItems minProperties maxProperties "
    "pattern uniqueItems exclusiveMinimum exclusiveMaximum multipleOf"
)
_KEPT = _WORDS.split()


def errors(obj: dict[str, Any], crd: dict[str, Any]) -> Iterator[str]:
    version = obj["apiVersion"].partition("/")[2]
    served = {each["name"]: each for each in crd["spec"]["versions"] if each["served"]}
    if version not in served:
        yield f"version {version} is not served: {', '.join(served)}"
        return
    root = strict(served[version]["schema"]["openAPIV3Schema"])
    root["properties"] = {**root.get("properties", {}), **_META}
    for error in jsonschema.Draft202012Validator(root).iter_errors(obj):
        yield f"{error.json_path}: {error.message}"


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    """Rules in CEL (`x-kubernetes-validations`) are left to the API server."""
    found = {key: schema[key] for key in _KEPT if key in schema}
    if "pattern" in found:
        # Go takes flags behind the anchor, Python before it.
        found["pattern"] = re.sub(r"^\^(\(\?\w+\))", r"\1^", found["pattern"])
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema and not schema.get("x-kubernetes-int-or-string"):
            found[key] = [{inner: value for inner, value in each.items() if inner in _KEPT} for each in schema[key]]
    if schema.get("x-kubernetes-int-or-string"):
        found["type"] = ["integer", "string"]
    if "properties" in schema:
        found["properties"] = {key: strict(value) for key, value in schema["properties"].items()}
    if "items" in schema:
        found["items"] = strict(schema["items"])
    found |= _rest(schema)
    if schema.get("nullable") and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    return found


def _rest(schema: dict[str, Any]) -> dict[str, Any]:
    """What goes for keys that are not named."""
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return {}
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        return {"additionalProperties": strict(others)}
    return {} if others or schema.get("type") != "object" else {"additionalProperties": False}
