"""Azure's own errors as one sentence, and what has not been made yet."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from cnai.errors import FailedError
from cnai.operations.adapters import library


@contextmanager
def explained(what: str) -> Generator[None]:
    """Turns what the client libraries raise into `FailedError`: no credentials, no permission, no answer."""
    errors = library("azure.core.exceptions")
    try:
        yield
    except errors.ClientAuthenticationError as error:
        said = str(error).splitlines()[0]
        raise FailedError(f"{what}: no Azure credentials ({said}): `az login`, or set AZURE_CLIENT_ID") from None
    except errors.AzureError as error:
        raise FailedError(f"{what}: {' '.join(str(error).split())}") from error


def existing(get: Callable[[], Any]) -> dict[str, Any] | None:
    """What `get` answers, by the REST API's own names; None where there is nothing yet."""
    try:
        return get().as_dict()
    except library("azure.core.exceptions").ResourceNotFoundError:
        return None
