"""How an operation on a resource fails: in one sentence that the user sees as it is."""

from dataclasses import dataclass
from typing import Any


class ProviderError(Exception):
    """The operation did nothing, or nothing that the state should know."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass
class PartialError(Exception):
    """The object exists but is not as it should be: the engine keeps it in the state, so that `destroy` finds it."""

    message: str
    id: str
    outputs: dict[str, Any]
    reasons: tuple[str, ...] = ()
    """More of what was seen, such as the scheduler's words."""
    inputs: dict[str, Any] | None = None
    """The inputs as they are now, where a refresh read them."""

    def __str__(self) -> str:
        return self.message
