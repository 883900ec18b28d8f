"""Releases on a real API server, from installation to nothing."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from release_bench import NODE, URN, Bench
from release_charts import (
    AGGREGATED,
    DEPLOYMENT,
    HOOK,
    HOOKED_WEBHOOK,
    KEPT,
    LAST_HOOK,
    SETTINGS,
    STATEFUL,
    WEBHOOK,
    crd,
    packed,
    write_chart,
)

from cnai.catalog import Crd, Health, Lock, Package, Port, Service, Source, Workload
from cnai.kube import Kube, Object
from cnai.plugin.errors import PartialError, ProviderError
from cnai.sandbox.provider.release import ReleaseResource

pytestmark = pytest.mark.sandbox
CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
TOO_MUCH = "500"


def text_of(kube: Kube, namespace: str) -> str:
    return (kube.get("v1", "ConfigMap", "app-settings", namespace) or {})["data"]["text"]


def test_a_release_is_installed_upgraded_and_leaves_nothing_that_helm_would_leave(
    bench: Bench, kube: Kube, tmp_path: Path
):
    templates = {
        "settings": SETTINGS,
        "web": DEPLOYMENT,
        "webhook": WEBHOOK,
        "kept": KEPT,
        "hook": HOOK,
        "hooked": HOOKED_WEBHOOK,
        "db": STATEFUL,
    }
    chart = write_chart(tmp_path / "chart", templates, crds=(crd("life.example.com", conversion=True),))

    made = bench.create(chart, values={"text": "two"})

    assert made["status"]["status"] == "deployed"
    assert (made["status"]["revision"], made["status"]["appVersion"], made["version"]) == (1, "9", "1.2.3")
    assert made["resourceNames"]["Deployment.apps/apps/v1"] == ["app-web"]
    assert text_of(kube, bench.namespace) == "two"
    assert (kube.get(*CRD, "things.life.example.com") or {})["spec"]["conversion"] == {"strategy": "None"}
    report = json.loads(bench.report())
    assert report["rung"] == "chart"
    assert {(left["kind"], left["name"]) for left in report["left_out"]} == {
        ("ValidatingWebhookConfiguration", "app-webhook"),
        ("ValidatingWebhookConfiguration", "app-hooked"),
        ("CustomResourceDefinition", "things.life.example.com"),
    }

    assert bench.update(chart, values={"text": "three"})["status"]["revision"] == 2
    assert text_of(kube, bench.namespace) == "three"
    assert len(kube.list("v1", "PersistentVolumeClaim", bench.namespace)) == 1

    bench.delete()

    assert kube.get("v1", "Namespace", bench.namespace) is None
    assert kube.get(*CRD, "things.life.example.com") is None
    assert not list(bench.sandbox.report.iterdir())
    bench.delete()  # what is gone is gone


def test_values_changed_by_somebody_else_show_in_a_refresh_and_an_import_finds_them(
    bench: Bench, kube: Kube, tmp_path: Path
):
    chart = write_chart(tmp_path / "chart", {"settings": SETTINGS})
    made = bench.create(chart, values={"text": "ours"})
    inputs = bench.inputs(chart, values={"text": "ours"})
    assert bench.resource.read(bench.id, inputs, made) == (bench.id, inputs, made)

    helm(bench, "upgrade", "app", str(chart), "--set", "text=theirs").check_returncode()

    found = bench.resource.read(bench.id, inputs, made)
    assert found is not None
    assert found[1]["values"] == {"text": "theirs"}
    imported = bench.resource.read(bench.id, {}, {})
    assert imported is not None
    assert imported[1] == {
        "chart": "small",
        "name": "app",
        "namespace": bench.namespace,
        "values": {"text": "theirs"},
        "version": "1.2.3",
    }
    bench.delete()
    assert bench.resource.read(bench.id, inputs, made) is None


def test_an_upgrade_that_does_not_get_ready_is_rolled_back_and_says_what_the_scheduler_said(
    bench: Bench, kube: Kube, tmp_path: Path
):
    chart = write_chart(tmp_path / "chart", {"settings": SETTINGS, "web": DEPLOYMENT})
    bench.create(chart)

    with pytest.raises(ProviderError, match=r"rolled back to revision 1(.|\n)*Insufficient cpu"):
        bench.update(chart, values={"text": "two", "cpu": TOO_MUCH}, timeout=4)

    assert text_of(kube, bench.namespace) == "one"


def test_a_first_installation_that_does_not_get_ready_stays_for_the_state_unless_it_is_atomic(
    bench: Bench, kube: Kube, tmp_path: Path
):
    chart = write_chart(tmp_path / "chart", {"settings": SETTINGS, "web": DEPLOYMENT})

    with pytest.raises(PartialError) as failure:
        bench.create(chart, values={"cpu": TOO_MUCH}, timeout=3)
    assert failure.value.id == bench.id
    assert failure.value.outputs["status"]["status"] == "failed"
    assert "Insufficient cpu" in failure.value.reasons[0]
    assert bench.update(chart, values={"cpu": "10m"})["status"]["status"] == "deployed"
    bench.delete()

    with pytest.raises(ProviderError, match="taken away again"):
        bench.create(chart, values={"cpu": TOO_MUCH}, timeout=3, atomic=True)
    assert kube.get("v1", "Namespace", bench.namespace) is None


def test_what_the_api_server_refuses_comes_back_in_its_words_and_leaves_nothing(
    bench: Bench, kube: Kube, tmp_path: Path
):
    wrong = "apiVersion: v1\nkind: Service\nmetadata: {name: wrong}\nspec: {ports: [{port: 70000}]}\n"
    chart = write_chart(tmp_path / "chart", {"wrong": wrong}, crds=(crd("refused.example.com"),))

    with pytest.raises(PartialError, match="must be between 1 and 65535"):
        bench.create(chart)
    bench.delete()
    with pytest.raises(ProviderError, match="nil pointer"):
        bench.create(write_chart(tmp_path / "other", {"broken": "{{ .Values.a.b.c }}"}))

    assert kube.get(*CRD, "things.refused.example.com") is None
    assert kube.get("v1", "Namespace", bench.namespace) is None


def helm(bench: Bench, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(bench, *arguments), capture_output=True, text=True, check=False)


def command(bench: Bench, *arguments: str) -> list[str]:
    cluster = ["--kubeconfig", str(bench.kubeconfig), "--kube-context", bench.context]
    return [str(bench.helm), *arguments, "--namespace", bench.namespace, *cluster]


def kill_helm_half_way(bench: Bench, kube: Kube, chart: Path, status: str) -> None:
    """Helm waits for pods that never run; it is killed once its release is pending."""
    flags = ("--wait", "--create-namespace", "--set", f"cpu={TOO_MUCH}")
    process = subprocess.Popen(command(bench, "upgrade", "--install", "app", str(chart), *flags))
    deadline = time.monotonic() + 30
    while not kube.list("v1", "Secret", bench.namespace, f"owner=helm,status={status}"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_release_that_a_killed_helm_left_pending_is_recovered(bench: Bench, kube: Kube, tmp_path: Path):
    chart = write_chart(tmp_path / "chart", {"settings": SETTINGS, "web": DEPLOYMENT})

    kill_helm_half_way(bench, kube, chart, "pending-install")
    assert bench.create(chart, values={"cpu": "10m"})["status"]["status"] == "deployed"

    kill_helm_half_way(bench, kube, chart, "pending-upgrade")
    assert bench.update(chart, values={"text": "after", "cpu": "10m"})["status"]["status"] == "deployed"
    assert text_of(kube, bench.namespace) == "after"


@pytest.fixture
def package() -> Package:
    return Package(
        name="thing",
        home="room/thing",
        kind="helm",
        source=Source(chart="small", repository="https://charts.invalid", project="a/b"),
        version="1.2.3",
        namespace="thing",
        licence="Apache-2.0",
        health=Health(status="maintained", seen=date(2026, 1, 1)),
        lock=Lock(
            version="1.2.3",
            crds=(
                Crd(group="standin.example.com", kind="Thing", plural="things", scope="Namespaced", versions=("v1",)),
            ),
            workloads=(
                Workload(
                    kind="Deployment",
                    name="{release}-web",
                    image="web",
                    ports=(Port(name="http", port=80),),
                    requests={"cpu": "10m"},
                ),
            ),
            services=(Service(name="{release}", workload="{release}-web", ports=(Port(name="http", port=80),)),),
        ),
    )


def test_a_stand_in_is_marked_and_gives_way_to_the_chart_once_that_can_be_had(
    bench: Bench, kube: Kube, tmp_path: Path, package: Package, fresh: Callable[[], Bench]
):
    bench.packages["thing"] = package
    source = {"repositoryOpts": {"repo": "https://charts.invalid"}, "version": "1.2.3"}

    made = bench.create("small", **source)

    assert made["status"]["status"] == "deployed"
    report = json.loads(bench.report())
    assert (report["rung"], report["crds_from"], report["unchecked"]) == (
        "stand-in",
        "none",
        ["Thing.standin.example.com"],
    )
    assert "charts.invalid" in report["why"]
    for kind in (("apps/v1", "Deployment"), ("v1", "Service"), ("v1", "Pod")):
        found = kube.list(*kind, bench.namespace, "cnai.dev/stand-in=true")
        assert len(found) == 1, kind
    thing = {"apiVersion": "standin.example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "any": {"thing": 1}}
    kube.apply(thing | {"metadata": {"name": "a", "namespace": bench.namespace}}, field_manager="test")

    # The real one has the CRD among its templates, and another selector on a Deployment of the same name.
    templates = {"web": DEPLOYMENT, "crd": json.dumps(crd("standin.example.com"))}
    packed(write_chart(tmp_path / "chart", templates), bench.charts / "small-1.2.3.tgz")
    assert fresh().update("small", **source)["status"]["revision"] == 2
    assert json.loads(bench.report())["rung"] == "chart"
    assert not kube.list("v1", "Service", bench.namespace, "cnai.dev/stand-in=true")
    assert kube.get("standin.example.com/v1", "Thing", "a", bench.namespace)

    bench.delete()
    assert kube.get(*CRD, "things.standin.example.com") is None


@pytest.fixture
def fresh(bench: Bench) -> Callable[[], Bench]:
    """The provider of the next run: what this one remembers of charts is forgotten."""

    def again() -> Bench:
        bench.resource = ReleaseResource(
            bench.kubeconfig, bench.context, bench.sandbox, helm=bench.helm, packages=bench.packages
        )
        return bench

    return again


def test_a_crd_that_two_releases_bring_goes_with_the_last_of_them(bench: Bench, kube: Kube, tmp_path: Path):
    chart = write_chart(tmp_path / "chart", {"settings": SETTINGS}, crds=(crd("shared.example.com"),))
    other: Object = bench.inputs(chart, name="other")
    bench.create(chart)
    bench.resource.create(URN, other, False, 0)

    bench.delete()
    assert kube.get(*CRD, "things.shared.example.com")
    assert kube.get("v1", "Namespace", bench.namespace)

    bench.resource.delete(URN, f"{bench.namespace}/other", other, {}, 0)
    assert kube.get(*CRD, "things.shared.example.com") is None
    assert kube.get("v1", "Namespace", bench.namespace) is None


def test_a_release_whose_last_hook_finds_no_node_goes_without_it(bench: Bench, kube: Kube, tmp_path: Path):
    bench.create(write_chart(tmp_path / "chart", {"settings": SETTINGS, "last": LAST_HOOK}))
    kube.delete("v1", "Node", NODE)

    bench.delete()

    assert kube.get("v1", "Namespace", bench.namespace) is None


def test_roles_that_add_up_others_stay_away_though_their_controller_writes_them_while_those_go(
    bench: Bench, kube: Kube, tmp_path: Path
):
    """Kubernetes' own controller applies them, which creates one that has just been deleted."""
    chart = write_chart(tmp_path / "chart", {"roles": AGGREGATED})
    for _ in range(3):
        bench.create(chart)
        bench.delete()
        left = kube.list("rbac.authorization.k8s.io/v1", "ClusterRole")
        assert [each["metadata"]["name"] for each in left if each["metadata"]["name"].startswith("app-")] == []
