"""What goes wrong on the user's side, by what the server answers for it."""


class InferenceError(Exception):
    """What was given, what is allowed, what to change: in one sentence, printed without a traceback."""


class RequestError(InferenceError):
    """A request that the server will not run; `status` and `code` are the HTTP answer's."""

    status = 400
    code: str | None = None

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code or self.code


class TooLarge(RequestError):
    status = 413
    code = "request_too_large"


class TooSlow(RequestError):
    status = 408
    code = "request_timeout"


class ContextTooLong(RequestError):
    code = "context_length_exceeded"


class ModelUnknown(RequestError):
    status = 404
    code = "model_not_found"


class QueueFull(RequestError):
    status = 429
    code = "rate_limit_exceeded"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Draining(RequestError):
    status = 503
    code = "draining"


class TimedOut(RequestError):
    status = 504
    code = "timeout"


class EngineFailed(RequestError):
    """The engine could not go on with this request; it is not the request's fault."""

    status = 500
    code = "engine_failed"


class Refused(RequestError):
    """A guardrail stopped the prompt."""

    code = "content_filter"
