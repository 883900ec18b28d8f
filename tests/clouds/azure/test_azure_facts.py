"""What is computed without any resource: the way into a cluster, its traits, its names."""

import base64
import re
from types import SimpleNamespace

import pytest
import yaml
from azure_samples import POOLS, SUBSCRIPTION, SYSTEM, TENANT, settings

from cnai.clouds.azure.kubeconfig import endpoint, kubeconfig
from cnai.clouds.azure.names import global_name
from cnai.clouds.azure.traits import azure_traits
from cnai.kubeflow.trainer.component import torch_runtime


def test_people_sign_in_as_the_environment_says():
    user = kubeconfig("x", "https://aks:443", "Q0E=", settings(login="devicecode"))["users"][0]["user"]
    assert "devicecode" in user["exec"]["args"]
    assert TENANT in user["exec"]["args"]


def test_address_and_ca_come_from_what_azure_hands_out():
    cluster = {"server": "https://aks:443", "certificate-authority-data": "Q0E="}
    written = base64.b64encode(yaml.safe_dump({"clusters": [{"name": "a", "cluster": cluster}]}).encode()).decode()
    assert endpoint([SimpleNamespace(value=written)]) == ("https://aks:443", "Q0E=")
    assert endpoint(None) == ("", "")


def test_training_pods_carry_the_label_without_which_they_get_no_token():
    labels = azure_traits(settings(), POOLS, accelerators=True).credential_labels
    (job,) = torch_runtime("example.org/torch:1", labels)["spec"]["template"]["spec"]["replicatedJobs"]
    assert job["template"]["spec"]["template"]["metadata"]["labels"] == {"azure.workload.identity/use": "true"}


def test_traits_follow_who_installs_the_driver():
    managed = azure_traits(settings(), POOLS, accelerators=True)
    assert (managed.gpu_driver_owner, managed.gpu_toolkit_owner) == ("image", "image")
    assert managed.gpu_runtime_class == "nvidia-container-runtime"
    assert managed.rdma == "infiniband"
    ours = azure_traits(settings(gpu_driver="operator"), {"system": SYSTEM}, accelerators=False)
    assert (ours.gpu_driver_owner, ours.gpu_runtime_class, ours.rdma) == ("operator", "nvidia", "none")


@pytest.mark.parametrize("environment", ["azure-prod", "x", "a-very-long-name-of-an-environment-indeed"])
def test_global_names_are_such_as_azure_takes_and_differ_between_subscriptions(environment):
    for most in (24, 50):
        name = global_name(environment, SUBSCRIPTION, most)
        assert re.fullmatch(r"[a-z0-9]+", name)
        assert len(name) <= most
        assert name != global_name(environment, TENANT, most)
