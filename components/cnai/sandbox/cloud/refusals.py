"""What each cloud says when it has no room: the words that its users know, from `tables/refusals.toml`."""

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources

from cnai.plugin.errors import ProviderError
from cnai.sandbox.cloud.faults import Kind


@functools.cache
def _words() -> Mapping[str, Mapping[str, str]]:
    text = resources.files("cnai.sandbox.cloud").joinpath("tables/refusals.toml").read_text()
    return tomllib.loads(text)


def words(package: str, kind: Kind, **facts: str) -> str:
    said = {"machine": "the machine type", "zone": "the zone", **{key: value for key, value in facts.items() if value}}
    return _words()[package][kind].format(**said)


def refusal(package: str, kind: Kind, **facts: str) -> ProviderError:
    return ProviderError(f"{words(package, kind, **facts)} (a fault injected into the sandbox)")
