"""A hub of Hugging Face's shape on loopback: the calls of its API that `datasets` makes when it streams a data set."""

import hashlib
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "c0ffee" * 6 + "cafe"


class Hub(ThreadingHTTPServer):
    """One public data set of some files; `broken` are answered with a 500."""

    def __init__(self, repository: str, files: Mapping[str, bytes], broken: tuple[str, ...] = ()) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.repository, self.files, self.broken = repository, files, broken
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def facts(self) -> dict[str, Any]:
        siblings = [{"rfilename": name} for name in self.files]
        return {
            "_id": "1",
            "id": self.repository,
            "sha": COMMIT,
            "private": False,
            "gated": False,
            "siblings": siblings,
        }

    def tree(self, under: str) -> list[dict[str, Any]]:
        """What is directly in a folder."""
        inside = {name.removeprefix(under): body for name, body in self.files.items() if name.startswith(under)}
        folders = sorted({name.split("/")[0] for name in inside if "/" in name})
        return [
            *({"type": "directory", "path": under + name, "size": 0, "oid": "0" * 40} for name in folders),
            *(
                {"type": "file", "path": under + name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}
                for name, body in inside.items()
                if "/" not in name
            ),
        ]


class Answer(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(f"{self.command} {path}")
        api = f"/api/datasets/{self.server.repository}"
        resolve = f"/datasets/{self.server.repository}/resolve/"
        if path in (api, f"{api}/revision/{COMMIT}", f"{api}/revision/main"):
            self.send(200, json.dumps(self.server.facts()).encode())
        elif path.startswith(f"{api}/tree/"):
            folder = path.removeprefix(f"{api}/tree/").partition("/")[2]
            self.send(200, json.dumps(self.server.tree(folder + "/" if folder else "")).encode())
        elif path.startswith(resolve):
            self.file(path.removeprefix(resolve).partition("/")[2])
        else:
            self.send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def do_HEAD(self) -> None:
        self.do_GET()

    def file(self, name: str) -> None:
        body = self.server.files.get(name)
        if body is None:
            return self.send(404, b"", {"X-Error-Code": "EntryNotFound"})
        if name in self.server.broken and self.command == "GET":
            return self.send(500, b"broken")
        headers = {"ETag": f'"{hashlib.sha1(body).hexdigest()}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if wanted := self.headers.get("Range"):
            first, last = wanted.removeprefix("bytes=").split("-")
            end = min(int(last or len(body)), len(body) - 1)
            headers["Content-Range"] = f"bytes {first}-{end}/{len(body)}"
            return self.send(206, body[int(first) : end + 1], headers)
        return self.send(200, body, headers)

    def send(self, code: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""
