"""Create, read, update and delete of any resource of a simulated cloud."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cnai.plugin.errors import PartialError, ProviderError
from cnai.plugin.urns import type_in_urn
from cnai.plugin.values import UNKNOWN, Secret, marked, plain
from cnai.sandbox.cloud import roles
from cnai.sandbox.cloud.account import Account
from cnai.sandbox.cloud.backends import ECHO, Backend, Made
from cnai.sandbox.cloud.faults import KINDS, Kind
from cnai.sandbox.cloud.identities import reshaped
from cnai.sandbox.cloud.refusals import refusal, words
from cnai.sandbox.cloud.store import CloudResource
from cnai.sandbox.cloud.tables import Row, row
from cnai.sandbox.cloud.templates import filled

Object = dict[str, Any]
ATTEMPTS = 8
"""How often a throttled call is made; the official providers' clients retry some 25 times, over minutes."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0


def create(account: Account, urn: str, inputs: Object, preview: bool, timeout_s: float) -> tuple[str, Object]:
    """The id and the outputs; `PartialError` where the resource exists and is not as it should be."""
    about = row(account.package, type_in_urn(urn))
    if preview:
        return "", reshaped(account, {**unknown_outputs(about, inputs), **inputs})
    struck = _struck(account, urn, about, inputs)
    seed, backend = account.store.fresh_seed(urn), _backend(about.token)
    made = backend.create(account, seed, plain(inputs))
    given, outputs = completed(account, about, seed, inputs, made)
    record = CloudResource(
        package=account.package,
        token=about.token,
        id=given,
        urn=urn,
        seed=seed,
        inputs=inputs,
        outputs=outputs,
        region=account.region,
        how=backend.how,
        checked=about.checked,
    )
    account.store.put(record)
    _arrive(account, record, struck, timeout_s)
    return given, outputs


def _backend(token: str) -> Backend:
    if not token.startswith("aws:"):
        return ECHO
    # Only now: for the other clouds there is nothing of moto to load.
    from cnai.sandbox.cloud.moto.registry import HANDLERS

    return HANDLERS.get(token, ECHO)


def update(
    account: Account, urn: str, given: str, olds: Object, inputs: Object, preview: bool, timeout_s: float
) -> Object:
    about = row(account.package, type_in_urn(urn))
    if preview:
        return reshaped(account, {**olds, **dict.fromkeys(about.volatile, UNKNOWN), **inputs})
    record = _existing(account, about, urn, given, olds)
    before = roles.groups(account, about.token, record.inputs, record.outputs)
    struck = _struck(account, urn, about, inputs)
    made = _backend(about.token).update(account, record.seed, record, plain(inputs))
    _, outputs = completed(account, about, record.seed, inputs, replace(made, id=given), record.outputs)
    outputs = marked(outputs, olds)
    record = replace(record, inputs=inputs, outputs=outputs, urn=urn)
    account.store.put(record)
    roles.shrink(account, about.token, before, inputs, outputs)
    _arrive(account, record, struck, timeout_s)
    return outputs


def read(account: Account, urn: str, given: str, inputs: Object, olds: Object) -> tuple[Object, Object] | None:
    """Inputs and outputs as they are now; None where the resource is gone."""
    about = row(account.package, type_in_urn(urn))
    record = account.store.get(about.token, given)
    if record is None or not _backend(about.token).exists(account, record):
        return None
    # A record holds digests in place of secrets: those stay as the state has them.
    return _with_secrets(dict(record.inputs), inputs), _with_secrets(dict(record.outputs), olds)


def delete(account: Account, urn: str, given: str, timeout_s: float) -> None:
    about = row(account.package, type_in_urn(urn))
    record = account.store.get(about.token, given)
    if record is None:
        return
    _struck(account, urn, about, record.inputs, ("throttling",))
    roles.leave(account, about.token, roles.groups(account, about.token, record.inputs, record.outputs), timeout_s)
    _backend(about.token).delete(account, record)
    account.store.remove(about.token, given)


def completed(
    account: Account, about: Row, seed: str, inputs: Object, made: Made, before: Mapping[str, Any] | None = None
) -> tuple[str, Object]:
    """The id, and the outputs: what was given, what the backend says, what the table's templates make of them."""
    cluster = account.api.address if about.role == "cluster" else {}
    facts = account.facts({**inputs, **made.outputs}, seed, api=cluster)
    given = made.id or str(filled(about.id, facts))
    facts = account.facts({**inputs, **made.outputs}, seed, api=cluster, id=given)
    computed: Object = filled(about.outputs, facts)
    outputs = merged(merged(merged(dict(before or {}), computed), dict(made.outputs)), inputs)
    outputs = reshaped(account, outputs | _tagged(account, about, inputs))
    for name in about.secret:
        if name in outputs and not isinstance(outputs[name], Secret):
            outputs[name] = Secret(outputs[name])
    return given, outputs


def unknown_outputs(about: Row, inputs: Object) -> Object:
    """What only the update will know: every output that the program did not give itself."""
    return {key: UNKNOWN for key in about.outputs if key not in inputs}


def merged(under: Any, over: Any) -> Any:
    """`over` laid on `under`, objects key by key; a list or a value replaces what is under it."""
    if isinstance(under, dict) and isinstance(over, dict):
        return {**under, **{key: merged(under[key], value) if key in under else value for key, value in over.items()}}
    return over


def _tagged(account: Account, about: Row, inputs: Object) -> Object:
    if account.package == "aws" and "tags" in {*about.outputs, *inputs}:
        return {"tagsAll": {**account.default_tags, **plain(inputs.get("tags") or {})}}
    return {}


def _struck(account: Account, urn: str, about: Row, inputs: Mapping[str, Any], kinds: tuple[Kind, ...] = KINDS) -> str:
    """What the sandbox was told to simulate: "" for nothing. Throttled calls are made again, as the clients do."""
    pause = FIRST_PAUSE_S
    for _ in range(ATTEMPTS):
        fault = account.faults.strike(about.token, inputs, kinds)
        if fault is None:
            return ""
        if fault != "throttling":
            if not roles.is_group(about.token):
                raise refusal(account.package, fault)
            return words(account.package, fault, machine=_machine(account, about, inputs))
        account.host.status(urn, f"{words(account.package, fault)}; trying again")
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)
    raise refusal(account.package, "throttling")


def _machine(account: Account, about: Row, inputs: Mapping[str, Any]) -> str:
    del account, about
    machines = plain(inputs.get("instanceTypes")) or [inputs.get("vmSize") or ""]
    return str((inputs.get("nodeConfig") or {}).get("machineType") or machines[0])


def _arrive(account: Account, record: CloudResource, struck: str, timeout_s: float) -> None:
    try:
        if struck:
            raise ProviderError(struck)
        roles.arrive(account, record.urn, record.token, record.inputs, record.outputs, timeout_s)
    except ProviderError as error:
        raise PartialError(error.message, record.id, dict(record.outputs)) from error


def _existing(account: Account, about: Row, urn: str, given: str, olds: Object) -> CloudResource:
    found = account.store.get(about.token, given)
    if found is None:
        raise ProviderError(f"{given} does not exist any more: `./cnai refresh {account.sandbox.env}`, then `up`")
    return found


def _with_secrets(now: Object, state: Object) -> Object:
    """`now`, with each secret of the state in its place."""
    kept = {key: value for key, value in state.items() if key in now and isinstance(value, Secret)}
    nested = {
        key: _with_secrets(now[key], value)
        for key, value in state.items()
        if isinstance(value, dict) and isinstance(now.get(key), dict)
    }
    return {**now, **kept, **nested}
