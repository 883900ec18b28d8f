"""A namespace goes at once when nothing in it takes its time, and never before it is empty."""

from typing import Any

import pytest

from cnai.kube import ApiError, namespaces

Json = dict[str, Any]


def resource(name: str, scope: str = "Namespaced", *verbs: str) -> Json:
    return {"resource": name, "scope": scope, "verbs": list(verbs or ("list", "deletecollection"))}


def group(name: str, **versions: list[Json]) -> Json:
    return {
        "metadata": {"name": name},
        "versions": [{"version": key, "freshness": "Current", "resources": each} for key, each in versions.items()],
    }


class Server:
    """Holds objects by the path of their type; `stuck` ones ignore the first deletions."""

    def __init__(self, objects: dict[str, int], stuck: dict[str, int] | None = None) -> None:
        self.objects, self.stuck = objects, stuck or {}
        self.core = [group("", v1=[resource("configmaps"), resource("pods"), resource("nodes", "Cluster")])]
        self.core[0]["versions"][0]["resources"].append(resource("bindings", "Namespaced", "create"))
        self.groups = [group("x.dev", v1=[resource("widgets")], v1beta1=[resource("widgets"), resource("gadgets")])]
        self.asked: list[tuple[str, str]] = []
        self.namespace: Json | None = {"metadata": {"deletionTimestamp": "now"}, "spec": {"finalizers": ["kubernetes"]}}

    def ask(self, method: str, path: str, params: object = None, body: Any = None, accept: str = "") -> Json:
        self.asked.append((method, path))
        if path in ("/api", "/apis"):
            return {"items": self.core if path == "/api" else self.groups}
        if method == "PUT":
            assert body["spec"]["finalizers"] == []
            assert not any(self.objects.values()), "finalized before it was empty"
            self.namespace = None
            return {}
        if path not in self.objects:
            raise ApiError(404, "the server could not find the requested resource")
        if method == "DELETE" and self.stuck.get(path, 0) > 0:
            self.stuck[path] -= 1
        elif method == "DELETE":
            self.objects[path] = 0
        return {"items": [{}] * min(1, self.objects[path])}

    def get(self, api_version: str, kind: str, name: str) -> Json | None:
        assert (api_version, kind, name) == ("v1", "Namespace", "team")
        return self.namespace


CONFIG_MAPS, PODS = "/api/v1/namespaces/team/configmaps", "/api/v1/namespaces/team/pods"
WIDGETS, GADGETS = "/apis/x.dev/v1/namespaces/team/widgets", "/apis/x.dev/v1beta1/namespaces/team/gadgets"


def test_everything_in_it_is_deleted_before_it_is_finalized():
    server = Server({CONFIG_MAPS: 3, PODS: 0, WIDGETS: 1, GADGETS: 1})
    assert namespaces.finish(server, "team")
    assert server.namespace is None
    assert {path for method, path in server.asked if method == "DELETE"} == {CONFIG_MAPS, WIDGETS, GADGETS}


def test_each_type_is_looked_at_once_in_the_version_that_the_server_prefers():
    server = Server({CONFIG_MAPS: 0, PODS: 0, WIDGETS: 0, GADGETS: 0})
    assert namespaces.finish(server, "team")
    listed = [path for method, path in server.asked if method == "GET" and "namespaces" in path]
    assert listed == [CONFIG_MAPS, PODS, WIDGETS, GADGETS]


def test_what_is_gone_after_a_moment_is_waited_for():
    server = Server({CONFIG_MAPS: 0, PODS: 1, WIDGETS: 0, GADGETS: 0}, stuck={PODS: 2})
    assert namespaces.finish(server, "team")
    assert server.namespace is None


def test_a_namespace_in_which_something_stays_is_left_to_its_controller():
    server = Server({CONFIG_MAPS: 0, PODS: 1, WIDGETS: 0, GADGETS: 0}, stuck={PODS: 1000})
    assert not namespaces.finish(server, "team", patience_s=0.2)
    assert server.namespace is not None


def test_a_type_whose_definition_has_just_gone_holds_nothing_up():
    server = Server({CONFIG_MAPS: 1, PODS: 0})
    assert namespaces.finish(server, "team")


def test_while_an_aggregated_api_is_down_the_namespace_stays():
    server = Server({CONFIG_MAPS: 0, PODS: 0, WIDGETS: 0, GADGETS: 0})
    server.groups[0]["versions"][0]["freshness"] = "Stale"
    assert not namespaces.finish(server, "team")
    assert server.namespace is not None


def test_a_server_that_does_not_say_what_there_can_be_in_a_namespace_is_left_to_its_controller():
    server = Server({CONFIG_MAPS: 0, PODS: 0})
    server.groups = []
    assert not namespaces.finish(server, "team")
    assert server.namespace is not None


@pytest.mark.parametrize(("live", "done"), [(None, True), ({"metadata": {}, "spec": {"finalizers": []}}, False)])
def test_one_that_is_gone_or_somebody_elses_new_one_is_not_finalized(live: Json | None, done: bool):
    server = Server({})
    server.namespace = live
    assert namespaces.finish(server, "team") is done
    assert not any(method == "PUT" for method, _ in server.asked)
