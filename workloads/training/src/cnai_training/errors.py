"""The one error a user of these programs sees."""


class TrainingError(Exception):
    """What was given, what is allowed, what to change: in one sentence, printed without a traceback."""
