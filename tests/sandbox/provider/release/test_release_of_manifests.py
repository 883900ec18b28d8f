"""A package of kustomizations as a program installs it, through the real engine, kustomize and Helm."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import automation

from cnai.catalog import Tree, catalog
from cnai.catalog.installing import install
from cnai.engine.plugins import MODULES, write_shims
from cnai.kube import Kube, Object
from cnai.toolchain import ensure
from kustomize_upstream import DEFINITION, FILES, Upstream

pytestmark = pytest.mark.sandbox
NAMESPACE = "widgets"
HOST = "pulumi-language-python"
ROW = """
[widgets]
kind = "manifests"
source = {source}
version = "{ref}"
namespace = "widgets"
licence = "Apache-2.0"
health = {{status = "maintained", seen = 2026-08-22}}
timeout_s = 60
"""
LOCK = """
widgets:
  version: {ref}
  crds: [{{group: example.com, kind: Widget, plural: widgets, versions: [v1]}}]
  workloads: [{{kind: Deployment, name: widgets-controller, image: "ghcr.io/example/widgets:1"}}]
"""
SOURCE = """{{project = "{project}", folder = "config", paths = ["config/deploy"],
checksum = "{checksum}", archive = "{archive}"}}"""
VALUES = {"widgets": {"images": [{"name": "ghcr.io/example/widgets", "newTag": "1.2.3"}]}}
TARGET = {"kind": "Deployment", "name": "widgets-controller"}
REPLICAS = {"target": TARGET, "patch": [{"op": "add", "path": "/spec/replicas", "value": 2}]}
WIDGET = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "first", "namespace": "widgets"}}
WITHOUT_WIDGET = {"patch": {"$patch": "delete", **WIDGET}}


class Feature:
    """A third party's feature with one package, which program and provider both find by its entry point."""

    def __init__(self, site: Path) -> None:
        self._folder = site / "widgets_feature"
        self._folder.mkdir(parents=True)
        (self._folder / "__init__.py").write_text("")
        (self._folder / "values.yaml").write_text(json.dumps(VALUES))
        info = site / "widgets_feature-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: widgets-feature\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[cnai.features]\nwidgets = widgets_feature\n")

    def pin(self, tree: Tree) -> None:
        source = SOURCE.format(project=tree.project, checksum=tree.checksum, archive=tree.archive).replace("\n", " ")
        (self._folder / "package.toml").write_text(ROW.format(source=source, ref=tree.ref))
        (self._folder / "lock.yaml").write_text(LOCK.format(ref=tree.ref))
        catalog.cache_clear()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream()
    yield made
    made.close()


@pytest.fixture
def feature(stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feature]:
    """After `stack`, so that it is still there while what is left of that is destroyed."""
    with monkeypatch.context() as users:
        users.delenv("CNAI_CACHE")
        monkeypatch.setenv("PATH", str(ensure(["kustomize"], print)["kustomize"].path.parent), prepend=":")
    made = Feature(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=":")
    monkeypatch.setenv("CNAI_PROJECT", str(tmp_path / "project"))
    yield made
    catalog.cache_clear()


def program(*patches: Object, database: str = "db.example.com") -> Callable[[], None]:
    """Our kustomization: the settings name a database that only the run knows, as a secret."""
    settings = {"kind": "ConfigMap", "name": "widgets-settings"}

    def run() -> None:
        replaced = {"op": "replace", "path": "/data/database", "value": pulumi.Output.secret(database)}
        release = install("widgets", "widgets", {"patches": [{"target": settings, "patch": [replaced]}, *patches]})
        pulumi.export("status", release.status.status)

    return run


def report(tmp_path: Path, record: str = "widgets.widgets.json") -> Any:
    return json.loads((tmp_path / "sandbox/report" / record).read_text())


def controller(kube: Kube) -> Object:
    return kube.get("apps/v1", "Deployment", "widgets-controller", NAMESPACE) or {}


def definition(kube: Kube) -> Object | None:
    return kube.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.com")


def test_manifests_are_installed_patched_pruned_upgraded_and_destroyed_like_a_chart(
    stack, kube: Kube, node: Object, upstream: Upstream, feature: Feature, tmp_path: Path
):
    feature.pin(upstream.publish("v1.0.0"))
    assert stack.up(program()) == {"create": 5}
    assert report(tmp_path)["rung"] == "chart"
    assert controller(kube)["status"]["readyReplicas"] == 1
    assert controller(kube)["spec"]["template"]["spec"]["containers"][0]["image"] == "ghcr.io/example/widgets:1.2.3"
    settings = kube.get("v1", "ConfigMap", "widgets-settings", NAMESPACE) or {}
    assert settings["data"] == {"template": "{{ .Values.not.ours }}", "database": "db.example.com"}
    assert "db.example.com" not in stack.written()
    assert (kube.get("example.com/v1", "Widget", "first", NAMESPACE) or {})["spec"] == {"size": 1}
    assert stack.up(program()) == {"same": 5}

    assert stack.up(program(REPLICAS, WITHOUT_WIDGET)) == {"same": 4, "update": 1}
    assert controller(kube)["status"]["readyReplicas"] == 2
    assert kube.get("example.com/v1", "Widget", "first", NAMESPACE) is None
    assert stack.up(program(REPLICAS, WITHOUT_WIDGET, database='\'"other"')) == {"same": 4, "update": 1}
    assert (kube.get("v1", "ConfigMap", "widgets-settings", NAMESPACE) or {})["data"]["database"] == '\'"other"'

    grown = DEFINITION.replace("size: {type: integer}", "size: {type: integer}, color: {type: string}")
    feature.pin(upstream.publish("v1.1.0", {**FILES, "base/crd.yaml": grown}))
    assert stack.up(program())["update"] == 2
    schema = (definition(kube) or {})["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert "color" in schema["properties"]["spec"]["properties"]
    assert controller(kube)["status"]["readyReplicas"] == 1

    stack.inner.destroy()
    assert kube.get("v1", "Namespace", NAMESPACE) is None
    assert definition(kube) is None


def test_a_stand_in_is_declared_the_same_and_gives_way_to_the_manifests(
    stack, kube: Kube, node: Object, upstream: Upstream, feature: Feature, tmp_path: Path
):
    tree = upstream.publish("v1.0.0")
    feature.pin(replace(tree, archive="http://127.0.0.1:9/{project}/tar.gz/{ref}"))
    assert stack.up(program())["create"] == 5
    told = report(tmp_path)
    assert told["rung"] == "stand-in"
    assert "127.0.0.1 cannot be reached" in told["why"]
    assert controller(kube)["metadata"]["labels"]["cnai.dev/stand-in"] == "true"
    assert report(tmp_path, "default.widgets-crds.component.json")["unchecked"] == ["Widget.example.com"]
    declared = set(stack.resources())

    feature.pin(tree)
    assert stack.up(program(REPLICAS))["update"] == 2
    assert report(tmp_path)["rung"] == "chart"
    assert "cnai.dev/stand-in" not in controller(kube)["metadata"]["labels"]
    assert set(stack.resources()) == declared


PROJECT = "name: project\nruntime: python\nmain: stacks\n"
PROGRAM = 'from cnai.catalog.installing import install\n\ninstall("widgets", "widgets", {})\n'


def test_a_project_names_the_chart_from_where_the_engine_starts_its_plugins(
    stack,
    kube: Kube,
    node: Object,
    upstream: Upstream,
    feature: Feature,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    feature.pin(upstream.publish("v1.0.0"))
    write_shims(tmp_path / "host", {HOST: MODULES[HOST]})
    monkeypatch.setenv("PATH", str(tmp_path / "host"), prepend=":")
    (tmp_path / "project/stacks").mkdir(parents=True)
    (tmp_path / "project/Pulumi.yaml").write_text(PROJECT)
    (tmp_path / "project/stacks/__main__.py").write_text(PROGRAM)
    made = automation.create_stack(stack_name="project", work_dir=str(tmp_path / "project"))
    try:
        made.up()
        entries = (made.export_stack().deployment or {})["resources"]
        release = next(entry for entry in entries if entry["type"] == "kubernetes:helm.sh/v3:Release")
        assert re.fullmatch(r"\.\./\.cnai/manifests/widgets-\w+/widgets", release["inputs"]["chart"])
        assert report(tmp_path)["rung"] == "chart"
        assert controller(kube)["status"]["readyReplicas"] == 1
    finally:
        made.destroy()
