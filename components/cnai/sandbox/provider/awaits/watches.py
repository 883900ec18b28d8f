"""One watch per kind for the whole process, shared by everything that waits for objects of that kind."""

import logging
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from cnai.kube import ApiError, Kube

Object = dict[str, Any]
Key = tuple[str, str]
log = logging.getLogger(__name__)
RETRY_S = 0.5
SERVICE_LABEL = "kubernetes.io/service-name"


class Watches:
    """All watches of one cluster, and the one way to stop everything that waits."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._watches: dict[tuple[str, str], Watch] = {}
        self._lock = threading.Lock()
        self._cancelled = threading.Event()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def pause(self, seconds: float) -> None:
        """Sleeps, unless the engine cancels."""
        self._cancelled.wait(seconds)

    def of(self, api_version: str, kind: str) -> "Watch":
        with self._lock:
            if (api_version, kind) not in self._watches:
                self._watches[(api_version, kind)] = Watch(self._kube, api_version, kind)
            return self._watches[(api_version, kind)]

    def cancel(self) -> None:
        """Wakes whoever waits; they see `cancelled`."""
        self._cancelled.set()
        with self._lock:
            for watch in self._watches.values():
                watch.wake()


class Watch:
    """The objects of one kind as they change, by namespace and name (EndpointSlices: by their Service's name)."""

    def __init__(self, kube: Kube, api_version: str, kind: str) -> None:
        self._kube, self._api_version, self._kind = kube, api_version, kind
        self._lock = threading.Lock()
        self._objects: dict[Key, dict[str, Object]] = {}
        self._waiting: dict[Key, set[threading.Event]] = {}
        threading.Thread(target=self._run, name=f"watch {kind}", daemon=True).start()

    def at(self, key: Key) -> list[Object]:
        with self._lock:
            return list(self._objects.get(key, {}).values())

    @contextmanager
    def changes(self, key: Key, changed: threading.Event) -> Generator[None]:
        """Sets the event whenever something under the key changes."""
        with self._lock:
            self._waiting.setdefault(key, set()).add(changed)
        try:
            yield
        finally:
            with self._lock:
                waiting = self._waiting[key]
                waiting.discard(changed)
                if not waiting:
                    del self._waiting[key]

    def wake(self) -> None:
        with self._lock:
            for events in self._waiting.values():
                for event in events:
                    event.set()

    def _run(self) -> None:
        version: str | None = None
        while True:
            try:
                version = version or self._list()
                for event, obj in self._kube.watch(self._api_version, self._kind, resource_version=version):
                    version = obj["metadata"]["resourceVersion"]
                    if event != "BOOKMARK":
                        self._see(obj, gone=event == "DELETED")
            except ApiError as error:
                # The API server restarts, the CRD is gone, or the version is too old: start over from a list.
                log.debug("watch %s %s: %s", self._api_version, self._kind, error)
                version = None
                time.sleep(RETRY_S)
            except Exception:
                # Without its thread a watch would fall silent, and all that wait would wait for ever.
                log.exception("watch %s %s", self._api_version, self._kind)
                version = None
                time.sleep(RETRY_S)

    def _list(self) -> str:
        found, version = self._kube.listing(self._api_version, self._kind)
        objects: dict[Key, dict[str, Object]] = {}
        for obj in found:
            obj["metadata"].pop("managedFields", None)
            objects.setdefault(key_of(obj), {})[obj["metadata"]["name"]] = obj
        with self._lock:
            self._objects = objects
        self.wake()
        return version

    def _see(self, obj: Object, gone: bool) -> None:
        key, name = key_of(obj), obj["metadata"]["name"]
        obj["metadata"].pop("managedFields", None)
        with self._lock:
            if not gone:
                self._objects.setdefault(key, {})[name] = obj
            elif key in self._objects:
                self._objects[key].pop(name, None)
            for event in self._waiting.get(key, ()):
                event.set()


def key_of(obj: Object) -> Key:
    metadata = obj["metadata"]
    name = metadata["name"]
    if obj.get("kind") == "EndpointSlice":
        name = (metadata.get("labels") or {}).get(SERVICE_LABEL, name)
    return metadata.get("namespace") or "", name
