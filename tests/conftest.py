"""The recording engine: runs a program on Pulumi's mocks and keeps all that it registered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest
from hypothesis import settings
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockMonitor, Mocks, set_mocks

SECRET = "[secret]"

# How long an example takes says more of the machine than of the code.
settings.register_profile("cnai", deadline=None)
settings.load_profile("cnai")


@dataclass(frozen=True)
class Registered:
    """One resource as the program declared it; others are called by `type::name`, secrets are redacted."""

    type: str
    name: str
    parent: str
    inputs: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    """Only what is set: provider, dependsOn, protect, retainOnDelete, deleteBeforeReplace, replaceOnChanges, …"""

    @property
    def key(self) -> str:
        return f"{self.type}::{self.name}"


class Recorder(MockMonitor):
    def __init__(self, mocks: Mocks):
        super().__init__(mocks)
        self.registered: list[Registered] = []

    def RegisterResource(self, request):  # noqa: N802
        if request.type != "pulumi:pulumi:Stack":
            self.registered.append(recorded(request))
        return super().RegisterResource(request)


class Echo(Mocks):
    """Every resource comes out as it went in, with its name for an id."""

    def new_resource(self, args):
        return f"{args.name}-id", dict(args.inputs)

    def call(self, args):
        return {}


def recorded(request) -> Registered:
    named = {
        "provider": short(request.provider.rpartition("::")[0]),
        "providers": {package: short(ref.rpartition("::")[0]) for package, ref in sorted(request.providers.items())},
        "dependsOn": sorted({short(urn) for urn in request.dependencies}),
        "replaceOnChanges": sorted(request.replaceOnChanges),
        "ignoreChanges": sorted(request.ignoreChanges),
        "aliases": len(request.aliases),
        **{key: getattr(request, key) for key in ("protect", "retainOnDelete", "deleteBeforeReplace", "importId")},
    }
    inputs = redacted(rpc.deserialize_properties(request.object, keep_unknowns=True))
    options = {key: value for key, value in named.items() if value}
    return Registered(request.type, request.name, short(request.parent), inputs, options)


def short(urn: str) -> str:
    """`type::name` of a URN, the type without its parents'; empty for the stack."""
    if not urn or "pulumi:pulumi:Stack" in urn.split("::")[2].split("$")[-1]:
        return ""
    _, _, kind, name = urn.removeprefix("urn:pulumi:").split("::")
    return f"{kind.split('$')[-1]}::{name}"


def redacted(value: Any) -> Any:
    if rpc.is_rpc_secret(value):
        return SECRET
    if isinstance(value, dict):
        return {key: redacted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [redacted(each) for each in value]
    # The wire knows only doubles.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Declare = Callable[..., list[Registered]]


@pytest.fixture
def declared() -> Declare:
    """`declared(program)`: what calling `program` registers, in order; `stack` names the stack."""

    def run(program: Callable[[], Any], stack: str = "local") -> list[Registered]:
        mocks = Echo()
        recorder = Recorder(mocks)
        set_mocks(mocks, project="cnai", stack=stack, preview=False, monitor=recorder)

        @pulumi.runtime.test
        def once() -> None:
            program()

        once()
        return recorder.registered

    return run


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-goldens", action="store_true", help="Rewrite tests/goldens/ and stacks/schema.json.")
