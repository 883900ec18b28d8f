"""Node groups attended for as long as the daemon lives; nothing is watched before there is one."""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cnai.kube import Kube, Object
from cnai.paths import SandboxDir
from cnai.sandbox.controllers.groups import records
from cnai.sandbox.controllers.groups.facts import GROUP_LABEL
from cnai.sandbox.controllers.groups.keeper import Keeper
from cnai.sandbox.controllers.groups.records import Group
from cnai.sandbox.controllers.reflector import Handler, Kind

if TYPE_CHECKING:
    from cnai.sandbox.controllers.groups.requests import Requests

Follow = Callable[[Kind, Handler, Callable[[], None]], None]
RECORDS = Kind("v1", "ConfigMap", f"metadata.namespace={records.NAMESPACE}", records.SELECTOR)


def _identity(item: Object) -> Object:
    """Thousands of nodes and pods are watched: no more of them is kept than who they were."""
    return {"metadata": {key: item["metadata"][key] for key in ("name", "uid")}}


NODES = Kind("v1", "Node", keep=_identity)
PODS = Kind("v1", "Pod", keep=_identity)


class NodeGroups:
    def __init__(self, kube: Kube, dir: SandboxDir, follow: Follow, stopping: threading.Event) -> None:  # noqa: A002
        self._kube = kube
        self._dir = dir
        self._keeper = Keeper(kube, lambda group: zones(dir, group))
        self._follow = follow
        self._stopping = stopping
        self._started = threading.Lock()
        self._requests: Requests | None = None
        self._served = False

    def start(self) -> None:
        self._follow(RECORDS, self._record_changed, self._records_listed)

    def _record_changed(self, before: Object | None, record: Object | None) -> None:
        self._keeper.record_changed(before, record)
        self._attend()
        queued = any(group.capacity == "queued" for group in self._keeper.groups())
        if queued != self._served:
            self._serve_requests(queued)

    def _records_listed(self) -> None:
        self._keeper.listed("records")
        if self._kube.list("v1", "Node", label_selector=GROUP_LABEL):
            self._attend()

    def _attend(self) -> None:
        if not self._started.acquire(blocking=False):
            return
        self._follow(NODES, self._keeper.node_changed, lambda: self._keeper.listed("nodes"))
        self._follow(PODS, self._keeper.pod_changed, lambda: self._keeper.listed("pods"))
        threading.Thread(target=self._keeper.run, args=(self._stopping,), daemon=True).start()

    def _serve_requests(self, queued: bool) -> None:
        """The cluster serves ProvisioningRequests for as long as it has groups whose nodes are asked for."""
        from cnai.sandbox.controllers.groups import requests as module  # here, since few sandboxes have any

        first = self._requests is None
        requests = self._requests = self._requests or module.Requests(
            self._kube, self._keeper.groups, lambda group: zones(self._dir, group)
        )
        (requests.install if queued else requests.uninstall)()
        self._served = queued
        if first:
            self._follow(module.REQUESTS, requests.changed, lambda: None)


def zones(dir: SandboxDir, group: Group) -> Sequence[str]:  # noqa: A002
    """Where the group's machines can be had now: everywhere, unless the environment's faults say otherwise."""
    everywhere = group.zones or ("",)
    if not dir.faults.exists():
        return everywhere
    from cnai.sandbox.cloud.faults import Faults  # here, since few sandboxes have any

    faults = Faults(dir)
    return [zone for zone in everywhere if not faults.lacking(group.machine, [zone] if zone else [], group.capacity)]
