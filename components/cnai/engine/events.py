"""The engine's event log, reduced to what a command shows: what starts, what is done, what failed, what was said."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Kind = Literal["start", "done", "failed", "diagnostic", "policy", "summary"]

_EXPECTED = re.compile(r"using pulumi-\S+ from \$PATH at ")
"""The engine warns of plugins that it did not install; here that is the point."""

_COLOUR = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Event:
    """One thing that the engine reported; which fields are set depends on `kind`."""

    kind: Kind
    urn: str = ""
    op: str = ""
    """`create`, `update`, `delete`, `same`, `replace`, ...: for `start`, `done` and `failed`."""
    severity: str = ""
    """`info`, `info#err`, `warning` or `error`: for `diagnostic`; `mandatory` or `advisory`: for `policy`."""
    message: str = ""
    """For `diagnostic` and `policy`, without colour codes."""
    changes: dict[str, int] = field(default_factory=dict[str, int])
    """Operation to number of resources: for `summary`."""
    duration_s: float = 0.0

    @property
    def label(self) -> str:
        """`Type name`, as a person would call the resource."""
        parts = self.urn.split("::", 3)
        return f"{parts[2].rsplit('$', 1)[-1].rsplit(':', 1)[-1]} {parts[3]}" if len(parts) == 4 else self.urn


def plain(text: str) -> str:
    """Text without the engine's colour marks and the terminal's."""
    return _COLOUR.sub("", text).strip()


def parse(line: str | bytes) -> Event | None:
    """One line of the event log (`apitype.EngineEvent`); None for what a command does not show."""
    event: Json = json.loads(line)
    for key, reduce in _REDUCERS.items():
        if payload := event.get(key):
            return reduce(payload)
    return None


def _start(payload: Json) -> Event | None:
    return _step("start", payload)


def _done(payload: Json) -> Event | None:
    return _step("done", payload)


def _failed(payload: Json) -> Event | None:
    return _step("failed", payload)


def _step(kind: Kind, payload: Json) -> Event | None:
    metadata: Json = payload["metadata"]
    return Event(kind, urn=metadata["urn"], op=metadata["op"])


def _diagnostic(payload: Json) -> Event | None:
    message = plain(payload["message"])
    hidden = payload["severity"] == "debug" or payload.get("ephemeral") or _EXPECTED.match(message)
    if hidden or not message:
        return None
    return Event("diagnostic", urn=payload.get("urn", ""), severity=payload["severity"], message=message)


def _policy(payload: Json) -> Event | None:
    message = f"{payload['policyPackName']}/{payload['policyName']}: {plain(payload['message'])}"
    return Event("policy", urn=payload.get("resourceUrn", ""), severity=payload["enforcementLevel"], message=message)


def _summary(payload: Json) -> Event | None:
    changes: dict[str, int] = payload.get("resourceChanges") or {}
    return Event("summary", changes=changes, duration_s=float(payload.get("durationSeconds") or 0))


def _error(payload: Json) -> Event | None:
    return Event("diagnostic", severity="error", message=plain(payload["error"]))


_REDUCERS = {
    "resourcePreEvent": _start,
    "resOutputsEvent": _done,
    "resOpFailedEvent": _failed,
    "diagnosticEvent": _diagnostic,
    "policyEvent": _policy,
    "summaryEvent": _summary,
    "errorEvent": _error,
}
