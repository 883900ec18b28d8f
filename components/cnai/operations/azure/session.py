"""Azure errors as one sentence, and resources that do not exist yet."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from cnai.errors import FailedError
from cnai.operations.adapters import library


@contextmanager
def explained(what: str) -> Generator[None]:
    """Turns the client libraries' exceptions into `FailedError`: no credentials, no permission, no response."""
    errors = library("azure.core.exceptions")
    try:
        yield
    except errors.ClientAuthenticationError as error:
        said = str(error).splitlines()[0]
        raise FailedError(f"{what}: no Azure credentials ({said}): run `az login`, or set AZURE_CLIENT_ID") from None
    except errors.AzureError as error:
        raise FailedError(f"{what}: {' '.join(str(error).split())}") from error


def existing(get: Callable[[], Any]) -> dict[str, Any] | None:
    """What `get` returns, keyed by the REST API's names; None if it does not exist yet."""
    try:
        return get().as_dict()
    except library("azure.core.exceptions").ResourceNotFoundError:
        return None
