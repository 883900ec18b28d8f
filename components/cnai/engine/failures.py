"""Says why an operation failed, in the words of whoever refused it."""

import re

from cnai.engine.events import Event, plain
from cnai.engine.process import Outcome

_EMPTY_WORDS = ("update failed", "preview failed", "destroy failed", "refresh failed", "operation failed")
"""What the engine adds when it has already said the reason."""

_CHATTER = re.compile(r"Logging in using access token|warning: using pulumi-\S+ from \$PATH")
"""What the engine writes before it starts, whatever comes then."""


def sentence(operation: str, outcome: Outcome) -> str:
    """The errors among the engine's diagnostics, one a line; else what it wrote to standard error."""
    reasons = list(dict.fromkeys(_reason(event) for event in outcome.events if _is_error(event)))
    telling = [reason for reason in reasons if reason not in _EMPTY_WORDS]
    if telling or reasons:
        return "\n".join(telling or reasons)
    if outcome.status < 0:
        return f"{operation}: the engine was ended by signal {-outcome.status}; what it had done is kept, run it again"
    lines = [plain(line) for line in outcome.stderr.splitlines()]
    said = [line.removeprefix("error: ") for line in lines if line and not _CHATTER.match(line)]
    return "\n".join(said) or f"{operation}: the engine ended with exit status {outcome.status} and said nothing"


def _is_error(event: Event) -> bool:
    return (event.kind, event.severity) in (("diagnostic", "error"), ("policy", "mandatory"))


def _reason(event: Event) -> str:
    return f"{event.label}: {event.message}" if event.label and not _is_stack(event.urn) else event.message


def _is_stack(urn: str) -> bool:
    return "::pulumi:pulumi:Stack::" in urn
