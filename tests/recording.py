"""The recording engine: runs a program on Pulumi's mocks and keeps all that it registered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockMonitor, Mocks

SECRET = "[secret]"


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
