"""An OCI registry as anyone can read it: manifests by tag or digest, blobs by digest; all of it checked by digest."""

import hashlib
import json
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
MAX_DOCUMENT = 4 << 20
"""What the specification lets registries refuse beyond."""
TIMEOUT = httpx2.Timeout(30, connect=5)
UNREACHED = (httpx2.HTTPError, httpx2.InvalidURL)
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
OK, UNAUTHORIZED = 200, 401
ALIASES = {"docker.io": "registry-1.docker.io"}


class RegistryError(Exception):
    """What a registry does not give, or gives damaged."""


@dataclass(frozen=True)
class Repository:
    """`registry.k8s.io/jobset/jobset`: who serves it, and what it is called there."""

    host: str
    path: str

    @classmethod
    def of(cls, name: str) -> "Repository":
        host, _, path = name.partition("/")
        if host == "docker.io" and "/" not in path:
            path = f"library/{path}"
        return cls(ALIASES.get(host, host), path)

    @property
    def root(self) -> str:
        """Where the registry's API begins. As everywhere, only a registry on loopback may do without TLS."""
        plain = self.host.rpartition(":")[0] in LOOPBACK or self.host in LOOPBACK
        return f"{'http' if plain else 'https'}://{self.host}/v2/"


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Registry:
    """One repository, for one run. Its methods raise `RegistryError`."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._token = ""
        self._client = httpx2.Client(follow_redirects=True, timeout=TIMEOUT)

    def __enter__(self) -> "Registry":
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    def manifest(self, reference: str) -> tuple[str, dict[str, Any]]:
        """By tag or by digest: its digest and itself. A digest that was asked for is the one of what came."""
        accepted = ", ".join((*INDEXES, *MANIFESTS))
        with self._opened(f"manifests/{reference}", {"Accept": accepted}) as response:
            content = b"".join(_limited(response, MAX_DOCUMENT))
            told = response.headers.get("Docker-Content-Digest", "")
        found = sha256(content)
        expected = reference if ":" in reference else told
        if expected.startswith("sha256:") and found != expected:
            raise RegistryError(f"the manifest {reference} has the digest {found}, not {expected}")
        try:
            document = json.loads(content)
        except ValueError as error:
            raise RegistryError(f"the manifest {reference} is no JSON ({error})") from error
        if not isinstance(document, dict):
            raise RegistryError(f"the manifest {reference} is no JSON object")
        return found, document

    def blob(self, digest: str, size: int, file: Path) -> None:
        """Into `file`, exactly what the manifest says."""
        if not re.fullmatch("sha256:[0-9a-f]{64}", digest):
            raise RegistryError(f"{digest} is no sha256 digest: nothing else is checked here")
        found, got = hashlib.sha256(), 0
        with self._opened(f"blobs/{digest}", {}) as response, file.open("wb") as out:
            for block in _limited(response, size):
                found.update(block)
                got += out.write(block)
        if got != size:
            raise RegistryError(f"the layer {digest} ends after {got} of {size} bytes")
        if f"sha256:{found.hexdigest()}" != digest:
            raise RegistryError(f"the layer {digest} has the digest sha256:{found.hexdigest()}")

    @contextmanager
    def _opened(self, path: str, headers: Mapping[str, str]) -> Generator[httpx2.Response]:
        url = f"{self._repository.root}{self._repository.path}/{path}"
        try:
            with self._client.stream("GET", url, headers=self._authorized(headers)) as response:
                if response.status_code != UNAUTHORIZED or self._token:
                    yield self._checked(response, url)
                    return
                self._token = self._anonymous_token(response.headers.get("WWW-Authenticate", ""))
            with self._client.stream("GET", url, headers=self._authorized(headers)) as response:
                yield self._checked(response, url)
        except UNREACHED as error:
            raise RegistryError(f"{url} cannot be had ({error or type(error).__name__})") from error

    def _authorized(self, headers: Mapping[str, str]) -> dict[str, str]:
        # Not asked for compressed: the digest is of what is stored, and layers are compressed already.
        plain = {"Accept-Encoding": "identity", **headers}
        return plain | ({"Authorization": f"Bearer {self._token}"} if self._token else {})

    def _checked(self, response: httpx2.Response, url: str) -> httpx2.Response:
        if response.status_code != OK:
            raise RegistryError(f"{url} answers with HTTP {response.status_code}")
        unsafe = [
            hop for hop in (*response.history, response) if hop.url.scheme not in ("https", url.partition(":")[0])
        ]
        if unsafe:
            raise RegistryError(f"{url} leads to {unsafe[0].url}, which is not as safe")
        return response

    def _anonymous_token(self, challenge: str) -> str:
        scheme, _, rest = challenge.partition(" ")
        words = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if scheme.lower() != "bearer" or "realm" not in words:
            raise RegistryError(f"{self._repository.host} lets nobody read without an account ({challenge or '401'})")
        realm = words.pop("realm")
        if not realm.startswith(("https://", self._repository.root.partition("/")[0] + "//")):
            raise RegistryError(f"{self._repository.host} sends for a token to {realm}, which is not as safe")
        words.setdefault("scope", f"repository:{self._repository.path}:pull")
        with self._client.stream("GET", realm, params=words) as response:
            answer = json.loads(b"".join(_limited(self._checked(response, realm), MAX_DOCUMENT)) or b"{}")
        token = answer.get("token") or answer.get("access_token")
        if not token:
            raise RegistryError(f"{realm} gives no token")
        return str(token)


def _limited(response: httpx2.Response, most: int) -> Iterator[bytes]:
    """What comes, until it is more than was announced."""
    got = 0
    for block in response.iter_raw(1 << 20):
        got += len(block)
        if got > most:
            raise RegistryError(f"{response.url} gives more than the {most} bytes that were announced")
        yield block
