"""Following objects through the API: a list, then a watch, for as long as the daemon lives."""

import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from cnai.kube import ApiError, Kube, Object

Handler = Callable[[Object | None, Object | None], None]
"""Called with the object's old and new state; None if it did not exist before, or no longer does."""
MAX_DELAY_S = 2.0
RETRY_S = 5
"""After how long everything is listed again when a handler was refused something."""
WATCH_S = 300
GONE = 410


@dataclass(frozen=True)
class Kind:
    api_version: str
    kind: str
    field_selector: str | None = None
    label_selector: str | None = None
    keep: Callable[[Object], Object] = lambda item: item
    """What is remembered of an object, to be the handler's first argument the next time."""


class Reflector:
    """One kind's objects, handed to one handler. What the API server refuses the handler is logged and tried again."""

    def __init__(self, kube: Kube, kind: Kind, handle: Handler, stopping: threading.Event) -> None:
        self._kube = kube
        self._kind = kind
        self._handle = handle
        self._stopping = stopping
        self._known: dict[str, Object] = {}
        self._refused = False

    def run(self, listed: Callable[[], None] = lambda: None) -> None:
        """Until stopping. `listed` is called after each list, when the handler has seen all that there is."""
        delay = 0.1
        while not self._stopping.is_set():
            try:
                version = self._list()
                listed()
                delay = 0.1
                self._watch(version)
            except ApiError as error:
                if error.status != GONE:
                    # No answer (the server restarts) or one that says not now: ask again, ever more slowly.
                    delay = self._pause(delay)
            except Exception:  # noqa: BLE001 - one object that a handler cannot take must not end the rest for good
                traceback.print_exc()
                delay = self._pause(delay)

    def _pause(self, delay: float) -> float:
        """Waits, and gives how long to wait the next time."""
        self._stopping.wait(delay)
        return min(delay * 2, MAX_DELAY_S)

    def _list(self) -> str:
        self._refused = False
        kind = self._kind
        found, version = self._kube.listing(
            kind.api_version, kind.kind, field_selector=kind.field_selector, label_selector=kind.label_selector
        )
        now = {item["metadata"]["uid"]: item for item in found}
        for uid in self._known.keys() - now.keys():
            self._changed(uid, None)
        for uid, item in now.items():
            self._changed(uid, item)
        return version

    def _watch(self, version: str) -> None:
        kind = self._kind
        while not self._stopping.is_set() and not self._refused:
            events = self._kube.watch(
                kind.api_version,
                kind.kind,
                resource_version=version,
                timeout_s=WATCH_S,
                label_selector=kind.label_selector,
                field_selector=kind.field_selector,
            )
            for event, item in events:
                version = item["metadata"]["resourceVersion"]
                if event != "BOOKMARK":
                    self._changed(item["metadata"]["uid"], None if event == "DELETED" else item)
                if self._refused:
                    self._stopping.wait(RETRY_S)
                    break

    def _changed(self, uid: str, item: Object | None) -> None:
        before = self._known.pop(uid, None)
        if item is not None:
            self._known[uid] = self._kind.keep(item)
        try:
            self._handle(before, item)
        except ApiError as error:
            if not error.status:
                raise
            self._refused = True
            print(f"{self._kind.kind}: {error.message}", file=sys.stderr, flush=True)
