"""An object store and a hub on loopback, and what can go wrong between them and a client."""

import contextlib
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

COMMIT = "c0ffee" + "0" * 34
BUCKET = "models"


@dataclass
class Faults:
    """A WSGI application seen through a bad network: `weights` says what happens to the bodies of *.safetensors."""

    app: object
    weights: str = "whole"
    gets: Counter = field(default_factory=Counter)
    half: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __call__(self, environ, start_response):
        body = self.app(environ, start_response)
        name = environ["PATH_INFO"].rpartition("/")[2]
        if environ["REQUEST_METHOD"] != "GET" or not name.endswith(".safetensors"):
            return body
        self.gets[name] += 1
        content = b"".join(body)
        return self._sent(content) if self.weights != "whole" else [content]

    def _sent(self, content: bytes) -> Iterator[bytes]:
        middle = len(content) // 2
        if self.weights == "corrupt":
            yield content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            return
        yield content[:middle]
        self.half.set()
        if self.weights == "held":
            self.go_on.wait(60)
            yield content[middle:]
        # "cut": the connection ends before the content-length is reached.


@dataclass
class Store:
    address: str
    environment: dict[str, str]
    faults: Faults


@contextlib.contextmanager
def serving(app) -> Iterator[tuple[str, Faults]]:
    faults = Faults(app)
    server = make_server("127.0.0.1", 0, faults, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}", faults
    finally:
        faults.go_on.set()
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def object_store(model: Path) -> Iterator[Store]:
    """moto's S3, by its real protocol."""
    import boto3
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    with serving(DomainDispatcherApplication(create_backend_app)) as (url, faults):
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=url, **keys)
        client.create_bucket(Bucket=BUCKET)
        for path in model.iterdir():
            client.put_object(Bucket=BUCKET, Key=f"chat/{path.name}", Body=path.read_bytes())
        environment = {**credentials, "AWS_ENDPOINT_URL": url, "AWS_MAX_ATTEMPTS": "1"}
        yield Store(f"s3://{BUCKET}/chat", environment, faults)


@contextlib.contextmanager
def hub(model: Path) -> Iterator[Store]:
    """What `huggingface_hub` asks for one repository, and nothing else."""

    @Request.application
    def app(request: Request) -> Response:
        path = request.path
        if path == f"/api/models/owner/chat/tree/{COMMIT}":
            return Response(json.dumps(listed(model)), mimetype="application/json")
        if path in ("/api/models/owner/chat/revision/main", f"/api/models/owner/chat/revision/{COMMIT}"):
            return Response(json.dumps(described(model)), mimetype="application/json")
        _, found, name = path.partition(f"/owner/chat/resolve/{COMMIT}/")
        file = model / name
        if not found or not file.is_file():
            return Response(status=404, headers={"X-Error-Code": "RepoNotFound"})
        content = file.read_bytes()
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        return Response(content, headers=headers, mimetype="application/octet-stream")

    with serving(app) as (url, faults):
        yield Store("hf://owner/chat@main", {"HF_ENDPOINT": url, "HF_HUB_DISABLE_TELEMETRY": "1"}, faults)


def listed(model: Path) -> list[dict[str, object]]:
    """The tree of the commit: small files by git's hash, large ones by SHA-256 too."""
    entries = []
    for path in sorted(model.iterdir()):
        content = path.read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry: dict[str, object] = {"type": "file", "path": path.name, "size": len(content), "oid": blob}
        if path.suffix == ".safetensors":
            sha = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": sha, "size": len(content), "pointerSize": 134}
        entries.append(entry)
    return entries


def described(model: Path) -> dict[str, object]:
    def sibling(entry):
        known = {"rfilename": entry["path"], "size": entry["size"], "blobId": entry["oid"]}
        lfs = entry.get("lfs")
        return known | ({"lfs": {**lfs, "sha256": lfs["oid"]}} if lfs else {})

    return {"id": "owner/chat", "sha": COMMIT, "siblings": [sibling(entry) for entry in listed(model)]}
