"""Digests of images from a registry on loopback."""

import hashlib
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from cnai.charts.offline import Offline
from cnai.locking.digests import Digests, split

INDEX = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
DIGEST = f"sha256:{hashlib.sha256(INDEX).hexdigest()}"


class Registry(BaseHTTPRequestHandler):
    """Has one image, for whoever fetched a token first."""

    def do_GET(self):
        if self.path.startswith("/token"):
            self.answer(200, b'{"token": "anyone"}')
        elif self.headers.get("Authorization") != "Bearer anyone":
            realm = f'Bearer realm="http://127.0.0.1:{self.server.server_port}/token",service="here"'
            self.answer(401, b"", {"WWW-Authenticate": realm})
        elif self.path == "/v2/team/web/manifests/v1":
            self.answer(200, INDEX, {"Docker-Content-Digest": DIGEST})
        else:
            self.answer(404, b"{}")

    def answer(self, status, content, headers=()):
        self.send_response(status)
        for name, value in {**dict(headers), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Says nothing on standard error."""


@contextmanager
def serving():
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def registry():
    with serving() as host:
        yield host


@pytest.fixture
def said():
    return []


@pytest.fixture
def digests(tmp_path, said):
    def made(*known):
        return Digests(Offline(tmp_path / "offline.json"), said.append, frozenset(known))

    return made


def test_an_image_gets_the_digest_that_its_registry_gives_for_its_tag(registry, digests, said):
    assert digests()(f"{registry}/team/web:v1") == f"{registry}/team/web:v1@{DIGEST}"
    assert said == []


def test_a_digest_that_is_given_stays(digests):
    image = f"nowhere.invalid/web:v1@sha256:{'0' * 64}"
    assert digests()(image) == image


def test_where_the_registry_has_no_answer_the_digest_found_before_stays_for_the_same_tag(registry, digests, said):
    old = f"{registry}/team/gone:v1@sha256:{'1' * 64}"
    look_up = digests(old)
    assert look_up(f"{registry}/team/gone:v1") == old
    assert look_up(f"{registry}/team/gone:v2") == f"{registry}/team/gone:v2"
    assert len(said) == 1
    assert "404" in said[0]


def test_an_image_whose_registry_is_out_of_reach_keeps_its_tag(digests, said):
    with serving() as gone:
        pass
    assert digests()(f"{gone}/team/web:v1") == f"{gone}/team/web:v1"
    assert len(said) == 1
    assert "cannot be reached" in said[0]


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("quay.io/a/b:v1", ("quay.io/a/b", "v1")),
        ("chrislusf/seaweedfs:4", ("docker.io/chrislusf/seaweedfs", "4")),
        ("nginx:1", ("docker.io/nginx", "1")),
        ("localhost:5000/a:v1", ("localhost:5000/a", "v1")),
        ("quay.io/a/b@sha256:0", ("quay.io/a/b", "")),
    ],
)
def test_a_name_without_a_registry_is_docker_hub_s(image, parts):
    assert split(image) == parts
