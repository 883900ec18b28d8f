"""Every custom resource that we declare is one that its CRD takes, field by field."""

from pathlib import Path

import pytest
import yaml
from strict import errors

from cnai.environment import Environment
from cnai.kubeflow.trainer.component import torch_runtime
from cnai.platform import Platform

pytestmark = pytest.mark.reference

STACKS = Path(__file__).resolve().parents[2] / "stacks"
ENVIRONMENTS = sorted(path.stem.removeprefix("Pulumi.") for path in STACKS.glob("Pulumi.*.yaml"))


def of_a_crd(token: str) -> tuple[str, str, str] | None:
    """Group, version and kind of `kubernetes:<group>/<version>:<kind>`, unless Kubernetes itself has it."""
    provider, _, rest = token.partition(":")
    api, _, kind = rest.rpartition(":")
    group, _, version = api.partition("/")
    ours = provider == "kubernetes" and "." in group and not group.endswith((".k8s.io", "helm.sh"))
    return (group, version, kind) if ours else None


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_custom_resource_of_an_environment_is_valid(environment, declared, upstream):
    config = yaml.safe_load((STACKS / f"Pulumi.{environment}.yaml").read_text())["config"]
    checked = []
    for resource in declared(lambda: Platform(Environment.load(environment, config)), environment):
        if (kind := of_a_crd(resource.type)) is None:
            continue
        crd = upstream.crd(kind[0], kind[2])
        assert crd is not None, f"{resource.type}: no CRD of that kind in the reference data"
        assert list(errors(resource.inputs, crd)) == [], resource.key
        checked.append(resource.type)
    assert checked, "an environment with the Trainer declares at least its runtime"


def test_a_field_that_the_crd_lacks_is_an_error(upstream):
    runtime = torch_runtime("example.org/torch:1")
    crd = upstream.crd("trainer.kubeflow.org", "ClusterTrainingRuntime")
    assert list(errors(runtime, crd)) == []
    runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"][
        "nodeSelectors"
    ] = {}
    assert "nodeSelectors" in next(errors(runtime, crd))


def test_the_catalog_names_the_crds_that_upstream_has(upstream):
    from cnai.catalog import catalog

    for package in catalog().values():
        for crd in package.lock.crds:
            row = upstream.crds[crd.name]
            assert (crd.group, crd.kind, crd.scope) == (row["group"], row["kind"], row["scope"])
            assert crd.versions == tuple(row["versions_served"].split(","))


QUEUED_AND_NEAR = {
    "cnai:cloud": {"gcp": {"project": "acme-prod", "project_number": 123456789012, "region": "us-central1"}},
    "cnai:pools": {
        "system": {"machine": "n2-standard-8", "min": 3, "max": 6},
        "near": {
            "machine": "a3-ultragpu-8g",
            "min": 2,
            "max": 2,
            "placement": "compact",
            "capacity": [{"reserved": "h200", "zone": "us-central1-b"}],
            "zones": ["us-central1-b"],
        },
        "h100": {
            "accelerator": "H100",
            "max": 16,
            "capacity": [{"reserved": "h100", "zone": "us-central1-b"}, "queued"],
            "zones": ["us-central1-b"],
        },
    },
    "cnai:features": {"kueue": {"before_queued": {"h100": 8}}},
    "cnai:teams": {"research": {"gpus": {"h100": 64, "near": 8}, "borrow": True}, "chat": {"gpus": {"h100": 8}}},
}


def test_every_kind_of_kueues_that_an_environment_can_have_is_valid(declared, upstream):
    kinds = set()
    for resource in declared(lambda: Platform(Environment.load("prod", QUEUED_AND_NEAR)), "prod"):
        if (kind := of_a_crd(resource.type)) and kind[0] == "kueue.x-k8s.io":
            assert list(errors(resource.inputs, upstream.crd(kind[0], kind[2]))) == [], resource.key
            kinds.add(kind[2])
    assert kinds == {
        *("AdmissionCheck", "ClusterQueue", "Cohort", "LocalQueue", "ProvisioningRequestConfig", "ResourceFlavor"),
        *("Topology", "WorkloadPriorityClass"),
    }
