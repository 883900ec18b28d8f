"""What is not available or does not render, in one sentence."""

from cnai.errors import UserError


class ChartError(UserError):
    """A chart or manifest that its source refuses, or that is broken; the message says which and why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
