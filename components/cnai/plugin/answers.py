"""Turns what an operation raises into what the engine understands: one sentence, or an object that is not ready."""

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar, cast

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from pulumi.runtime.proto import provider_pb2, status_pb2

from cnai.errors import UserError
from cnai.kube import ApiError
from cnai.plugin.errors import PartialError, ProviderError
from cnai.plugin.values import encode

log = logging.getLogger(__name__)
Method = TypeVar("Method", bound=Callable[..., Any])


class _Status(grpc.Status):
    """A gRPC status with details, as `abort_with_status` takes it."""

    def __init__(self, message: str, detail: provider_pb2.ErrorResourceInitFailed) -> None:
        packed = AnyMessage()
        packed.Pack(detail)
        code = grpc.StatusCode.UNKNOWN
        status = status_pb2.Status(code=code.value[0], message=message, details=[packed])
        self.code = code
        self.details = message
        self.trailing_metadata = (("grpc-status-details-bin", status.SerializeToString()),)


def answering(method: Method) -> Method:
    """A servicer method whose failures reach the user without a traceback."""

    @functools.wraps(method)
    def answered(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request, context)
        except PartialError as error:
            status = _Status(error.message, _init_failed(error))
        except (ProviderError, UserError, ApiError) as error:
            return context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception as error:
            log.exception("%s failed on %s", method.__name__, getattr(request, "urn", ""))
            message = f"a bug in cnai's provider: {type(error).__name__}: {error} (its log has the traceback)"
            return context.abort(grpc.StatusCode.INTERNAL, message)
        return context.abort_with_status(status)

    return cast("Method", answered)


def _init_failed(error: PartialError) -> provider_pb2.ErrorResourceInitFailed:
    return provider_pb2.ErrorResourceInitFailed(
        id=error.id,
        properties=encode(error.outputs),
        reasons=[error.message, *error.reasons],
        inputs=None if error.inputs is None else encode(error.inputs),
    )
