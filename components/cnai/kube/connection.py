"""One cluster's HTTP connections, made from a kubeconfig, and the retries that are safe on them."""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx2
import yaml
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from cnai.errors import UserError
from cnai.kube.errors import ApiError, as_error, refusal

Object = dict[str, Any]
Params = dict[str, str]
Warn = Callable[[str], None]
PATCH_TYPES = {
    "apply": "application/apply-patch+yaml",
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
ATTEMPTS = 3
"""How often a request that is safe to repeat is sent when the connection breaks or the server asks to wait."""
LONGEST_ANSWER_S = 60
KEPT_OPEN = 64
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


def chosen(text: str, context: str | None, path: Path | None) -> SingleConfig:
    """One context of a kubeconfig; `UserError` where it is not there or the file is none."""
    try:
        config = KubeConfig.from_dict(yaml.safe_load(text), path)  # pyright: ignore[reportUnknownMemberType]
        found = config.get(context)
        if found is None:
            raise ConfigError("it names no current context")
        return found
    except (ConfigError, AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"kubeconfig {path or 'given as text'}: {' '.join(str(error).split())}") from error


class Connection:
    """Safe to share between threads."""

    def __init__(self, config: SingleConfig) -> None:
        self.server: str = config.cluster.server
        config = config._replace(user=config.user or User())
        params = ConnectionParams(timeout=httpx2.Timeout(LONGEST_ANSWER_S), trust_env=False)
        try:
            settings = cast("dict[str, Any]", params.httpx_params(config))  # pyright: ignore[reportUnknownMemberType]
        except (ConfigError, ValueError, OSError) as error:
            raise UserError(f"kubeconfig {config.fname or 'given as text'}: {error}") from error
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=KEPT_OPEN)
        self._http = httpx2.Client(**settings, limits=limits)

    def close(self) -> None:
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        params: Params | None = None,
        body: Any = None,
        patch_type: str | None = None,
        warn: Warn | None = None,
        accept: str = "application/json",
    ) -> Object:
        """The answer; `ApiError` where there is none. `warn` gets what the server remarks on what it accepted."""
        headers = {"Content-Type": PATCH_TYPES[patch_type] if patch_type else "application/json", "Accept": accept}
        content = None if body is None else json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        left = ATTEMPTS if method in ("GET", "DELETE") or patch_type in ("apply", "merge") else 1
        while True:
            left -= 1
            try:
                response = self._http.request(method, path, params=params, content=content, headers=headers)
            except httpx2.TransportError as error:
                if not left:
                    raise ApiError(0, f"the API server at {self.server} does not answer: {error}") from error
                time.sleep(0.2)
                continue
            if response.status_code == 429 and left:
                time.sleep(min(float(response.headers.get("Retry-After") or 1), 5))
                continue
            if response.is_error:
                raise refusal(response)
            if warn is not None and "Warning" in response.headers:
                for words in remarks(response.headers["Warning"]):
                    warn(words)
            return json.loads(response.content)

    def events(self, path: str, params: Params, timeout_s: float) -> Iterator[tuple[str, Object]]:
        """A watch's events as they come."""
        try:
            timeout = httpx2.Timeout(10, read=timeout_s)
            with self._http.stream("GET", path, params=params, timeout=timeout) as response:
                if response.is_error:
                    response.read()
                    raise refusal(response)
                for line in _lines(response):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise as_error(event["object"].get("code", 500), event["object"])
                    yield event["type"], event["object"]
        except httpx2.TransportError as error:
            raise ApiError(0, f"the API server at {self.server} broke off a watch: {error}") from error


def remarks(header: str) -> list[str]:
    """The sentences in a `Warning` header."""
    return [re.sub(r"\\(.)", r"\1", words) for words in _WARNING.findall(header)]


def _lines(response: httpx2.Response) -> Iterator[bytes]:
    """At line feeds only: the characters at which Python also breaks lines may stand inside a JSON string."""
    rest = b""
    for chunk in response.iter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest
