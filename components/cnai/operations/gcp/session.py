"""Google Cloud errors as one sentence."""

from collections.abc import Generator
from contextlib import contextmanager

from cnai.errors import FailedError
from cnai.operations.adapters import library


@contextmanager
def explained(what: str) -> Generator[None]:
    """Turns the client libraries' exceptions into `FailedError`: no credentials, no permission, no response."""
    auth, api = library("google.auth.exceptions"), library("google.api_core.exceptions")
    try:
        yield
    except auth.DefaultCredentialsError:
        how = "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS"
        raise FailedError(f"{what}: no Google credentials: {how}") from None
    except (auth.GoogleAuthError, api.GoogleAPIError) as error:
        raise FailedError(f"{what}: {' '.join(str(error).split())}") from error
