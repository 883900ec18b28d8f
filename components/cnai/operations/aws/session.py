"""AWS errors as one sentence."""

from collections.abc import Generator
from contextlib import contextmanager

from cnai.errors import FailedError
from cnai.operations.adapters import library


@contextmanager
def explained(what: str) -> Generator[None]:
    """Turns boto3's exceptions into `FailedError`: no credentials, no permission, no response."""
    errors = library("botocore.exceptions")
    try:
        yield
    except errors.NoCredentialsError:
        raise FailedError(f"{what}: no AWS credentials: set AWS_PROFILE, or run `aws sso login`") from None
    except (errors.ClientError, errors.BotoCoreError) as error:
        raise FailedError(f"{what}: {' '.join(str(error).split())}") from error
