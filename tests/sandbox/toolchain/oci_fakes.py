"""An OCI registry on loopback with anonymous tokens and a blob store of its own, and images made here."""

import gzip
import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MACHINES = {"amd64": 0x3E, "arm64": 0xB7}


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def program(words: str = "manager", arch: str = "amd64", *, dynamic: bool = False) -> bytes:
    """As much of a Linux program as is looked at; it runs nowhere."""
    head = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHH", 2, MACHINES[arch], 1, 0, 64, 0, 0, 64, 56, 1
    )
    return head.ljust(64, b"\0") + struct.pack("<I", 3 if dynamic else 1).ljust(56, b"\0") + words.encode()


Content = bytes | tarfile.TarInfo


def layer(files: Mapping[str, Content], pack: Callable[[bytes], bytes] = gzip.compress) -> bytes:
    """A layer's archive: files by name, or entries of other kinds."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            entry = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo()
            entry.name = name
            data = content if isinstance(content, bytes) else b""
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return pack(packed.getvalue())


def link(target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    entry = tarfile.TarInfo()
    entry.type, entry.linkname = kind, target
    return entry


@dataclass
class Registry:
    """What it serves, and what it was asked."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    """By tag and by digest."""
    tokens: bool = True
    url: str = ""
    store: str = ""
    fetched: list[str] = field(default_factory=list)
    tokens_at_the_store: list[str] = field(default_factory=list)
    digests_told: dict[str, str] = field(default_factory=dict)

    @property
    def repository(self) -> str:
        return f"{self.url.removeprefix('http://')}/upstream/manager"

    def add_manifest(self, document: Mapping[str, Any], *tags: str) -> str:
        content = json.dumps(document).encode()
        for name in (digest(content), *tags):
            self.manifests[name] = content
        return digest(content)

    def add_image(self, layers: Iterable[bytes], *tags: str) -> str:
        rows = []
        for content in layers:
            self.blobs[digest(content)] = content
            rows.append({"mediaType": "layer", "digest": digest(content), "size": len(content)})
        return self.add_manifest({"schemaVersion": 2, "mediaType": MANIFEST, "layers": rows}, *tags)

    def add_index(self, tag: str, images: Mapping[str, str]) -> str:
        """`images`: `os/architecture` -> digest of the manifest."""
        rows = []
        for platform, found in images.items():
            os, arch = platform.split("/")
            rows.append({"mediaType": MANIFEST, "digest": found, "platform": {"os": os, "architecture": arch}})
        return self.add_manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}, tag)

    def publish(self, *layers: bytes, tag: str = "v1.2.3") -> str:
        """An index for several machines, ours among them; gives the digest of ours."""
        ours = self.add_image(layers)
        other = self.add_image([layer({"manager": program("for arm", "arm64")})])
        self.add_index(tag, {"linux/arm64": other, "linux/amd64": ours, "unknown/unknown": other})
        return ours

    def serve(self, stack: ExitStack) -> "Registry":
        self.url = _served(_answers(self), stack)
        self.store = _served(_stores(self), stack)
        return self


def _served(handler: type[BaseHTTPRequestHandler], stack: ExitStack) -> str:
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    stack.callback(http.server_close)
    stack.callback(http.shutdown)
    return f"http://127.0.0.1:{http.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing on standard error."""

    def say(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _answers(registry: Registry) -> type[BaseHTTPRequestHandler]:
    class Answers(_Handler):
        def do_GET(self) -> None:
            if self.path.startswith("/token?"):
                scoped = "scope=repository%3Aupstream%2Fmanager%3Apull" in self.path
                self.say(200 if scoped else 400, json.dumps({"token": "anonymous"}).encode())
            elif registry.tokens and self.headers.get("Authorization") != "Bearer anonymous":
                scope = 'scope="repository:upstream/manager:pull"'
                realm = f'Bearer realm="{registry.url}/token",service="registry",{scope}'
                self.say(401, WWW_Authenticate=realm)
            else:
                self.content(*self.path.removeprefix("/v2/upstream/manager/").partition("/")[::2])

        do_HEAD = do_GET  # noqa: N815

        def content(self, kind: str, name: str) -> None:
            registry.fetched.append(name)
            if kind == "manifests" and (found := registry.manifests.get(name)):
                told = registry.digests_told.get(name, digest(found))
                self.say(200, found, Content_Type=json.loads(found).get("mediaType", ""), Docker_Content_Digest=told)
            elif kind == "blobs" and name in registry.blobs:
                self.say(307, Location=f"{registry.store}/{name}")
            else:
                self.say(404)

    return Answers


def _stores(registry: Registry) -> type[BaseHTTPRequestHandler]:
    class Stores(_Handler):
        def do_GET(self) -> None:
            if token := self.headers.get("Authorization"):
                registry.tokens_at_the_store.append(token)
            self.say(200, registry.blobs[self.path.removeprefix("/")])

    return Stores
