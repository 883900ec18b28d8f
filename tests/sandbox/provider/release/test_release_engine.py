"""Releases as a program declares them, through the real engine."""

import json
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pulumi
import pulumi_kubernetes as k8s
import pytest
from release_charts import SETTINGS, packed, write_chart

from cnai.kube import Kube, Object

pytestmark = pytest.mark.sandbox
PASSWORD = "correct-horse-battery"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nobody reads it."""


@pytest.fixture
def repository(tmp_path: Path):
    """A chart repository on loopback."""
    folder = tmp_path / "repository"
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    url = f"http://127.0.0.1:{server.server_address[1]}"
    packed(write_chart(tmp_path / "chart", {"settings": SETTINGS}), folder / "small.tgz")
    entry = {"apiVersion": "v2", "name": "small", "version": "1.2.3", "urls": [f"{url}/small.tgz"]}
    (folder / "index.yaml").write_text(json.dumps({"apiVersion": "v1", "entries": {"small": [entry]}}))
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield url
    server.shutdown()
    server.server_close()


def test_a_release_from_a_repository_is_created_upgraded_and_destroyed_without_showing_its_secrets(
    stack, kube: Kube, node: Object, repository: str, tmp_path: Path
):
    def program(text: str, version: str = "1.2.3", secret: bool = False):
        def run() -> None:
            namespace = k8s.core.v1.Namespace("releases", metadata={"name": "engine-releases"})
            release = k8s.helm.v3.Release(
                "app",
                chart="small",
                version=version,
                namespace=namespace.metadata.name,
                repository_opts={"repo": repository},
                values={"text": pulumi.Output.secret(text) if secret else text},
            )
            pulumi.export("status", release.status.status)

        return run

    assert stack.up(program("one"))["create"] == 3
    name = stack.resources()["app"]["outputs"]["name"]
    assert name.startswith("app-")
    assert (tmp_path / "cache" / "charts" / "small-1.2.3.tgz").is_file()
    assert stack.up(program("one")) == {"same": 3}

    assert stack.up(program(PASSWORD, secret=True)) == {"same": 2, "update": 1}
    settings = kube.get("v1", "ConfigMap", f"{name}-settings", "engine-releases") or {}
    assert settings["data"]["text"] == PASSWORD
    assert PASSWORD not in stack.written()

    refused = stack.failing(program("two", version="7.7.7"))
    assert "small 7.7.7" in refused
    assert "Traceback" not in refused
    stack.inner.destroy()
    assert kube.get("v1", "Namespace", "engine-releases") is None
