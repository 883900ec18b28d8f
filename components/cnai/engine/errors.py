"""What can go wrong while the engine runs."""

from cnai.errors import UserError


class Busy(UserError):
    """Another command works on the same environment."""


class EngineError(Exception):
    """An operation failed; the message is the engine's and the providers' own words, without a traceback."""
