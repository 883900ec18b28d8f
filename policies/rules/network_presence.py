"""Policies that must exist: default-deny, logins at gateways, strict mTLS in the mesh."""

from collections.abc import Iterator, Sequence
from typing import Any

from cnai.policy.fields import at, each, holds_unknown, mapping, readable
from cnai.policy.model import Context, Finding, Resource, Rule, Severity, undecided, violation
from cnai.policy.values import Unknown

POLICY = "networking.k8s.io/NetworkPolicy"
GATEWAYS = ("networking.istio.io/Gateway", "gateway.networking.k8s.io/Gateway")
LOGINS = (
    "security.istio.io/RequestAuthentication",
    "security.istio.io/AuthorizationPolicy",
    "gateway.envoyproxy.io/SecurityPolicy",
)
PEERS = "security.istio.io/PeerAuthentication"
ROOT = "istio-system"
PLATFORM = "app.kubernetes.io/managed-by"
"""Label on add-on namespaces, which bring their own policies where upstream has any."""
AUTH = "authentication-and-authorization"


def _default_deny(resources: Sequence[Resource], _: Context) -> Iterator[Finding]:
    policies = [one for one in readable(resources, "spec.policyTypes[*]") if one.kind == POLICY]

    def judge(resource: Resource) -> Iterator[Finding]:
        if resource.kind != "Namespace" or resource.name.startswith("kube-"):
            return
        labels = mapping(resource.body, "metadata.labels")
        platform = labels if isinstance(labels, Unknown) else labels.get(PLATFORM)
        if platform == "cnai":
            return
        mine = [one for one in policies if one.namespace == resource.name]
        if any(_denies(one.body) for one in mine):
            return
        if isinstance(platform, Unknown) or any(holds_unknown(one.body.get("spec")) for one in mine):
            yield undecided("whether it has a default-deny policy is not known yet", resource=resource)
        else:
            yield violation("must have a NetworkPolicy that denies all ingress by default", resource=resource)

    yield from each(judge, resources)


def _denies(policy: Any) -> bool:
    """Selects all pods, and by itself allows no ingress."""
    spec = policy.get("spec")
    if not isinstance(spec, dict) or holds_unknown(spec) or spec.get("podSelector") not in (None, {}):
        return False
    types = spec.get("policyTypes") or ["Ingress"]
    return "Ingress" in types and not spec.get("ingress")


def _gateway_auth(resources: Sequence[Resource], _: Context) -> Iterator[Finding]:
    guarded = {one.namespace for one in resources if one.kind in LOGINS}

    def judge(resource: Resource) -> Iterator[Finding]:
        if resource.kind in GATEWAYS and not guarded & {resource.namespace, ROOT}:
            told = " or ".join(kind.rpartition("/")[2] for kind in LOGINS)
            yield violation(f"must have a login in front: a {told} in its namespace", resource=resource)

    yield from each(judge, resources)


def _mesh(resources: Sequence[Resource], _: Context) -> Iterator[Finding]:
    peers = [one for one in readable(resources, "spec.mtls.mode") if one.kind == PEERS and one.namespace == ROOT]
    strict = {_strict(one) for one in peers}

    def judge(resource: Resource) -> Iterator[Finding]:
        labels = mapping(resource.body, "metadata.labels")
        app = labels if isinstance(labels, Unknown) else labels.get("app")
        if True in strict or not (isinstance(app, Unknown) or app == "istiod"):
            return
        if None in strict or isinstance(app, Unknown):
            yield undecided("whether the mesh is strict is not known yet", resource=resource)
        else:
            yield violation(f"the mesh must have a PeerAuthentication in {ROOT} with mode STRICT", resource=resource)

    yield from each(judge, (one for one in resources if one.kind == "apps/Deployment"))


def _strict(policy: Resource) -> bool | None:
    """For the whole mesh: with a selector it would apply only to some pods."""
    selector, mode = at(policy.body, "spec.selector"), at(policy.body, "spec.mtls.mode")
    if isinstance(selector, Unknown) or isinstance(mode, Unknown):
        return None
    return not selector and mode == "STRICT"


RULES = [
    Rule(
        id="defaultDeny",
        title="Namespaces deny by default",
        why="Without a policy every pod can reach every other, so one compromised notebook reaches every database.",
        severity=Severity.HIGH,
        remediation="Add a NetworkPolicy with podSelector {} and policyTypes [Ingress, Egress]; allow what is needed.",
        frameworks={"cis-kubernetes": ("5.3.2",), "nsa-cisa": ("network-separation",), "soc2": ("CC6.6",)},
        applies=("Namespace", POLICY),
        set_predicate=_default_deny,
    ),
    Rule(
        id="gatewayAuth",
        title="Gateways require a login",
        why="A gateway without a login lets anyone use the models and dashboards behind it.",
        severity=Severity.HIGH,
        remediation="Add a RequestAuthentication with an AuthorizationPolicy, or Envoy Gateway's SecurityPolicy.",
        frameworks={"nsa-cisa": (AUTH,), "soc2": ("CC6.1", "CC6.6")},
        applies=(*GATEWAYS, *LOGINS),
        set_predicate=_gateway_auth,
    ),
    Rule(
        id="meshStrict",
        title="The mesh is strict as a whole",
        why="Without a mesh-wide policy Istio also accepts clear text, from anyone.",
        severity=Severity.HIGH,
        remediation="Add a PeerAuthentication named default in istio-system with mtls.mode STRICT.",
        frameworks={"nsa-cisa": ("network-separation",), "soc2": ("CC6.7",)},
        applies=("apps/Deployment", PEERS),
        set_predicate=_mesh,
    ),
]
