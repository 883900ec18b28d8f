"""Out-of-band changes: resources that no longer match the state."""

from collections.abc import Iterable
from dataclasses import dataclass

GONE, CHANGED = "gone", "changed"
_SAID = {"delete": GONE, "update": CHANGED, "refresh": CHANGED}
"""What a refresh would do to the state -> what happened to the resource."""


@dataclass(frozen=True)
class Drift:
    environment: str
    drifted: tuple[tuple[str, str], ...]
    """`gone` or `changed`, and the resource."""
    looked_at: int
    """Resources that the state has."""

    def as_json(self) -> dict[str, object]:
        return {
            "environment": self.environment,
            "drifted": [{"resource": resource, "what": what} for what, resource in self.drifted],
            "looked_at": self.looked_at,
        }


def judged(environment: str, changed: Iterable[tuple[str, str]], counts: dict[str, int]) -> Drift:
    """From the engine's operations with their resources, and its count of operations."""
    drifted = tuple(sorted((_SAID[operation], label) for operation, label in changed if operation in _SAID))
    return Drift(environment, drifted, sum(counts.values()))
