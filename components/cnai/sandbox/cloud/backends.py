"""Where a resource really lives: in moto, where that has it, else nowhere but in its record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cnai.sandbox.cloud.account import Account
from cnai.sandbox.cloud.store import CloudResource, How


@dataclass(frozen=True)
class Made:
    """What a backend says of a resource that it made or changed."""

    id: str = ""
    """Empty: the table's template gives it."""
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What it knows better than the table's templates."""


class Backend(Protocol):
    """Of one type. Its methods raise `ProviderError` in the cloud's words."""

    @property
    def how(self) -> How: ...

    def create(self, account: Account, seed: str, inputs: Mapping[str, Any]) -> Made: ...

    def update(self, account: Account, seed: str, record: CloudResource, inputs: Mapping[str, Any]) -> Made: ...

    def delete(self, account: Account, record: CloudResource) -> None: ...

    def exists(self, account: Account, record: CloudResource) -> bool: ...


class Echo:
    """Accepts whatever it is given."""

    how: How = "echo"

    def create(self, account: Account, seed: str, inputs: Mapping[str, Any]) -> Made:
        del account, seed, inputs
        return Made()

    def update(self, account: Account, seed: str, record: CloudResource, inputs: Mapping[str, Any]) -> Made:
        del account, seed, record, inputs
        return Made()

    def delete(self, account: Account, record: CloudResource) -> None:
        del account, record

    def exists(self, account: Account, record: CloudResource) -> bool:
        del account, record
        return True


ECHO = Echo()
