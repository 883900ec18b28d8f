"""NetworkPolicies of a team's namespace: nothing in or out but what is named here."""

from collections.abc import Iterable
from typing import Any

from cnai.tenancy.share import Opening, TeamShare

_PRIVATE = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]
"""Clusters, their nodes, and the clouds' metadata services (169.254.169.254), which serve node credentials."""
_NODE_LOCAL_DNS = "169.254.20.10/32"

Peer = dict[str, Any]


def network_policies(namespace: str, shares: Iterable[TeamShare] = ()) -> dict[str, dict[str, Any]]:
    """By role of the resource's name; `shares` open the ways that features need.

    The API server is not among the destinations: training pods carry no token for it.
    """
    same, found, given = [{"podSelector": {}}], dict[str, dict[str, Any]](), list(shares)
    found["deny-all"] = _policy(namespace, "default-deny-all", types=["Ingress", "Egress"])
    found["allow-same-namespace"] = _policy(
        namespace, "allow-same-namespace", types=["Ingress", "Egress"], ingress=[{"from": same}], egress=[{"to": same}]
    )
    found["allow-dns"] = _egress(namespace, "allow-dns", _dns_peers(), [("UDP", 53), ("TCP", 53)])
    # Datasets and weights come over HTTPS; images are pulled by the node.
    outside = {"ipBlock": {"cidr": "0.0.0.0/0", "except": _PRIVATE}}
    found["allow-https"] = _egress(namespace, "allow-https", [outside], [("TCP", 443)])
    for opening in (each for share in given for each in share.openings):
        role = f"allow-{opening.name}"
        found[role] = _egress(namespace, role, [_peer(opening)], [("TCP", opening.port)])
    if scrapers := sorted({each for share in given for each in share.scraped_from}):
        peers = [_namespace(each) for each in scrapers]
        found["allow-scraping"] = _policy(namespace, "allow-scraping", types=["Ingress"], ingress=[{"from": peers}])
    return found


def _peer(opening: Opening) -> Peer:
    return _namespace(opening.namespace) if opening.namespace else {"ipBlock": {"cidr": opening.cidr}}


def _policy(namespace: str, name: str, *, types: list[str], **rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": types, **rules},
    }


def _egress(namespace: str, name: str, peers: list[Peer], ports: list[tuple[str, int]]) -> dict[str, Any]:
    allowed = [{"protocol": protocol, "port": port} for protocol, port in ports]
    return _policy(namespace, name, types=["Egress"], egress=[{"to": peers, "ports": allowed}])


def _namespace(name: str) -> Peer:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _dns_peers() -> list[Peer]:
    """CoreDNS by the labels that every distribution keeps, and NodeLocal DNSCache's address."""
    return [
        {**_namespace("kube-system"), "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}},
        {"ipBlock": {"cidr": _NODE_LOCAL_DNS}},
    ]
