import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from cnai.errors import UserError
from cnai.kube import ApiError, Kube, NoKindError

CORE = {"resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True}]}
CORE["resources"] += [{"name": "nodes", "kind": "Node", "namespaced": False}]
CORE["resources"] += [{"name": "nodes/status", "kind": "Node", "namespaced": False}]
Answer = tuple[int, object]


@dataclass
class ApiServer:
    """As much of one as a client notices; `answers` are given by path, one after the other, the last for good."""

    url: str = ""
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def says(self, path: str, *answers: Answer) -> None:
        self.answers[path] = list(answers)

    def next(self, method: str, path: str) -> Answer:
        self.asked.append((method, path))
        queue = self.answers.get(path.partition("?")[0], [(404, {"message": "the server could not find it"})])
        return queue.pop(0) if len(queue) > 1 else queue[0]

    @property
    def kube(self) -> Kube:
        return Kube.from_content(kubeconfig(self.url))


def kubeconfig(url: str) -> str:
    entry = {"name": "test", "cluster": {"server": url}}
    context = {"name": "test", "context": {"cluster": "test", "user": "", "namespace": "mine"}}
    config = {"clusters": [entry], "contexts": [context], "users": [], "current-context": "test"}
    return yaml.safe_dump(config)


def handler(server: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = server.next(self.command, self.path)
            if status == 0:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PATCH = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def server() -> Iterator[ApiServer]:
    api = ApiServer()
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler(api))
    http.daemon_threads = True
    api.url = f"http://127.0.0.1:{http.server_port}"
    api.says("/api/v1", (200, CORE))
    threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    yield api
    http.shutdown()
    http.server_close()


def config_map(**metadata: str) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", **metadata}}


def test_a_kind_is_discovered_once_and_addressed_in_its_own_namespace_or_the_contexts(server: ApiServer):
    server.says("/api/v1/namespaces/mine/configmaps/a", (200, config_map()))
    server.says("/api/v1/namespaces/other/configmaps/a", (200, config_map()))
    kube = server.kube
    kube.apply(config_map(), "me")
    kube.apply(config_map(namespace="other"), "me", force=True, dry_run=True)
    assert server.asked == [
        ("GET", "/api/v1"),
        ("PATCH", "/api/v1/namespaces/mine/configmaps/a?fieldManager=me&force=false"),
        ("PATCH", "/api/v1/namespaces/other/configmaps/a?fieldManager=me&force=true&dryRun=All"),
    ]


def test_a_kind_of_the_whole_cluster_has_no_namespace_in_its_address(server: ApiServer):
    server.says("/api/v1/nodes/a/status", (200, {}))
    server.kube.patch("v1", "Node", "a", {"status": {}}, namespace="ignored", subresource="status")
    assert server.asked[-1] == ("PATCH", "/api/v1/nodes/a/status")


def test_a_kind_that_is_not_served_yet_is_asked_for_again_each_time(server: ApiServer):
    kube = server.kube
    with pytest.raises(NoKindError, match=r'no matches for kind "Widget" in version "x\.dev/v1"'):
        kube.get("x.dev/v1", "Widget", "w")
    server.says("/apis/x.dev/v1", (200, {"resources": [{"name": "widgets", "kind": "Widget", "namespaced": True}]}))
    server.says("/apis/x.dev/v1/namespaces/mine/widgets/w", (200, {"found": True}))
    assert kube.get("x.dev/v1", "Widget", "w") == {"found": True}


def test_what_is_not_there_is_none_and_its_deletion_too(server: ApiServer):
    kube = server.kube
    assert kube.get("v1", "ConfigMap", "absent") is None
    assert kube.delete("v1", "ConfigMap", "absent") is None


def test_a_refusal_is_in_the_api_servers_words(server: ApiServer):
    refusal = {"kind": "Status", "message": "configmaps is forbidden: no", "reason": "Forbidden"}
    server.says("/api/v1/namespaces/mine/configmaps", (403, refusal))
    with pytest.raises(ApiError) as refused:
        server.kube.create(config_map())
    assert (refused.value.status, refused.value.message, refused.value.reason) == (
        403,
        "configmaps is forbidden: no",
        "Forbidden",
    )


def test_an_answer_that_is_no_json_is_told_as_it_is(server: ApiServer):
    server.says("/api/v1/namespaces/mine/configmaps/a", (502, "bad gateway"))
    with pytest.raises(ApiError, match="bad gateway"):
        server.kube.get("v1", "ConfigMap", "a")


@pytest.mark.parametrize("trouble", [(0, ""), (429, {"message": "too many requests"})], ids=["cut off", "busy"])
def test_what_is_safe_to_repeat_is_repeated(server: ApiServer, trouble: Answer):
    server.says("/api/v1/namespaces/mine/configmaps/a", trouble, trouble, (200, config_map()))
    assert server.kube.apply(config_map(), "me")["metadata"]["name"] == "a"


def test_a_creation_is_never_sent_twice(server: ApiServer):
    server.says("/api/v1/namespaces/mine/configmaps", (0, ""))
    with pytest.raises(ApiError) as refused:
        server.kube.create(config_map())
    assert refused.value.status == 0
    assert sum(method == "POST" for method, _ in server.asked) == 1


def test_no_api_server_at_all_names_the_address():
    with pytest.raises(ApiError, match=r"the API server at http://127\.0\.0\.1:9 does not answer"):
        Kube.from_content(kubeconfig("http://127.0.0.1:9")).get("v1", "ConfigMap", "a")


def test_a_list_comes_page_by_page_and_its_items_know_what_they_are(server: ApiServer):
    first = {"metadata": {"continue": "more", "resourceVersion": "1"}, "items": [{"metadata": {"name": "a"}}]}
    second = {"metadata": {"resourceVersion": "1"}, "items": [{"metadata": {"name": "b"}}]}
    server.says("/api/v1/configmaps", (200, first), (200, second))
    found = server.kube.list("v1", "ConfigMap", label_selector="x=y")
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in found] == [("ConfigMap", "a"), ("ConfigMap", "b")]
    assert server.asked[-1] == ("GET", "/api/v1/configmaps?limit=1000&labelSelector=x%3Dy&continue=more")


def test_a_watch_that_is_too_old_says_so(server: ApiServer):
    added = json.dumps({"type": "ADDED", "object": config_map()})
    gone = json.dumps({"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}})
    server.says("/api/v1/namespaces/mine/configmaps", (200, f"{added}\n{gone}\n"))
    watch = server.kube.watch("v1", "ConfigMap", "mine", resource_version="1")
    assert next(watch)[0] == "ADDED"
    with pytest.raises(ApiError, match="too old") as refused:
        next(watch)
    assert refused.value.status == 410


def binary(path: Path) -> Path:
    path.write_bytes(b"\xff\xfe\x00")
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: Kube.from_kubeconfig(folder / "absent"), "No such file"),
        (lambda _: Kube.from_content(kubeconfig("http://x"), "other"), "Context 'other' not found"),
        (lambda _: Kube.from_content("clusters: []\ncontexts: []\n"), "current context"),
        (lambda _: Kube.from_content("{"), "kubeconfig given as text"),
        (lambda _: Kube.from_content("just words"), "kubeconfig given as text"),
        (lambda folder: Kube.from_kubeconfig(binary(folder / "binary")), "not text"),
    ],
)
def test_a_kubeconfig_that_will_not_do_is_the_users_to_mend(tmp_path: Path, make: Callable[[Path], Kube], words: str):
    with pytest.raises(UserError, match=words):
        make(tmp_path)


def test_a_kubeconfig_that_is_no_yaml_is_one_line():
    with pytest.raises(UserError) as refused:
        Kube.from_content(": : garbage")
    assert "\n" not in str(refused.value)
