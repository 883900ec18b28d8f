"""Addresses for Services of type LoadBalancer: simulated, unique, and the same again for the same name."""

import hashlib
import ipaddress
from collections.abc import Collection, Mapping
from typing import Any

from cnai.kube import ApiError, Kube, Object

POOL = ipaddress.IPv4Network("198.18.0.0/16")
"""Set aside for benchmarks of network devices (RFC 2544): routed nowhere, so nobody mistakes it for a real one."""
NOT_FOUND = 404


def address_for(namespace: str, name: str, wanted: str | None, taken: Collection[str]) -> str:
    """`wanted` where it is free, else the first free address from where the name hashes to."""
    if wanted and wanted not in taken and _is_address(wanted):
        return wanted
    size = POOL.num_addresses - 2
    start = int.from_bytes(hashlib.sha256(f"{namespace}/{name}".encode()).digest()[:8], "big") % size
    steps = (str(POOL[1 + (start + step) % size]) for step in range(size))
    return next(address for address in steps if address not in taken)


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def addresses(service: Mapping[str, Any]) -> list[str]:
    balancer = (service.get("status") or {}).get("loadBalancer") or {}
    return [entry["ip"] for entry in balancer.get("ingress") or [] if "ip" in entry]


def change(service: Mapping[str, Any], taken: Collection[str]) -> list[dict[str, str]] | None:
    """The ingress that the Service's status should show; None where it shows the right one."""
    has = addresses(service)
    if service["spec"].get("type") != "LoadBalancer":
        return [] if any(ipaddress.ip_address(address) in POOL for address in has) else None
    if has:
        return None
    metadata = service["metadata"]
    address = address_for(metadata["namespace"], metadata["name"], service["spec"].get("loadBalancerIP"), taken)
    return [{"ip": address, "ipMode": "VIP"}]


class Allocator:
    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._taken: dict[str, list[str]] = {}
        """By Service uid."""
        self._waiting: dict[str, Object] | None = {}
        """Services seen while the first list is not read to its end: others further down may hold their addresses."""

    def listed(self) -> None:
        waiting, self._waiting = self._waiting, None
        for service in (waiting or {}).values():
            self._allocate(service)

    def service_changed(self, before: Object | None, service: Object | None) -> None:
        if service is None:
            self._taken.pop(before["metadata"]["uid"] if before else "", None)
            return
        self._taken[service["metadata"]["uid"]] = addresses(service)
        if self._waiting is None:
            self._allocate(service)
        else:
            self._waiting[service["metadata"]["uid"]] = service

    def _allocate(self, service: Object) -> None:
        metadata = service["metadata"]
        others = {ip for uid, ips in self._taken.items() if uid != metadata["uid"] for ip in ips}
        ingress = change(service, others)
        if ingress is None:
            return
        try:
            status = {"status": {"loadBalancer": {"ingress": ingress}}}
            self._kube.patch("v1", "Service", metadata["name"], status, metadata["namespace"], subresource="status")
            self._taken[metadata["uid"]] = [entry["ip"] for entry in ingress]
        except ApiError as error:
            if error.status != NOT_FOUND:  # deleted meanwhile
                raise
