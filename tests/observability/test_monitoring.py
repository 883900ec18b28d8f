"""Monitoring keeps what it is asked to keep, and shows GPUs where there are some."""

import json
import re
from dataclasses import replace

import pytest

from cnai.catalog import catalog
from cnai.clouds.traits import ClusterTraits
from cnai.observability.monitoring.component import Monitoring, MonitoringArgs, chart_values, gpu_dashboard_text

TRAITS = ClusterTraits(
    kubernetes_version="1.36",
    storage_class="fast",
    load_balancer="cloud",
    accelerators=True,
    system_selector={"cnai.dev/pool": "system"},
)
MEASURED = {
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_FB_FREE",
    "DCGM_FI_DEV_POWER_USAGE",
    "DCGM_FI_DEV_GPU_TEMP",
    "DCGM_FI_DEV_XID_ERRORS",
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
}
"""What the dashboard needs, all of it in the DCGM exporter's default set."""


def monitoring(declared, **given):
    args = MonitoringArgs(**{"traits": TRAITS, **given})
    return {each.name: each for each in declared(lambda: Monitoring("monitoring", args))}


def test_samples_never_fill_the_volume():
    spec = chart_values(MonitoringArgs(traits=TRAITS, storage_gib=10))["prometheus"]["prometheusSpec"]
    assert spec["storageSpec"]["volumeClaimTemplate"]["spec"]["resources"]["requests"]["storage"] == "10Gi"
    assert int(spec["retentionSize"].removesuffix("MiB")) < 10 * 1024


def test_what_keeps_state_is_on_the_clusters_volumes_and_system_nodes():
    values = chart_values(MonitoringArgs(traits=TRAITS))
    prometheus, alertmanager = values["prometheus"]["prometheusSpec"], values["alertmanager"]["alertmanagerSpec"]
    for spec, volume in ((prometheus, prometheus["storageSpec"]), (alertmanager, alertmanager["storage"])):
        assert volume["volumeClaimTemplate"]["spec"]["storageClassName"] == "fast"
        assert spec["nodeSelector"] == {"cnai.dev/pool": "system"}


def test_monitors_and_rules_of_every_namespace_are_picked_up():
    spec = catalog()["kube-prometheus-stack"].base_values["prometheus"]["prometheusSpec"]
    limited = {f"{kind}SelectorNilUsesHelmValues" for kind in ("serviceMonitor", "podMonitor", "probe", "rule")}
    assert all(spec[key] is False for key in limited)


def test_crds_come_from_their_own_chart_first(declared):
    found = monitoring(declared)
    assert found["monitoring-crds"].inputs["chart"] == "prometheus-operator-crds"
    assert found["monitoring-crds"].key in found["monitoring-release"].options["dependsOn"]
    assert found["monitoring-release"].inputs["values"]["crds"] == {"enabled": False}


@pytest.mark.parametrize("given", ["hunter2", None])
def test_grafanas_password_is_in_its_secret_only(given, declared):
    found = monitoring(declared, grafana_admin_password=given)
    secret, values = found["monitoring-grafana-admin"], found["monitoring-release"].inputs["values"]
    assert secret.inputs["data"] == "[secret]"
    assert values["grafana"]["admin"]["existingSecret"] == secret.inputs["metadata"]["name"]
    assert "adminPassword" not in values["grafana"]


@pytest.mark.parametrize(
    ("accelerators", "wanted", "there"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
def test_the_gpu_dashboard_is_there_where_there_are_gpus_unless_said_otherwise(accelerators, wanted, there, declared):
    found = monitoring(declared, traits=replace(TRAITS, accelerators=accelerators), gpu_dashboard=wanted)
    assert ("monitoring-gpu-dashboard" in found) is there
    if there:
        config = found["monitoring-gpu-dashboard"].inputs
        assert config["metadata"]["labels"] == {"grafana_dashboard": "1"}
        assert json.loads(config["data"]["gpus.json"])["title"] == "GPUs"


def test_the_dashboard_asks_for_what_dcgm_measures_and_splits_it_by_team():
    dashboard = json.loads(gpu_dashboard_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert set(re.findall(r"DCGM_\w+", " ".join(asked))) == MEASURED
    assert sum("by (namespace)" in expr for expr in asked) >= 4


def test_the_dashboards_panels_do_not_overlap():
    taken = set()
    for panel in json.loads(gpu_dashboard_text())["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize(("key", "wrong"), [("retention_days", 0), ("storage_gib", -1), ("replicas", 0)])
def test_nonsense_sizes_are_refused_by_name(key, wrong):
    with pytest.raises(ValueError, match=rf"{key}: give at least 1.*got {wrong}"):
        MonitoringArgs(traits=TRAITS, **{key: wrong})
