"""What exists in the simulated cloud: one small file per resource under `.cnai/<env>/cloud/records/`.

It is to a sandbox what the cloud itself is elsewhere: a refresh reads it, and a restarted moto is filled from it.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

from cnai.files import write_atomically
from cnai.paths import SandboxDir
from cnai.plugin.values import Secret

How = Literal["moto", "echo"]
HIDDEN = "sha256:"
"""What stands for a secret: enough to tell whether it changed."""


@dataclass(frozen=True, kw_only=True)
class CloudResource:
    """One resource that exists."""

    package: str
    token: str
    id: str
    urn: str
    seed: str
    """What its made-up values come from."""
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    region: str = ""
    how: How = "echo"
    checked: bool = True
    """Whether its properties were held against anything."""
    made: int = field(default_factory=time.time_ns)
    """When, in nanoseconds: the order in which a restarted moto makes everything again."""


class Store:
    """The plugin's processes share it: each resource has a file of its own."""

    def __init__(self, sandbox: SandboxDir) -> None:
        self._folder = sandbox.cloud / "records"

    def put(self, record: CloudResource) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        shown = replace(record, inputs=without_secrets(record.inputs), outputs=without_secrets(record.outputs))
        write_atomically(self._file(record.token, record.id), json.dumps(asdict(shown)))

    def get(self, token: str, given: str) -> CloudResource | None:
        return _read(self._file(token, given))

    def remove(self, token: str, given: str) -> None:
        self._file(token, given).unlink(missing_ok=True)

    def all(self, *tokens: str) -> list[CloudResource]:
        """Of these types, or all there are; the oldest first."""
        found = (record for path in self._files(tokens) if (record := _read(path)))
        return sorted(found, key=lambda record: record.made)

    def fresh_seed(self, urn: str) -> str:
        """The same for a resource each time it is made, unless a predecessor still exists."""
        taken = {record.seed for record in self.all() if record.urn == urn}
        names = (hashlib.sha256(f"{urn}#{number}".encode()).hexdigest()[:32] for number in range(len(taken) + 1))
        return next(name for name in names if name not in taken)

    def _files(self, tokens: tuple[str, ...]) -> Iterator[Path]:
        for token in tokens or ("",):
            yield from self._folder.glob(f"{_slug(token)}.*.json" if token else "*.json")

    def _file(self, token: str, given: str) -> Path:
        return self._folder / f"{_slug(token)}.{hashlib.sha256(given.encode()).hexdigest()[:24]}.json"


def _slug(token: str) -> str:
    """`aws:ec2/vpc:Vpc` is `aws-ec2-vpc-Vpc`."""
    return token.replace(":", "-").replace("/", "-")


def _read(path: Path) -> CloudResource | None:
    try:
        return CloudResource(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None


def without_secrets(value: Any) -> Any:
    """The value with a digest in each secret's place: nothing secret is written beside the engine's own state."""
    if isinstance(value, Secret):
        text = json.dumps(without_secrets(value.value), sort_keys=True)
        return HIDDEN + hashlib.sha256(text.encode()).hexdigest()[:16]
    if isinstance(value, Mapping):
        return {key: without_secrets(inner) for key, inner in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list):
        return [without_secrets(inner) for inner in cast("list[Any]", value)]
    return value
