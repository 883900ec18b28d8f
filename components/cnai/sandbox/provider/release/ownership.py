"""CRDs that releases bring outside their manifests: applied by the server, shared by count, gone with the last one."""

import hashlib
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import compress
from typing import Any

from cnai.kube import ApiError, Kube
from cnai.plugin.errors import ProviderError

Object = dict[str, Any]
API, KIND = "apiextensions.k8s.io/v1", "CustomResourceDefinition"
PREFIX = "release.cnai.dev/"
MAX_LABEL = 63
ESTABLISH_S = 60.0
POLL_S = 0.1
WORKERS = 8


def owner_label(namespace: str, name: str) -> str:
    """One label per owner, so that several releases can bring the same CRD."""
    shown = f"{namespace}.{name}"
    if len(shown) > MAX_LABEL:
        shown = f"{shown[: MAX_LABEL - 9]}-{hashlib.sha256(shown.encode()).hexdigest()[:8]}"
    return PREFIX + shown


class Crds:
    """Of one cluster."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    def install(self, namespace: str, name: str, crds: Iterable[Object]) -> list[Object]:
        """Applies those that are new or a release's; returns those that are owned, and kept, by others.

        Helm itself would only install what is missing, at the first installation, and never change it again.
        """
        wanted = list(crds)
        with ThreadPoolExecutor(WORKERS) as pool:
            ours = list(pool.map(partial(self._apply, namespace, name), wanted))
        deadline = time.monotonic() + ESTABLISH_S
        for crd in compress(wanted, ours):
            self._await_established(crd["metadata"]["name"], deadline)
        return [crd for crd, is_ours in zip(wanted, ours, strict=True) if not is_ours]

    def _apply(self, namespace: str, name: str, crd: Object) -> bool:
        metadata = crd["metadata"]
        live = self._kube.get(API, KIND, metadata["name"])
        if live and not _is_a_releases(live, namespace, name):
            return False
        # Helm's own marks let a later chart with this CRD among its templates take it over, and never delete it.
        labels = {"app.kubernetes.io/managed-by": "Helm", owner_label(namespace, name): ""}
        notes = {
            "meta.helm.sh/release-name": name,
            "meta.helm.sh/release-namespace": namespace,
            "helm.sh/resource-policy": "keep",
        }
        kept = {key: value for key, value in metadata.items() if key in ("name", "labels", "annotations")}
        applied = {
            "apiVersion": API,
            "kind": KIND,
            "metadata": kept
            | {
                "labels": (metadata.get("labels") or {}) | labels,
                "annotations": (metadata.get("annotations") or {}) | notes,
            },
            "spec": crd["spec"],
        }
        self._kube.apply(applied, field_manager=f"cnai-{namespace}.{name}"[:128], force=True)
        return True

    def _await_established(self, name: str, deadline: float) -> None:
        while True:
            live = self._kube.get(API, KIND, name)
            conditions = ((live or {}).get("status") or {}).get("conditions") or []
            if any(each["type"] == "Established" and each["status"] == "True" for each in conditions):
                return
            if time.monotonic() > deadline:
                said = "; ".join(each["message"] for each in conditions if each["status"] == "False")
                raise ProviderError(f"{KIND} {name} was not established within {ESTABLISH_S:g} s: {said}")
            time.sleep(POLL_S)

    def release(self, namespace: str, name: str) -> list[Object]:
        """Gives up this release's claim; what nobody else claims is being deleted afterwards, and is returned."""
        label, gone = owner_label(namespace, name), list[Object]()
        for crd in self._kube.list(API, KIND, label_selector=label):
            others = [key for key in crd["metadata"]["labels"] if key.startswith(PREFIX) and key != label]
            if others:
                self._kube.patch(API, KIND, crd["metadata"]["name"], {"metadata": {"labels": {label: None}}})
            elif self._kube.delete(API, KIND, crd["metadata"]["name"]):
                self._kube.forget(
                    f"{crd['spec']['group']}/{crd['spec']['versions'][0]['name']}", crd["spec"]["names"]["kind"]
                )
                gone.append(crd)
        return gone


def _is_a_releases(live: Object, namespace: str, name: str) -> bool:
    labels, notes = live["metadata"].get("labels") or {}, live["metadata"].get("annotations") or {}
    helms = (notes.get("meta.helm.sh/release-namespace"), notes.get("meta.helm.sh/release-name"))
    return any(key.startswith(PREFIX) for key in labels) or helms == (namespace, name)


def await_gone(kube: Kube, objects: Iterable[Object], timeout_s: float) -> None:
    """Raises `ProviderError` with what holds the object back that is still there when time is up."""
    deadline = time.monotonic() + timeout_s
    for obj in objects:
        metadata = obj["metadata"]
        what = (obj["apiVersion"], obj["kind"], metadata["name"], metadata.get("namespace"))
        while live := _get(kube, *what):
            if time.monotonic() > deadline:
                raise ProviderError(
                    f"{what[1]} {what[2]} is still there {timeout_s:g} s after its deletion: {_words(live)}"
                )
            time.sleep(POLL_S)


def _get(kube: Kube, api_version: str, kind: str, name: str, namespace: str | None) -> Object | None:
    try:
        return kube.get(api_version, kind, name, namespace)
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def _words(live: Object) -> str:
    conditions = (live.get("status") or {}).get("conditions") or []
    said = [each["message"] for each in conditions if each.get("type") == "Terminating" and each.get("message")]
    finalizers = ", ".join(live["metadata"].get("finalizers") or [])
    return "; ".join(said) or (f"its finalizers are {finalizers}" if finalizers else "nothing says why")
