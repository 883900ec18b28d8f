"""A release's outputs, from Helm's record of it."""

from collections.abc import Mapping
from typing import Any

from cnai.charts.documents import heads
from cnai.charts.tokens import object_id
from cnai.plugin.values import UNKNOWN
from cnai.sandbox.provider.release.records import StoredRelease

Object = dict[str, Any]


def outputs(inputs: Mapping[str, Any], record: StoredRelease) -> Object:
    """Upstream's: the inputs, what Helm says, and the names of what it made."""
    return {
        **inputs,
        "values": record.values,
        "version": record.chart.get("version", ""),
        "status": status(record),
        "resourceNames": resource_names(record.manifest),
    }


def planned(inputs: Mapping[str, Any]) -> Object:
    """In a preview."""
    return {**inputs, "status": UNKNOWN, "resourceNames": UNKNOWN}


def status(record: StoredRelease) -> Object:
    return {
        "appVersion": record.chart.get("appVersion", ""),
        "chart": record.chart.get("name", ""),
        "name": record.name,
        "namespace": record.namespace,
        "revision": record.revision,
        "status": record.status,
        "version": record.chart.get("version", ""),
    }


def resource_names(manifest: str) -> dict[str, list[str]]:
    """By `Kind.group/apiVersion`, as upstream spells it."""
    names: dict[str, list[str]] = {}
    for head in heads(manifest):
        group = head["apiVersion"].rpartition("/")[0]
        kind = f"{head['kind']}.{group}" if group else head["kind"]
        metadata = head.get("metadata") or {}
        shown = object_id(metadata.get("namespace"), metadata.get("name", ""))
        names.setdefault(f"{kind}/{head['apiVersion']}", []).append(shown)
    return {key: sorted(set(found)) for key, found in sorted(names.items())}
