"""What is known of each type: its ids and outputs, which properties are required, and which replace it."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

PACKAGES = ("aws", "gcp", "azure-native")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One type of a package; one that no table names is echoed and reported as unchecked."""

    token: str
    id: str = "{uuid}"
    """Template of the provider's id."""
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Templates of what the provider computes; what the program gave wins."""
    name: str = ""
    """The property that the provider fills with a name where the program gives none."""
    required: tuple[str, ...] = ()
    enums: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Property path → what it may be."""
    replace: tuple[str, ...] = ()
    """Property paths whose change makes another resource."""
    in_place: tuple[str, ...] = ()
    """What the schema calls create-only and the provider all the same updates."""
    volatile: tuple[str, ...] = ()
    """Outputs that an update may change."""
    secret: tuple[str, ...] = ()
    """Outputs that are secret."""
    schema: str = ""
    """AWS's own type, whose schema is looked into as well."""
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where the schema's property is not just ours with a capital."""
    optional: tuple[str, ...] = ()
    """What the schema requires and the provider fills in."""
    role: str = ""
    """`cluster` or `group`: what stands for something in the control plane."""
    source: str = ""
    """Where required, enums and replace are from."""
    known: bool = True
    """Whether a table has it."""

    @property
    def checked(self) -> bool:
        """Whether anything says what is right for this type."""
        return bool(self.schema or self.source)


@functools.cache
def rows(package: str) -> Mapping[str, Row]:
    text = resources.files("cnai.sandbox.cloud").joinpath(f"tables/{package}.toml").read_text()
    document: dict[str, dict[str, Any]] = tomllib.loads(text)
    return {token: _row(token, given) for token, given in document.items() if token.startswith(f"{package}:")}


@functools.cache
def row(package: str, token: str) -> Row:
    return rows(package).get(token) or Row(token=token, known=False)


def _row(token: str, given: Mapping[str, Any]) -> Row:
    lists: dict[str, Any] = {key: tuple(value) for key, value in given.items() if isinstance(value, list)}
    enums = {path: tuple(values) for path, values in given.get("enums", {}).items()}
    fields: dict[str, Any] = {**given, **lists, "enums": enums}
    return Row(token=token, **fields)


@functools.cache
def facts(package: str) -> Mapping[str, Any]:
    """The account that everything here belongs to, and the answers to functions."""
    text = resources.files("cnai.sandbox.cloud").joinpath(f"tables/{package}-account.toml").read_text()
    return tomllib.loads(text)
