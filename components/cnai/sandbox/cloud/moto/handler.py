"""How one type of resource is made in moto: a few functions, under its token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cnai.sandbox.cloud.account import Account
from cnai.sandbox.cloud.backends import Made
from cnai.sandbox.cloud.moto.calls import AwsError, Calls
from cnai.sandbox.cloud.store import CloudResource, How

Inputs = Mapping[str, Any]
Create = Callable[[Calls, Inputs], Made]
Update = Callable[[Calls, CloudResource, Inputs], Made]
Delete = Callable[[Calls, CloudResource], object]
Look = Callable[[Calls, CloudResource], object]


@dataclass(frozen=True, kw_only=True)
class Handler:
    """A `Backend` that lives in moto."""

    make: Create
    drop: Delete
    look: Look
    """Falsy where it is not there."""
    change: Update | None = None
    """None: moto is not told of changes, and has them after its next start."""
    how: How = "moto"

    def create(self, account: Account, seed: str, inputs: Inputs) -> Made:
        return self.make(calls(account, seed, account.region), with_tags(account, inputs))

    def update(self, account: Account, seed: str, record: CloudResource, inputs: Inputs) -> Made:
        if self.change is None:
            return Made()
        return self.change(calls(account, f"{seed}/update", record.region), record, with_tags(account, inputs))

    def delete(self, account: Account, record: CloudResource) -> None:
        try:
            self.drop(calls(account, record.seed, record.region), record)
        except AwsError as error:
            if not error.absent:
                raise

    def exists(self, account: Account, record: CloudResource) -> bool:
        try:
            return bool(self.look(calls(account, record.seed, record.region), record))
        except AwsError as error:
            if error.absent:
                return False
            raise


def with_tags(account: Account, inputs: Inputs) -> Inputs:
    return {**inputs, "tags": {**account.default_tags, **(inputs.get("tags") or {})}}


def calls(account: Account, seed: str, region: str) -> Calls:
    return Calls(account.moto_port, region or account.region, seed)


def absent_is_fine(drop: Delete) -> Delete:
    """For what goes with something that may be gone already."""

    def gone(calls: Calls, record: CloudResource) -> object:
        try:
            return drop(calls, record)
        except AwsError as error:
            if error.absent:
                return None
            raise

    return gone


def tag_list(inputs: Inputs) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted((inputs.get("tags") or {}).items())]


def renamed(given: Mapping[str, Any], **names: str) -> dict[str, Any]:
    """The properties that are there, under AWS's names: `renamed(inputs, cidrBlock="CidrBlock")`."""
    return {theirs: given[ours] for ours, theirs in names.items() if given.get(ours) is not None}
