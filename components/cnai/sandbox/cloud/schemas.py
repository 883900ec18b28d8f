"""AWS's own resource schemas, as the cfn-lint wheel carries them: required, enum and create-only properties."""

import functools
import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from cnai.plugin.values import Computed, plain
from cnai.sandbox.cloud.tables import Row

Step = str | int
Path_ = tuple[Step, ...]
REGION = "us-east-1"
"""It has every type; none of what we read differs by region."""
Problem = tuple[str, str]


@functools.cache
def _data() -> Path | None:
    """Where the wheel keeps them, found without importing it; None where it is not installed."""
    found = importlib.util.find_spec("cfnlint")
    return Path(found.origin).parent / "data/schemas" if found and found.origin else None


@functools.cache
def schema_of(name: str) -> "Schema | None":
    folder = _data()
    if folder is None or not name:
        return None
    index: dict[str, str] = json.loads((folder / f"providers/{REGION}.json").read_text())
    document: dict[str, Any] = json.loads((folder / f"resources/{index[name]}.json").read_text())
    return Schema(document)


@dataclass(frozen=True)
class Schema:
    document: Mapping[str, Any]

    @property
    def create_only(self) -> frozenset[tuple[str, ...]]:
        paths: list[str] = self.document.get("createOnlyProperties") or []
        return frozenset(tuple(path.split("/")[2:]) for path in paths)

    def resolved(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        """A part of the schema, with its reference followed."""
        reference: str = part.get("$ref", "")
        if not reference.startswith("#/"):
            return part
        found: Any = self.document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return found


def replaces(row: Row, path: Path_) -> bool:
    """Whether the schema says that this property makes another resource."""
    schema = schema_of(row.schema)
    if schema is None or path[0] in ("tags", "tagsAll"):
        return False
    theirs = translated(row, path)
    return any(theirs[: len(entry)] == entry for entry in schema.create_only)


def translated(row: Row, path: Path_) -> tuple[str, ...]:
    """Our property path as the schema's: `vpcConfig.subnetIds[0]` is `ResourcesVpcConfig/SubnetIds`."""
    steps = [step for step in path if isinstance(step, str)]
    for size in range(len(steps), 0, -1):
        if (renamed := row.rename.get(".".join(steps[:size]))) is not None:
            return (*filter(None, renamed.split("/")), *map(_capital, steps[size:]))
    return tuple(map(_capital, steps))


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _ours(row: Row, theirs: str) -> str:
    return next((key for key, name in row.rename.items() if name == theirs), theirs[:1].lower() + theirs[1:])


def problems(row: Row, inputs: Mapping[str, Any]) -> Iterator[Problem]:
    """What the schema refuses of these inputs: the property's path, and why."""
    schema = schema_of(row.schema)
    if schema is not None:
        yield from _object(row, schema, schema.document, plain(dict(inputs)), ())


def _object(
    row: Row, schema: Schema, part: Mapping[str, Any], value: Mapping[str, Any], path: Path_
) -> Iterator[Problem]:
    ours = {translated(row, (*path, key))[-1]: key for key in value if translated(row, (*path, key))}
    for wanted in part.get("required") or ():
        if wanted not in ours and wanted not in row.optional:
            yield _shown((*path, _ours(row, wanted))), f"is required ({row.schema}: {wanted})"
    for theirs, key in ours.items():
        inner = (part.get("properties") or {}).get(theirs)
        # Tags are a list of pairs there, and a mapping with every provider.
        if inner is not None and key not in ("tags", "tagsAll"):
            yield from _value(row, schema, schema.resolved(inner), value[key], (*path, key))


def _value(row: Row, schema: Schema, part: Mapping[str, Any], value: Any, path: Path_) -> Iterator[Problem]:
    if isinstance(value, Computed):
        return
    if isinstance(value, dict):
        # What the schema has as a list of at most one, the provider has as an object.
        body = schema.resolved(part["items"]) if part.get("type") == "array" and "items" in part else part
        yield from _object(row, schema, body, cast("dict[str, Any]", value), path)
    elif isinstance(value, list):
        body = schema.resolved(part["items"]) if "items" in part else part
        for index, item in enumerate(cast("list[Any]", value)):
            yield from _value(row, schema, body, item, (*path, index))
    elif (allowed := part.get("enum")) and value not in allowed:
        yield _shown(path), f"expected one of {', '.join(map(str, allowed))}, got {value}"


def _shown(path: Path_) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")
