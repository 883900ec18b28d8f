"""Kubernetes objects as plain dicts over the API server's HTTP interface."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from lightkube.config.kubeconfig import SingleConfig

from cnai.errors import UserError
from cnai.kube.connection import Connection, Object, Params, Warn, chosen
from cnai.kube.errors import ApiError, NoKindError


@dataclass(frozen=True)
class Endpoint:
    """How one kind is addressed."""

    prefix: str
    plural: str
    namespaced: bool

    def path(self, name: str | None = None, namespace: str | None = None, subresource: str | None = None) -> str:
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        tail = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{self.prefix}{scope}/{self.plural}{tail}"


class Kube:
    """One cluster. Safe to share between threads; namespaced calls without a namespace use the context's own."""

    def __init__(self, config: SingleConfig) -> None:
        self.context = config.context_name
        self.namespace: str = config.namespace
        self._connection = Connection(config)
        self.server = self._connection.server
        self._endpoints: dict[tuple[str, str], Endpoint] = {}

    @classmethod
    def from_kubeconfig(cls, path: Path, context: str | None = None) -> "Kube":
        """Raises `UserError` where the file or the context is not there."""
        try:
            text = path.expanduser().read_text()
        except OSError as error:
            raise UserError(f"kubeconfig {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UserError(f"kubeconfig {path}: not text ({error.reason})") from error
        return cls.from_content(text, context, path)

    @classmethod
    def from_content(cls, text: str, context: str | None = None, path: Path | None = None) -> "Kube":
        """The same from a kubeconfig's text; `path` is what its relative file names start from."""
        return cls(chosen(text, context, path))

    def close(self) -> None:
        self._connection.close()

    def apply(
        self,
        obj: Object,
        field_manager: str,
        force: bool = False,
        dry_run: bool = False,
        subresource: str | None = None,
        warn: Warn | None = None,
    ) -> Object:
        """Server-side apply; creates what is not there. A conflict is `ApiError` 409.

        `warn` gets the server's remarks, such as a field that a custom resource's schema does not know.
        """
        metadata = obj["metadata"]
        path = self._path(obj["apiVersion"], obj["kind"], metadata["name"], metadata.get("namespace"), subresource)
        params = {"fieldManager": field_manager, "force": "true" if force else "false", **_dry_run(dry_run)}
        return self._connection.send("PATCH", path, params, obj, "apply", warn)

    def create(self, obj: Object, field_manager: str | None = None, dry_run: bool = False) -> Object:
        endpoint = self.endpoint(obj["apiVersion"], obj["kind"])
        path = endpoint.path(None, obj.get("metadata", {}).get("namespace") or self.namespace)
        return self._connection.send("POST", path, _manager(field_manager) | _dry_run(dry_run), obj)

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """None where the object is not there; a kind that is not served is `NoKindError`."""
        path = self._path(api_version, kind, name, namespace)
        try:
            return self._connection.send("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def patch(
        self,
        api_version: str,
        kind: str,
        name: str,
        patch: Any,
        namespace: str | None = None,
        patch_type: Literal["merge", "json", "strategic"] = "merge",
        subresource: str | None = None,
        field_manager: str | None = None,
    ) -> Object:
        path = self._path(api_version, kind, name, namespace, subresource)
        return self._connection.send("PATCH", path, _manager(field_manager), patch, patch_type)

    def delete(
        self,
        api_version: str,
        kind: str,
        name: str,
        namespace: str | None = None,
        propagation: Literal["Foreground", "Background", "Orphan"] = "Background",
    ) -> Object | None:
        """Asks for the deletion: None where there was nothing to delete, a `Status` where the object is gone already,
        else the object, with its `deletionTimestamp`."""
        path = self._path(api_version, kind, name, namespace)
        try:
            return self._connection.send("DELETE", path, {"propagationPolicy": propagation})
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def evict(self, name: str, namespace: str) -> bool:
        """Asks for a pod's eviction; False where a disruption budget does not allow it now."""
        path = self._path("v1", "Pod", name, namespace, "eviction")
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
        try:
            self._connection.send("POST", path, {}, body)
        except ApiError as error:
            if error.status == 429:
                return False
            if error.status != 404:
                raise
        return True

    def watch(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        resource_version: str | None = None,
        timeout_s: int = 300,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Iterator[tuple[str, Object]]:
        """Events (`ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK`) until the time is up or the connection ends.

        A resource version that is too old is `ApiError` 410: list again.
        """
        params = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(timeout_s)}
        params |= {"resourceVersion": resource_version} if resource_version else {}
        params |= _selectors(label_selector, field_selector)
        path = self.endpoint(api_version, kind).path(None, namespace)
        yield from self._connection.events(path, params, timeout_s + 30)

    def listing(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> tuple[list[Object], str]:
        """`list`, and the resource version from which a `watch` goes on."""
        path = self.endpoint(api_version, kind).path(None, namespace)
        params = {"limit": "1000"} | _selectors(label_selector, field_selector)
        found: list[Object] = []
        while True:
            page = self._connection.send("GET", path, params)
            items = cast("list[Object]", page.get("items") or [])
            found += [{"apiVersion": api_version, "kind": kind, **item} for item in items]
            if not (more := page["metadata"].get("continue")):
                return found, page["metadata"]["resourceVersion"]
            params["continue"] = more

    def ask(
        self, method: str, path: str, params: Params | None = None, body: Any = None, accept: str = "application/json"
    ) -> Object:
        """For what is no object of a kind: discovery, collections, subresources of a namespace."""
        return self._connection.send(method, path, params, body, accept=accept)

    def endpoint(self, api_version: str, kind: str) -> Endpoint:
        """Discovery, cached for good once a kind was found; a miss asks the server again each time."""
        if (api_version, kind) not in self._endpoints:
            self._discover(api_version)
        if found := self._endpoints.get((api_version, kind)):
            return found
        raise NoKindError(404, f'no matches for kind "{kind}" in version "{api_version}"', "NotFound")

    def forget(self, api_version: str, kind: str) -> None:
        """Drops a kind from the cache: its CRD went away or came back with another scope."""
        self._endpoints.pop((api_version, kind), None)

    def list(
        self, api_version: str, kind: str, namespace: str | None = None, label_selector: str | None = None
    ) -> list[Object]:
        """All objects of a kind; all namespaces where none is given."""
        return self.listing(api_version, kind, namespace, label_selector)[0]

    def _discover(self, api_version: str) -> None:
        prefix = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            served = self._connection.send("GET", prefix)
        except ApiError as error:
            if error.status == 404:
                return
            raise
        for resource in served["resources"]:
            if "/" not in resource["name"]:
                endpoint = Endpoint(prefix, resource["name"], resource["namespaced"])
                self._endpoints[(api_version, resource["kind"])] = endpoint

    def _path(
        self, api_version: str, kind: str, name: str, namespace: str | None = None, subresource: str | None = None
    ) -> str:
        return self.endpoint(api_version, kind).path(name, namespace or self.namespace, subresource)


def _manager(field_manager: str | None) -> Params:
    return {"fieldManager": field_manager} if field_manager else {}


def _selectors(labels: str | None, fields: str | None) -> Params:
    return ({"labelSelector": labels} if labels else {}) | ({"fieldSelector": fields} if fields else {})


def _dry_run(wanted: bool) -> Params:
    return {"dryRun": "All"} if wanted else {}
