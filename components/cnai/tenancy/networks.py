"""NetworkPolicies of a team's namespace: nothing in or out but what is named here."""

from typing import Any

_PRIVATE = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]
"""Clusters, their nodes, and the clouds' metadata services (169.254.169.254), which hand out node credentials."""
_NODE_LOCAL_DNS = "169.254.20.10/32"

Peer = dict[str, Any]


def network_policies(
    namespace: str,
    *,
    scraped_from: str | None = None,
    object_store: tuple[str, int] | None = None,
    credentials: tuple[tuple[str, int], ...] = (),
) -> dict[str, dict[str, Any]]:
    """By role of the resource's name.

    The API server is not among the destinations: training pods carry no token for it.
    `object_store` is its namespace and the port that its pods listen on.
    """
    same = [{"podSelector": {}}]
    found: dict[str, dict[str, Any]] = {
        "deny-all": _policy(namespace, "default-deny-all", types=["Ingress", "Egress"]),
        "allow-same-namespace": _policy(
            namespace,
            "allow-same-namespace",
            types=["Ingress", "Egress"],
            ingress=[{"from": same}],
            egress=[{"to": same}],
        ),
        "allow-dns": _egress(namespace, "allow-dns", _dns_peers(), [("UDP", 53), ("TCP", 53)]),
        # Datasets and weights come over HTTPS; images are pulled by the node.
        "allow-https": _egress(
            namespace, "allow-https", [{"ipBlock": {"cidr": "0.0.0.0/0", "except": _PRIVATE}}], [("TCP", 443)]
        ),
    }
    if object_store:
        where, port = object_store
        found["allow-object-store"] = _egress(namespace, "allow-object-store", [_namespace(where)], [("TCP", port)])
    for index, (address, port) in enumerate(credentials):
        peer = {"ipBlock": {"cidr": f"{address}/32"}}
        found[f"allow-credentials-{index}"] = _egress(namespace, f"allow-credentials-{index}", [peer], [("TCP", port)])
    if scraped_from:
        found["allow-scraping"] = _policy(
            namespace, "allow-scraping", types=["Ingress"], ingress=[{"from": [_namespace(scraped_from)]}]
        )
    return found


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
