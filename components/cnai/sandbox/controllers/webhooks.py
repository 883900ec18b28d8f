"""A controller's webhook configurations, pointed at where it really runs."""

from collections.abc import Iterable, Mapping
from typing import Any

from cnai.kube import Kube

API = "admissionregistration.k8s.io/v1"
KINDS = {"MutatingWebhookConfiguration": "mutating", "ValidatingWebhookConfiguration": "validating"}
CONTROLLER = "cnai.dev/controller"
LABELS = {"cnai.dev/sandbox": "true"}


def rewritten(
    manifests: Iterable[Mapping[str, Any]],
    controller: str,
    port: int,
    ca_bundle: str,
    namespaces: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Calls by URL instead of by Service. Under names of ours, so that no chart's own configuration is overwritten.

    `namespaces` replaces the selector of those webhooks that have one.
    """
    kept = [manifest for manifest in manifests if manifest.get("kind") in KINDS]
    return [
        {
            "apiVersion": API,
            "kind": manifest["kind"],
            "metadata": {
                "name": f"{KINDS[manifest['kind']]}-{number}.{controller}.sandbox.cnai.dev",
                "labels": {**LABELS, CONTROLLER: controller},
            },
            "webhooks": [_by_url(webhook, port, ca_bundle, namespaces) for webhook in manifest.get("webhooks") or []],
        }
        for number, manifest in enumerate(kept)
    ]


def _by_url(
    webhook: Mapping[str, Any], port: int, ca_bundle: str, namespaces: Mapping[str, Any] | None
) -> dict[str, Any]:
    path = webhook["clientConfig"].get("service", {}).get("path", "/")
    client = {"url": f"https://127.0.0.1:{port}{path}", "caBundle": ca_bundle}
    seen = {"namespaceSelector": dict(namespaces)} if namespaces and webhook.get("namespaceSelector") else {}
    return {**webhook, **seen, "clientConfig": client}


def install(kube: Kube, configurations: Iterable[dict[str, Any]]) -> None:
    for configuration in configurations:
        kube.apply(configuration, field_manager="cnai-sandbox", force=True)


def remove(kube: Kube, controller: str) -> None:
    for kind in KINDS:
        for found in kube.list(API, kind, label_selector=f"{CONTROLLER}={controller}"):
            kube.delete(API, kind, found["metadata"]["name"])
