"""A recording engine: runs a program on Pulumi's mocks, without engine or network, and keeps all that it registers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pulumi
from google.protobuf.json_format import MessageToDict
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks, set_mocks

from cnai.policy.values import SECRET as SECRET
from cnai.policy.values import SECRET_SIGNATURE, SIGNATURE


@dataclass(frozen=True)
class Registered:
    """One resource as the program declared it; others are called by `type::name`, secrets are redacted."""

    type: str
    name: str
    parent: str
    inputs: dict[str, Any]
    """A property with a secret anywhere inside is a secret as a whole, unless `record` is asked not to."""
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    """Only what is set: provider, dependsOn, protect, retainOnDelete, deleteBeforeReplace, replaceOnChanges, …"""

    @property
    def key(self) -> str:
        return f"{self.type}::{self.name}"


Reads = Callable[[Any], dict[str, Any]]
"""A request's properties as plain values."""


def record(
    program: Callable[[], Any], project: str, stack: str, *, preview: bool = False, reads: Reads | None = None
) -> list[Registered]:
    """What calling `program` registers, in order. In a preview, what only a provider would say is not known.

    Raises what the program raises.
    """
    recorder = Recorder(Echo(preview), reads or whole)
    set_mocks(recorder.mocks, project=project, stack=stack, preview=preview, monitor=recorder)

    @pulumi.runtime.test
    def once() -> None:
        program()

    once()
    return recorder.registered


MADE_UP = ("arn", "bucket", "name", "url")
"""What clouds make up for a resource that does not say it, and other resources refer to."""


CLUSTER = ("kubernetes:", "pulumi:", "cnai:")
"""Types that no cloud provides."""


def made_up_id(name: str) -> str:
    return f"{name}-id"


class Echo(Mocks):
    """Every resource comes out as it went in, and with an id and a few names made of its own; in a preview only those
    of clouds: what a cluster will say is not known, and policies, roles and logs are to be read before they are there.
    """

    def __init__(self, preview: bool = False) -> None:
        self._preview = preview

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = answered(args.inputs)
        if self._preview and args.typ.startswith(CLUSTER):
            return None, inputs
        return made_up_id(args.name), {**{key: f"{args.name}-{key}" for key in MADE_UP}, **inputs}

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        return {}, []


def answered(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """As Azure answers: the identities that a resource has go in as a list, and come out as a mapping by ID."""
    identity = inputs.get("identity")
    if not isinstance(identity, dict) or "userAssignedIdentities" not in identity:
        return dict(inputs)
    named = cast("dict[str, Any]", identity)
    return {**inputs, "identity": {**named, "userAssignedIdentities": {}}}


class Recorder(MockMonitor):
    def __init__(self, mocks: Mocks, reads: Reads) -> None:
        super().__init__(mocks)
        self._reads = reads
        self.registered: list[Registered] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        if request.type != "pulumi:pulumi:Stack":
            self.registered.append(recorded(request, self._reads))
        return super().RegisterResource(request)


def recorded(request: Any, reads: Reads) -> Registered:
    named = {
        "provider": short(request.provider.rpartition("::")[0]),
        "providers": {package: short(ref.rpartition("::")[0]) for package, ref in sorted(request.providers.items())},
        "dependsOn": sorted({short(urn) for urn in request.dependencies}),
        "replaceOnChanges": sorted(request.replaceOnChanges),
        "ignoreChanges": sorted(request.ignoreChanges),
        "aliases": len(request.aliases),
        **{key: getattr(request, key) for key in ("protect", "retainOnDelete", "deleteBeforeReplace", "importId")},
    }
    options = {key: value for key, value in named.items() if value}
    return Registered(request.type, request.name, short(request.parent), reads(request.object), options)


def short(urn: str) -> str:
    """`type::name` of a URN, the type without its parents'; empty for the stack."""
    if not urn or "pulumi:pulumi:Stack" in urn.split("::")[2].split("$")[-1]:
        return ""
    _, _, kind, name = urn.removeprefix("urn:pulumi:").split("::")
    return f"{kind.split('$')[-1]}::{name}"


def whole(properties: Any) -> dict[str, Any]:
    """As the SDK reads them."""
    return redacted(rpc.deserialize_properties(properties, keep_unknowns=True))


def redacted(value: Any) -> Any:
    if rpc.is_rpc_secret(value):
        return SECRET
    if isinstance(value, dict):
        return {key: redacted(each) for key, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [redacted(each) for each in cast("list[Any]", value)]
    return _number(value)


def leaves(properties: Any) -> dict[str, Any]:
    """With only that redacted which is secret itself; assets are mappings, unknown values keep Pulumi's mark."""
    return _leaf(MessageToDict(properties), hidden=False)


def _leaf(value: Any, *, hidden: bool) -> Any:
    if isinstance(value, dict):
        inside = cast("dict[str, Any]", value)
        if inside.get(SIGNATURE) == SECRET_SIGNATURE:
            return _leaf(inside.get("value"), hidden=True)
        found = {key: _leaf(each, hidden=hidden) for key, each in inside.items() if key != SIGNATURE}
        return {key: each for key, each in found.items() if each is not None}
    if isinstance(value, list):
        return [_leaf(each, hidden=hidden) for each in cast("list[Any]", value)]
    if not hidden or value is None or isinstance(value, bool) or value == rpc.UNKNOWN:
        return _number(value)
    return SECRET if isinstance(value, str) else rpc.UNKNOWN


def _number(value: Any) -> Any:
    """The wire knows only doubles."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
