"""The manifests with which a cluster enforces the packs by itself."""

from cnai.policy import admission, kyverno
from cnai.policy.admission import plural
from cnai.policy.exceptions import Exemption
from cnai.policy.loading import data_rule, rules
from cnai.policy.model import Level
from cnai.policy.packs import pack, rules_of

WORDS = {"title": "t", "why": "w", "severity": "low", "remediation": "r"}
CHECKS = [{"path": "spec.type", "notIn": ["LoadBalancer"], "must": "not be a load balancer"}]
EXCEPTION = Exemption.of(
    {
        "rule": "privileged",
        "resource": "apps/DaemonSet/gpu-operator/nvidia-*",
        "reason": "r",
        "owner": "o",
        "expires": "2999-01-01",
    }
)


def test_an_exception_for_a_workload_spares_its_pods_too():
    rules = rules_of([pack("pod-security-baseline")]).values()
    first, second, *_ = admission.policy("p", rules, [EXCEPTION])["spec"]["validations"]
    assert 'variables.id.matches("^Pod/gpu\\\\-operator/nvidia\\\\-.*\\\\-.*$")' in first["expression"]
    assert "variables.id" not in second["expression"], "the exception of one rule spared another"


def test_a_rule_is_asked_only_about_its_own_kinds():
    services = data_rule({"id": "s", "applies": ["Service"], "checks": CHECKS, **WORDS})
    ingresses = data_rule({"id": "i", "applies": ["networking.k8s.io/Ingress"], "checks": CHECKS, **WORDS})
    alone = admission.policy("p", [services])["spec"]["validations"][0]["expression"]
    beside = admission.policy("p", [services, ingresses])["spec"]
    assert beside["validations"][0]["expression"] == f'!(variables.kind in ["Service"]) || {alone}'
    assert [each["resources"] for each in beside["matchConstraints"]["resourceRules"]] == [["services"], ["ingresses"]]


def test_rules_over_cloud_resources_are_not_for_the_cluster():
    bucket = data_rule({"id": "b", "applies": ["aws:s3/bucket:Bucket"], "checks": CHECKS, **WORDS})
    assert admission.enforceable([bucket]) == []
    mixed = data_rule({"id": "m", "applies": ["kubernetes:helm.sh/v3:Release", "Service"], "checks": CHECKS, **WORDS})
    assert admission.kinds(mixed) == ["Service"]


def test_kinds_get_the_plural_that_the_api_server_serves():
    kinds = ("Ingress", "NetworkPolicy", "Gateway", "Service", "StorageClass", "PodTemplate", "RayCluster")
    assert [plural(kind) for kind in kinds] == [
        "ingresses", "networkpolicies", "gateways", "services", "storageclasses", "podtemplates", "rayclusters",
    ]  # fmt: skip


def test_kyverno_gets_the_same_expressions():
    rules = list(rules_of([pack("pod-security-restricted")]).values())
    theirs = kyverno.policy("p", rules, Level.MANDATORY)
    assert theirs["spec"]["validations"] == admission.policy("p", rules)["spec"]["validations"]
    assert theirs["spec"]["validationActions"] == ["Deny"]


def test_policies_hold_where_nobody_asks_as_well():
    """Kyverno's background scans and its CLI look at what is there: nobody asked for it, and an error is no answer."""
    conditions = kyverno.policy("p", [rules()["privileged"]], Level.MANDATORY)["spec"]["matchConditions"]
    asked = [each["expression"] for each in conditions if "userInfo" in each["expression"]]
    assert asked
    assert all("request.userInfo.?username.orValue('')" in each for each in asked)
