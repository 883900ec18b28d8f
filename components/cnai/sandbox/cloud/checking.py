"""What the engine asks before it acts: are these inputs right, and what does a change of them mean."""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.runtime.proto import provider_pb2

from cnai.plugin.autoname import autoname
from cnai.plugin.diffs import Change, Diff, Path, changes, covers, shown
from cnai.plugin.urns import name_in_urn, type_in_urn
from cnai.plugin.values import Computed, contains, decode, encode, plain
from cnai.sandbox.cloud import schemas
from cnai.sandbox.cloud.account import Account
from cnai.sandbox.cloud.rules import rules_of
from cnai.sandbox.cloud.schemas import Problem
from cnai.sandbox.cloud.tables import Row, row
from cnai.sandbox.cloud.templates import MISSING, at

DEFAULTS = "__defaults"
"""Where the official providers note what they filled in themselves."""


def check(account: Account, request: provider_pb2.CheckRequest) -> provider_pb2.CheckResponse:
    about = row(account.package, type_in_urn(request.urn))
    inputs = named(about, request, decode(request.news))
    found = [provider_pb2.CheckFailure(property=path, reason=why) for path, why in problems(account, about, inputs)]
    return provider_pb2.CheckResponse(inputs=encode(inputs), failures=found)


def named(about: Row, request: provider_pb2.CheckRequest, inputs: dict[str, Any]) -> dict[str, Any]:
    """With the name that the provider would give, the same again as long as the resource lives."""
    inputs.pop(DEFAULTS, None)
    if not about.name or about.name in inputs or f"{about.name}Prefix" in inputs:
        return inputs
    olds, options = decode(request.olds), request.autonaming
    name = olds.get(about.name) or autoname(
        name_in_urn(request.urn), request.randomSeed, options.proposed_name, options.mode
    )
    return {**inputs, about.name: name, DEFAULTS: [about.name]}


def problems(account: Account, about: Row, inputs: Mapping[str, Any]) -> Iterator[Problem]:
    for path in about.required:
        if at(inputs, path) is MISSING and not _within_absent(inputs, path):
            yield path, f"is required by {about.token}"
    for path, allowed in about.enums.items():
        value = plain(at(inputs, path))
        if value is not MISSING and not isinstance(value, Computed) and value not in allowed:
            yield path, f"expected one of {', '.join(allowed)}, got {value}"
    yield from schemas.problems(about, inputs)
    for rule in rules_of(about.token):
        yield from rule(account, plain(dict(inputs)))


def _within_absent(inputs: Mapping[str, Any], path: str) -> bool:
    """`a.b` is required only of an `a` that is there."""
    parent = path.rpartition(".")[0]
    return bool(parent) and at(inputs, parent) is MISSING


def difference(account: Account, request: provider_pb2.DiffRequest) -> Diff:
    if request.old_inputs == request.news:
        return Diff(changes=False)
    about = row(account.package, type_in_urn(request.urn))
    return compared(about, decode(request.old_inputs), decode(request.news), tuple(request.ignoreChanges))


def compared(about: Row, old: dict[str, Any], new: dict[str, Any], ignored: tuple[str, ...] = ()) -> Diff:
    before, after = plain(old), plain(new)
    found: dict[Path, Change] = {
        path: change
        for path, change in changes(before, after)
        if not str(path[0]).startswith("__") and not covers(ignored, shown(path))
    }
    detailed: dict[str, tuple[Change, bool]] = {
        shown(path): (change, replaces(about, path)) for path, change in found.items()
    }
    replacing = tuple(path for path, (_, replaced) in detailed.items() if replaced)
    return Diff(bool(detailed), replacing, bool(replacing) and _keeps_its_name(about, old, new), detailed)


def replaces(about: Row, path: Path) -> bool:
    pattern = ".".join(str(step) for step in path if not isinstance(step, int))
    if covers(about.replace, pattern):
        return True
    return not covers(about.in_place, pattern) and schemas.replaces(about, path)


def _keeps_its_name(about: Row, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """A name that the program chose cannot be taken twice, so the old resource has to go first."""
    given = about.name in new and about.name not in new.get(DEFAULTS, ())
    return bool(about.name) and given and plain(old.get(about.name)) == plain(new.get(about.name))


def check_config(
    package: str, request: provider_pb2.CheckRequest, environ: Mapping[str, str]
) -> provider_pb2.CheckResponse:
    """The provider resource itself: what the official one cannot do without."""
    news = decode(request.news)
    key, variable, hint = NEEDED[package]
    if key in news or environ.get(variable):
        return provider_pb2.CheckResponse(inputs=request.news)
    failure = provider_pb2.CheckFailure(property=key, reason=hint)
    return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])


NEEDED: Mapping[str, tuple[str, str, str]] = {
    "aws": ("region", "AWS_REGION", "an invalid AWS Region: set `region` on the provider"),
    "gcp": ("project", "GOOGLE_PROJECT", "project: required field is not set: set `project` on the provider"),
    "azure-native": (
        "subscriptionId",
        "ARM_SUBSCRIPTION_ID",
        "the subscription is not set: set `subscription_id` on the provider",
    ),
}


def diff_config(request: provider_pb2.DiffRequest) -> provider_pb2.DiffResponse:
    """Another region, project or subscription is another place, where nothing of this one exists."""
    old, new = decode(request.old_inputs), decode(request.news)
    places = ("region", "project", "subscriptionId")
    replaced = [key for key in places if old.get(key) != new.get(key) and not contains(new.get(key), Computed)]
    response = provider_pb2.DiffResponse
    return response(
        changes=response.DIFF_NONE if old == new else response.DIFF_SOME,
        replaces=replaced,
        diffs=sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)),
    )
