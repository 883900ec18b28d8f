"""The error that a user can mend: it is shown as one sentence, never as a traceback."""


class UserError(Exception):
    """Says what was given, what is allowed and what to change."""
