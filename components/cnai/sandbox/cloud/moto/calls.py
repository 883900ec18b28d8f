"""Calls to moto in AWS's own API, each with a seed, so that the ids that come back are the same each time."""

import functools
import threading
from contextvars import ContextVar
from typing import Any

from cnai.plugin.errors import ProviderError
from cnai.sandbox.cloud.templates import Facts, filled
from cnai.sandbox.controlplane.moto import SEED_HEADER

_SEED: ContextVar[str] = ContextVar("seed", default="")
_MAKING = threading.Lock()
FIRST_CALLS = {
    "ec2": "describe_vpcs",
    "ecr": "describe_repositories",
    "eks": "list_clusters",
    "events": "list_rules",
    "iam": "list_roles",
    "kms": "list_aliases",
    "logs": "describe_log_groups",
    "s3": "list_buckets",
    "sqs": "list_queues",
}
"""The services that are used, and a call to each that changes nothing."""


class AwsError(ProviderError):
    """What AWS answered; `code` is its own name for it."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"{operation}: api error {code}: {message}")
        self.code = code

    @property
    def absent(self) -> bool:
        """Whether it means that what was asked for is not there."""
        return any(word in self.code for word in ("NotFound", "NoSuch", "NonExistent", "404"))


class Calls:
    """On behalf of one resource: `calls("ec2", "create_vpc", CidrBlock=...)`."""

    def __init__(self, port: int, region: str, seed: str) -> None:
        self._port = port
        self.region = region
        self._seed = seed
        self._count = 0

    def __call__(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        from botocore.exceptions import ClientError, ParamValidationError

        self._count += 1
        token = _SEED.set(f"{self._seed}/{self._count}")
        given = {key: value for key, value in arguments.items() if value is not None}
        try:
            return getattr(client(self._port, service, self.region), operation)(**given)
        except ClientError as error:
            said: dict[str, str] = error.response.get("Error", {})
            raise AwsError(error.operation_name, said.get("Code", ""), said.get("Message", "")) from error
        except ParamValidationError as error:
            words = " ".join(str(error).split())
            raise ProviderError(f"{operation}: {words}") from error
        finally:
            _SEED.reset(token)

    def made_up(self, template: str) -> str:
        """A name of ours, such as what follows a prefix."""
        return str(filled(template, Facts({}, {}, self._seed)))

    def present(self, service: str, operation: str, **arguments: Any) -> dict[str, Any] | None:
        """None if AWS says that it does not exist."""
        try:
            return self(service, operation, **arguments)
        except AwsError as error:
            if error.absent:
                return None
            raise


@functools.cache
def _session() -> Any:
    from boto3.session import Session  # here, since a preview calls nothing

    return Session(aws_access_key_id="sandbox", aws_secret_access_key="sandbox")


def client(port: int, service: str, region: str) -> Any:
    with _MAKING:
        return _client(port, service, region)


@functools.cache
def _client(port: int, service: str, region: str) -> Any:
    from botocore.config import Config

    settings = Config(
        retries={"total_max_attempts": 2}, read_timeout=60, max_pool_connections=32, s3={"addressing_style": "path"}
    )
    address = f"http://127.0.0.1:{port}"
    made = _session().client(service, region_name=region, endpoint_url=address, config=settings)
    # moto makes what a region always has with its first call there, out of the same randomness.
    getattr(made, FIRST_CALLS[service])()
    made.meta.events.register("before-call", _with_seed)
    return made


def forget() -> None:
    """After moto was restarted."""
    with _MAKING:
        _client.cache_clear()


def _with_seed(params: dict[str, Any], **_: Any) -> None:
    params["headers"][SEED_HEADER] = _SEED.get()
