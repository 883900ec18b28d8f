"""An upstream that ships kustomizations, as a GitHub of the test's own on loopback."""

import io
import tarfile
from collections.abc import Mapping
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from cnai.catalog import Crd, Health, Lock, ManifestsSource, Package, Tree, Workload
from cnai.charts.kustomize.trees import checksum

PROJECT = "example/widgets"
DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
"""
CONTROLLER = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: widgets-controller}
spec:
  selector: {matchLabels: {app: widgets}}
  template:
    metadata: {labels: {app: widgets}}
    spec: {containers: [{name: main, image: "ghcr.io/example/widgets:latest"}]}
"""
SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: widgets-settings}
data: {template: "{{ .Values.not.ours }}", database: localhost}
"""
WIDGET = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: first}\nspec: {size: 1}\n"
FILES = {
    "deploy/kustomization.yaml": "namespace: widgets\nresources: [namespace.yaml, ../base, widget.yaml]\n",
    "deploy/namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: widgets}\n",
    "deploy/widget.yaml": WIDGET,
    "base/kustomization.yaml": "resources: [crd.yaml, controller.yaml, settings.yaml]\n",
    "base/crd.yaml": DEFINITION,
    "base/controller.yaml": CONTROLLER,
    "base/settings.yaml": SETTINGS,
}
"""All of it below `config/` of the repository."""
CRD = Crd(group="example.com", kind="Widget", plural="widgets", scope="Namespaced", versions=("v1",))
STAND_IN = Lock(
    crds=(CRD,), workloads=(Workload(kind="Deployment", name="widgets-controller", image="ghcr.io/example/widgets:1"),)
)


class Upstream:
    """Archives by project and ref, as codeload serves them."""

    def __init__(self) -> None:
        self.archives: dict[str, bytes] = {}
        self.asked: list[str] = []
        upstream = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                upstream.asked.append(self.path)
                found = upstream.archives.get(self.path.lstrip("/"))
                self.send_response(200 if found else 404)
                self.end_headers()
                self.wfile.write(found or b"404: Not Found")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.archive = f"http://127.0.0.1:{self._server.server_address[1]}/{{project}}/tar.gz/{{ref}}"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def publish(self, ref: str, files: Mapping[str, str] = FILES, project: str = PROJECT) -> Tree:
        """The tree as it has to be pinned; beside it the repository has a file that nobody wants."""
        inside = {f"config/{name}": text.encode() for name, text in files.items()}
        self.archives[f"{project}/tar.gz/{ref}"] = packed({**inside, "README.md": b"# widgets"}, f"widgets-{ref}")
        return Tree(project=project, ref=ref, folder="config", checksum=checksum(inside), archive=self.archive)


def packed(files: Mapping[str, bytes], top: str) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def package(tree: Tree, *, bases: tuple[Tree, ...] = (), lock: Lock = STAND_IN, **more: Any) -> Package:
    source = ManifestsSource(
        project=tree.project,
        folder=tree.folder,
        checksum=tree.checksum,
        paths=("config/deploy",),
        archive=tree.archive,
        bases=bases,
    )
    return Package(
        **{
            "name": "widgets",
            "home": "scheduling/widgets",
            "kind": "manifests",
            "source": source,
            "version": tree.ref,
            "namespace": "widgets",
            "licence": "Apache-2.0",
            "health": Health(status="maintained", seen=date(2026, 1, 1)),
            "lock": lock,
            **more,
        }
    )
