"""AWS' own errors as one sentence."""

from collections.abc import Generator
from contextlib import contextmanager

from cnai.errors import FailedError
from cnai.operations.adapters import library


@contextmanager
def explained(what: str) -> Generator[None]:
    """Turns what boto3 raises into `FailedError`: no credentials, no permission, no answer."""
    errors = library("botocore.exceptions")
    try:
        yield
    except errors.NoCredentialsError:
        raise FailedError(f"{what}: no AWS credentials: set AWS_PROFILE, or `aws sso login`") from None
    except (errors.ClientError, errors.BotoCoreError) as error:
        raise FailedError(f"{what}: {' '.join(str(error).split())}") from error
