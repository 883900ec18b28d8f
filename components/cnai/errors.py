"""Errors that are shown as one sentence, never as a traceback."""


class UserError(Exception):
    """An error the user can fix: says what was given, what is allowed and what to change."""


class FailedError(UserError):
    """The input was right, but this machine or something it reached did not do it; commands end with 1 instead of 2."""
