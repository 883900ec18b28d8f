"""What installing a package declares."""

import pulumi
import pytest

from cnai.catalog import catalog, installing
from cnai.catalog.credentials import credentials, password
from cnai.catalog.installing import declared_namespace

RELEASE = "kubernetes:helm.sh/v3:Release"


def install(declared, package, values=None):
    found = declared(lambda: installing.install(package, package, values or {}))
    return {each.key: each for each in found}


def test_a_chart_from_an_index_is_named_with_its_repository(declared):
    release = install(declared, "cert-manager")[f"{RELEASE}::cert-manager"].inputs
    assert release["chart"] == "cert-manager"
    assert release["repositoryOpts"] == {"repo": "https://charts.jetstack.io"}
    assert release["version"] == catalog()["cert-manager"].version


def test_a_chart_from_a_registry_is_named_by_its_address(declared):
    release = install(declared, "jobset")[f"{RELEASE}::jobset"].inputs
    assert release["chart"] == "oci://registry.k8s.io/jobset/charts/jobset"
    assert "repositoryOpts" not in release


def test_a_release_is_called_what_upstream_calls_it_and_lives_in_a_declared_namespace(declared):
    found = install(declared, "istio-gateway")
    release, namespace = (
        found[f"{RELEASE}::istio-gateway"],
        found["kubernetes:core/v1:Namespace::istio-gateway-namespace"],
    )
    assert release.inputs["name"] == "istio-ingressgateway"
    assert release.inputs["namespace"] == namespace.inputs["metadata"]["name"] == "istio-ingress"
    assert "createNamespace" not in release.inputs


def test_given_values_win_over_the_base_ones_and_leave_the_rest(declared):
    given = {"crds": {"keep": True}}
    values = install(declared, "cert-manager", given)[f"{RELEASE}::cert-manager"].inputs["values"]
    assert values["crds"] == {"enabled": True, "keep": True}
    assert catalog()["cert-manager"].base_values["crds"]["keep"] is False


def test_crds_that_helm_would_never_upgrade_are_resources_of_their_own(declared):
    found = install(declared, "jobset")
    crds, release = found["kubernetes:yaml/v2:ConfigGroup::jobset-crds"], found[f"{RELEASE}::jobset"]
    assert crds.inputs["files"] == list(catalog()["jobset"].crd_urls)
    assert release.inputs["skipCrds"] is True
    assert crds.key in release.options["dependsOn"]


def test_a_chart_whose_crds_are_templates_keeps_them(declared):
    found = install(declared, "cert-manager")
    assert "kubernetes:yaml/v2:ConfigGroup::cert-manager-crds" not in found
    assert found[f"{RELEASE}::cert-manager"].inputs.get("skipCrds", False) is False


def test_critical_pods_have_the_quota_that_gke_asks_for_before_they_come(declared):
    found = install(declared, "gpu-operator")
    quota = found["kubernetes:core/v1:ResourceQuota::gpu-operator-critical-pods"]
    (scope,) = quota.inputs["spec"]["scopeSelector"]["matchExpressions"]
    assert "system-node-critical" in scope["values"]
    assert quota.key in found[f"{RELEASE}::gpu-operator"].options["dependsOn"]


def test_a_failed_release_stays_so_that_it_can_be_looked_at(declared):
    release = install(declared, "minio")[f"{RELEASE}::minio"].inputs
    assert (release["atomic"], release["cleanupOnFail"]) == (False, True)


@pytest.mark.parametrize(("given", "ignored"), [("hunter2", None), (None, ["data"])])
def test_a_password_is_secret_and_one_that_was_made_up_stays(given, ignored, declared):
    def program():
        namespace = declared_namespace("minio", "ns")
        data = {"pass word": password(given)}
        credentials("root", "root", namespace, data, pulumi.ResourceOptions(), made_up=given is None)

    (secret,) = (each for each in declared(program) if each.type == "kubernetes:core/v1:Secret")
    assert secret.inputs["data"] == "[secret]"
    assert secret.options.get("ignoreChanges") == ignored
