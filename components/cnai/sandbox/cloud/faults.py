"""Faults to inject, from `.cnai/<env>/faults.yaml`: re-read for each operation.

- on: "aws:eks/nodeGroup:NodeGroup"     # a type, or "*"
  match: {nodeGroupName: h100}           # inputs that must be so; all where left out
  error: capacity                        # quota, capacity or throttling
  times: 2                               # how often it happens; for ever where left out
- no_capacity: {machine: p5.48xlarge, zone: us-east-1a, capacity: on-demand}
"""

import fcntl
import json
import os
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cnai.errors import UserError
from cnai.paths import SandboxDir
from cnai.plugin.values import plain
from cnai.sandbox.cloud.templates import at

Kind = Literal["quota", "capacity", "throttling"]
KINDS: tuple[Kind, ...] = ("quota", "capacity", "throttling")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fault(_Strict):
    """An operation that fails."""

    on: str
    match: dict[str, Any] = Field(default_factory=dict[str, Any])
    error: Kind
    times: Annotated[int, Field(ge=1)] | None = None


class NoCapacity(_Strict):
    """Machines that the cloud has none of; what is left out holds for all."""

    machine: str = "*"
    zone: str = "*"
    capacity: str = "*"

    def hits(self, machine: str, zone: str, capacity: str) -> bool:
        pairs = ((self.machine, machine), (self.zone, zone), (self.capacity, capacity))
        return all(fnmatchcase(given, pattern) for pattern, given in pairs)


class Shortage(_Strict):
    no_capacity: NoCapacity


_FILE: TypeAdapter[list[Fault | Shortage]] = TypeAdapter(list[Fault | Shortage])


def read(path: Path) -> list[Fault | Shortage]:
    """The file's entries; none where it is not there. Raises `UserError` where it says something else."""
    try:
        document: Any = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read as YAML: {' '.join(str(error).split())}") from error
    try:
        return _FILE.validate_python(_spelled(document or []))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"] if step not in ("Fault", "Shortage"))
        raise UserError(
            f"{path}: entry {where}: {first['msg']}; an entry is {{on, match, error, times}} with an error of "
            "quota, capacity or throttling, or {no_capacity: {machine, zone, capacity}}"
        ) from error


def _spelled(document: Any) -> Any:
    """YAML 1.1 takes the key `on` for a truth value."""
    if not isinstance(document, list):
        return document
    entries = cast("list[Any]", document)
    return [
        {"on" if key is True else key: value for key, value in cast("dict[Any, Any]", each).items()}
        if isinstance(each, dict)
        else each
        for each in entries
    ]


class Faults:
    """The faults of one environment; counts how often each has happened, over all processes."""

    def __init__(self, sandbox: SandboxDir) -> None:
        self._path = sandbox.faults
        self._counts = sandbox.cloud / "faults.json"

    def strike(self, token: str, inputs: Mapping[str, Any], kinds: Collection[Kind] = KINDS) -> Kind | None:
        """The fault of these kinds that hits this operation, counted as having happened."""
        if not self._path.exists():
            return None
        for index, fault in enumerate(read(self._path)):
            if not isinstance(fault, Fault) or fault.error not in kinds:
                continue
            if _matches(fault, token, inputs) and self._count(index, fault.times):
                return fault.error
        return None

    def lacking(self, machine: str, zones: list[str], capacity: str) -> bool:
        """Whether none of the zones has this machine by this route."""
        shortages = [entry.no_capacity for entry in read(self._path) if isinstance(entry, Shortage)]
        places = zones or [""]
        return all(any(each.hits(machine, zone, capacity) for each in shortages) for zone in places)

    def _count(self, index: int, times: int | None) -> bool:
        if times is None:
            return True
        stamp = f"{self._path.stat().st_mtime_ns}/{index}"
        with self._counted() as counts:
            counts[stamp] = counts.get(stamp, 0) + 1
            return counts[stamp] <= times

    @contextmanager
    def _counted(self) -> Generator[dict[str, int]]:
        self._counts.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._counts, os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            text = file.read()
            counts: dict[str, int] = json.loads(text) if text else {}
            yield counts
            file.seek(0)
            file.truncate()
            file.write(json.dumps(counts))


def _matches(fault: Fault, token: str, inputs: Mapping[str, Any]) -> bool:
    named = fnmatchcase(token, fault.on)
    return named and all(_same(at(inputs, path), wanted) for path, wanted in fault.match.items())


def _same(found: Any, wanted: Any) -> bool:
    value = plain(found)
    return fnmatchcase(value, wanted) if isinstance(value, str) and isinstance(wanted, str) else value == wanted
