"""A namespace that is being deleted, emptied and finalized as the namespace controller does it, but at once.

The controller waits five seconds first (`namespaceDeletionGracePeriod`, which no flag changes), so that every API
server of a cluster has heard of the deletion. A sandbox has one API server, and namespaces that wait for each other.
"""

import time
from collections.abc import Iterator

from cnai.kube.client import Endpoint, Kube
from cnai.kube.connection import Object, Params
from cnai.kube.errors import ApiError

PATIENCE_S = 4.5
"""Then the controller is at work itself, and says in the namespace's conditions what it waits for."""
PAUSE_S = 0.1
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


def finish(kube: Kube, name: str, patience_s: float = PATIENCE_S) -> bool:
    """Whether the namespace is final now; if not, something in it takes its time, and the controller goes on.

    For one whose deletion was asked for: nothing new is let in any more.
    """
    deadline = time.monotonic() + patience_s
    try:
        while not _emptied(kube, name):
            if time.monotonic() >= deadline:
                return False
            time.sleep(PAUSE_S)
        return _finalized(kube, name)
    except ApiError:
        # Not for us to judge: an aggregated API that is down must hold the namespace, as it does elsewhere.
        return False


def _emptied(kube: Kube, name: str) -> bool:
    """Deletes whatever there is; True where there was nothing."""
    paths = [endpoint.path(None, name) for endpoint in _contents(kube)]
    left = [path for path in paths if _asked(kube, "GET", path, {"limit": "1"}, NAMES_ONLY).get("items")]
    for path in left:
        _asked(kube, "DELETE", path, {"propagationPolicy": "Background"}, "application/json")
    return not left


def _asked(kube: Kube, method: str, path: str, params: Params, accept: str) -> Object:
    """Empty for a type whose definition has gone since it was discovered."""
    try:
        return kube.ask(method, path, params, accept=accept)
    except ApiError as error:
        if error.status == 404:
            return {}
        raise


def _contents(kube: Kube) -> Iterator[Endpoint]:
    """What can be in a namespace, each type once, in the version that the server prefers."""
    for root in ("/api", "/apis"):
        groups = kube.ask("GET", root, accept=DISCOVERY).get("items")
        if not groups:
            raise ApiError(406, f"{root} does not say which types there are", "NotAcceptable")
        for group in groups:
            yield from _types(root, group)


def _types(root: str, group: Object) -> Iterator[Endpoint]:
    seen: set[str] = set()
    prefix = "/".join(part for part in (root, (group.get("metadata") or {}).get("name")) if part)
    for version in group.get("versions") or ():
        if version.get("freshness") == "Stale":
            raise ApiError(503, f"{prefix}/{version['version']} does not answer", "ServiceUnavailable")
        for each in version.get("resources") or []:
            if each["scope"] == "Namespaced" and "list" in each["verbs"] and each["resource"] not in seen:
                seen.add(each["resource"])
                yield Endpoint(f"{prefix}/{version['version']}", each["resource"], namespaced=True)


def _finalized(kube: Kube, name: str) -> bool:
    live = kube.get("v1", "Namespace", name)
    if live is None:
        return True
    if "deletionTimestamp" not in live["metadata"]:
        return False
    kube.ask("PUT", f"/api/v1/namespaces/{name}/finalize", body={**live, "spec": {**live["spec"], "finalizers": []}})
    return True
