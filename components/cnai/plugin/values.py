"""Pulumi property values: protobuf Structs to plain Python and back, with secrets and unknowns.

The SDK's own (de)serialisers resolve outputs and walk every value several times; a provider needs neither, and converts
each object of an `up` some ten times.
"""

import functools
import struct as packing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from google.protobuf.struct_pb2 import Struct, Value

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
_SIGNATURE_BYTES: Final = SIGNATURE.encode()
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
RESOURCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
ASSETS: Final = frozenset({"c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7"})
_UNKNOWN_PREFIX: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Computed:
    """A value that only the coming update will know."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Computed()


@dataclass(frozen=True)
class Secret:
    """A value that state and display must not show in clear text."""

    value: Any


def decode(struct: Struct) -> dict[str, Any]:
    """A Struct as Python, with `Secret` and `UNKNOWN` where they are; whole numbers become int, nulls are dropped."""
    raw = struct.SerializeToString()
    special = _SIGNATURE_BYTES in raw or _UNKNOWN_PREFIX.encode() in raw
    return _special_dict(struct) if special else _plain_dict(struct)


def _plain_dict(struct: Struct) -> dict[str, Any]:
    return {key: _plain(value) for key, value in struct.fields.items() if value.WhichOneof("kind") != "null_value"}


def _plain(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "struct_value":
        return _plain_dict(value.struct_value)
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    if kind == "bool_value":
        return value.bool_value
    return _number(value.number_value) if kind == "number_value" else None


def _number(number: float) -> int | float:
    return int(number) if number.is_integer() else number


def _special_dict(struct: Struct) -> dict[str, Any]:
    return {key: _special(value) for key, value in struct.fields.items() if value.WhichOneof("kind") != "null_value"}


def _special(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if text.startswith(_UNKNOWN_PREFIX) else text
    if kind == "struct_value":
        fields = value.struct_value.fields
        return _signed(value.struct_value) if SIGNATURE in fields else _special_dict(value.struct_value)
    if kind == "list_value":
        return [_special(item) for item in value.list_value.values]
    return _plain(value)


def _signed(struct: Struct) -> Any:
    signature = struct.fields[SIGNATURE].string_value
    if signature == SECRET:
        return Secret(_special(struct.fields["value"]))
    if signature == OUTPUT:
        inner = _special(struct.fields["value"]) if "value" in struct.fields else UNKNOWN
        return Secret(inner) if struct.fields["secret"].bool_value else inner
    if signature == RESOURCE:
        return struct.fields["id"].string_value or struct.fields["urn"].string_value
    return _special_dict(struct)


def plain(value: Any) -> Any:
    """The value without its `Secret` wrappers; shares what has none."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [plain(inner) for inner in cast("list[Any]", value)]
    return value


def contains(value: Any, kind: type) -> bool:
    """Whether a `Secret` or an `Unknown` is somewhere inside."""
    if isinstance(value, kind):
        return True
    if isinstance(value, Secret):
        return contains(value.value, kind)
    if isinstance(value, dict):
        return any(contains(inner, kind) for inner in cast("dict[str, Any]", value).values())
    if isinstance(value, list):
        return any(contains(inner, kind) for inner in cast("list[Any]", value))
    return False


def marked(outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """`outputs` with `Secret` wherever `inputs` had one; an array with a secret in it is secret as a whole.

    The data of a Kubernetes Secret is always secret.
    """
    result = dict(outputs)
    if result.get("kind") == "Secret":
        for key in ("data", "stringData"):
            if key in result and not isinstance(result[key], Secret):
                result[key] = Secret(result[key])
        return result
    for key, given in inputs.items():
        if key not in result:
            continue
        seen = result[key]
        if isinstance(seen, dict) and isinstance(given, dict):
            result[key] = marked(cast("dict[str, Any]", seen), cast("dict[str, Any]", given))
        elif contains(given, Secret) and not isinstance(seen, Secret):
            result[key] = Secret(plain(seen))
    return result


def encode(value: Mapping[str, Any]) -> Struct:
    """Python as a Struct, written in protobuf's wire format: several times faster than through its Python objects."""
    return Struct.FromString(_struct(value))


def _varint(number: int) -> bytes:
    if number < 0x80:
        return _ONE_BYTE[number]
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


_ONE_BYTE: Final = [bytes([number]) for number in range(0x80)]


@functools.lru_cache(maxsize=4096)
def _key(key: str) -> bytes:
    name = key.encode()
    return b"\x0a" + _varint(len(name)) + name


def _struct(mapping: Mapping[str, Any]) -> bytes:
    parts: list[bytes] = []
    for key, value in mapping.items():
        name, body = _key(key), _value(value)
        size = _varint(len(body))
        parts += (b"\x0a", _varint(len(name) + 1 + len(size) + len(body)), name, b"\x12", size, body)
    return b"".join(parts)


def _value(value: Any) -> bytes:
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        raise TypeError(f"a property cannot hold {type(value).__name__}")
    return encoder(value)


def _text(value: str) -> bytes:
    text = value.encode()
    return b"\x1a" + _varint(len(text)) + text


def _mapping(value: Mapping[str, Any]) -> bytes:
    body = _struct(value)
    return b"\x2a" + _varint(len(body)) + body


def _sequence(value: Sequence[Any]) -> bytes:
    items = [_value(item) for item in value]
    body = b"".join(b"\x0a" + _varint(len(item)) + item for item in items)
    return b"\x32" + _varint(len(body)) + body


def _double(value: float) -> bytes:
    return b"\x11" + packing.pack("<d", value)


_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    str: _text,
    dict: _mapping,
    bool: lambda value: b"\x20\x01" if value else b"\x20\x00",
    int: _double,
    float: _double,
    list: _sequence,
    tuple: _sequence,
    type(None): lambda _: b"\x08\x00",
    Secret: lambda secret: _mapping({SIGNATURE: SECRET, "value": secret.value}),
    Computed: lambda _: _text(_UNKNOWN_PREFIX),
}


def text_at(struct: Struct, *path: str) -> str:
    """The string at a path of a Struct, "" where there is none, without converting the rest."""
    here = struct
    for key in path[:-1]:
        if key not in here.fields:
            return ""
        here = here.fields[key].struct_value
    return here.fields[path[-1]].string_value if path[-1] in here.fields else ""
