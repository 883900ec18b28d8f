"""Properties on Pulumi's wire as plain values, and a changed resource back as it came."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from cnai.policy.values import SENTINELS, SIGNATURE, Unknown, plain, rewrapped


def decoded(properties: Struct) -> dict[str, Any]:
    """Secrets are unwrapped: rules look at them, and messages never show a value of a preview."""
    return {key: _value(each) for key, each in properties.fields.items()}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return Unknown(text) if text in SENTINELS else text
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE in fields:
            return plain(json_format.MessageToDict(value.struct_value))
        return {key: _value(each) for key, each in fields.items()}
    if kind == "list_value":
        return [_value(each) for each in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return value.bool_value if kind == "bool_value" else None


def encoded(changed: Mapping[str, Any], original: Struct) -> Struct:
    """What was secret stays secret, what was unknown keeps its mark."""
    struct = Struct()
    struct.update(rewrapped(changed, json_format.MessageToDict(original)))
    return struct
