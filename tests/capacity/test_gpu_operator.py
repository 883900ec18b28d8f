"""The GPU operator leaves to others what is theirs, and reaches every GPU node."""

import json
from dataclasses import replace

import pytest

from cnai.capacity.gpu_operator.component import GpuOperator, GpuOperatorArgs, chart_values
from cnai.clouds.traits import ClusterTraits

TRAITS = ClusterTraits(
    kubernetes_version="1.36",
    storage_class="any",
    load_balancer="cloud",
    accelerators=True,
    system_selector={"cnai.dev/pool": "system"},
    system_tolerations=({"key": "CriticalAddonsOnly", "operator": "Exists"},),
)


@pytest.mark.parametrize(("owner", "installs"), [("operator", True), ("image", False), ("cloud", False)])
def test_driver_and_toolkit_are_installed_only_where_nobody_else_does(owner, installs):
    values = chart_values(GpuOperatorArgs(traits=replace(TRAITS, gpu_driver_owner=owner, gpu_toolkit_owner=owner)))
    assert values["driver"]["enabled"] is installs
    assert values["toolkit"]["enabled"] is installs


@pytest.mark.parametrize(("owner", "shares"), [("operator", True), ("cloud", False)])
def test_gpus_are_published_and_cut_by_one_plugin_only(owner, shares):
    args = GpuOperatorArgs(traits=replace(TRAITS, gpu_device_plugin_owner=owner), time_slices=(4,))
    values = chart_values(args)
    assert ("config" in values["devicePlugin"]) is shares
    assert [values.get(part, {}).get("enabled", True) for part in ("devicePlugin", "migManager")] == [shares, shares]


def test_a_driver_that_lies_elsewhere_is_found_there():
    values = chart_values(GpuOperatorArgs(traits=replace(TRAITS, gpu_driver_directory="/home/kubernetes/bin/nvidia")))
    assert values["hostPaths"]["driverInstallDir"] == "/home/kubernetes/bin/nvidia"
    assert values["toolkit"]["installDir"] == "/home/kubernetes/bin/nvidia"
    assert "hostPaths" not in chart_values(GpuOperatorArgs(traits=TRAITS))


def test_the_runtime_class_is_the_clusters_own():
    values = chart_values(GpuOperatorArgs(traits=replace(TRAITS, gpu_runtime_class="nvidia-container-runtime")))
    assert values["operator"]["runtimeClass"] == "nvidia-container-runtime"


def test_controllers_stay_on_system_nodes_and_operands_reach_tainted_gpu_nodes():
    spot = {"key": "spot", "operator": "Exists", "effect": "NoSchedule"}
    values = chart_values(GpuOperatorArgs(traits=TRAITS, tolerations=(spot,)))
    nfd = values["node-feature-discovery"]
    for controller in (values["operator"], nfd["master"], nfd["gc"]):
        assert controller["nodeSelector"] == {"cnai.dev/pool": "system"}
        assert controller["tolerations"] == [{"key": "CriticalAddonsOnly", "operator": "Exists"}]
    gpu = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    assert values["daemonsets"]["tolerations"] == nfd["worker"]["tolerations"] == [gpu, spot]


def test_nothing_tolerates_every_taint():
    """On AKS that deadlocks the tuning of new nodes."""
    values = chart_values(GpuOperatorArgs(traits=TRAITS, tolerations=({"key": "a", "operator": "Exists"},)))
    assert all(each.get("key") for each in values["daemonsets"]["tolerations"])


def test_nvidias_taint_is_tolerated_once_however_pools_spell_it():
    equal = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"}
    assert len(chart_values(GpuOperatorArgs(traits=TRAITS, tolerations=(equal,)))["daemonsets"]["tolerations"]) == 1


def test_each_number_of_slices_is_a_configuration_that_nodes_can_name():
    config = chart_values(GpuOperatorArgs(traits=TRAITS, time_slices=(4, 2, 4)))["devicePlugin"]["config"]
    assert config["create"]
    assert list(config["data"]) == ["time-slices-2", "time-slices-4"]
    (resource,) = json.loads(config["data"]["time-slices-4"])["sharing"]["timeSlicing"]["resources"]
    assert resource == {"name": "nvidia.com/gpu", "replicas": 4}


def test_a_node_without_a_configuration_shares_nothing():
    assert "default" not in chart_values(GpuOperatorArgs(traits=TRAITS, time_slices=(4,)))["devicePlugin"]["config"]
    assert "devicePlugin" not in chart_values(GpuOperatorArgs(traits=TRAITS))


@pytest.mark.parametrize("owner", ["operator", "image"])
def test_dra_replaces_the_device_plugins_policy_and_takes_drivers_by_crd(owner):
    values = chart_values(GpuOperatorArgs(traits=replace(TRAITS, gpu_driver_owner=owner), allocation="dra"))
    assert (values["clusterPolicy"]["deployCR"], values["gpuCluster"]["deployCR"]) == (False, True)
    assert values["driver"]["nvidiaDriverCRD"]["enabled"] is (owner == "operator")


@pytest.mark.parametrize("monitoring", [True, False])
def test_gpu_metrics_are_scraped_only_where_somebody_scrapes(monitoring):
    values = chart_values(GpuOperatorArgs(traits=TRAITS, monitoring=monitoring))
    assert values["dcgmExporter"]["serviceMonitor"]["enabled"] is monitoring


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"time_slices": (1,)}, "at least 2, got 1"), ({"time_slices": (4,), "allocation": "dra"}, "device plugin")],
)
def test_sharing_that_cannot_be_is_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        GpuOperatorArgs(traits=TRAITS, **wrong)


def test_users_values_win(declared):
    args = GpuOperatorArgs(traits=TRAITS, values={"driver": {"enabled": False}})
    found = declared(lambda: GpuOperator("gpu-operator", args))
    (release,) = (each for each in found if each.type == "kubernetes:helm.sh/v3:Release")
    assert release.inputs["values"]["driver"]["enabled"] is False
    assert release.inputs["values"]["operator"]["upgradeCRD"] is False
    assert release.parent == "cnai:capacity:GpuOperator::gpu-operator"
