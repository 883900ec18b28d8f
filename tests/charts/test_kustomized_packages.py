"""What the real kustomize makes of a package, and what it is not let do."""

from dataclasses import replace

import pytest

from cnai.catalog import Package
from cnai.charts.errors import ChartError
from cnai.charts.kustomize.building import rendered
from kustomize_upstream import FILES, Upstream, package

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("users_tools")]
PIN = {"images": [{"name": "ghcr.io/example/widgets", "newTag": "1.2.3"}]}
TARGET = {"kind": "Deployment", "name": "widgets-controller"}
REPLICAS = {"target": TARGET, "patch": "- {op: add, path: /spec/replicas, value: 3}"}
ARGO = "https://github.com/example/engine/config/base?ref=v4&timeout=60s"


@pytest.fixture
def widgets(upstream: Upstream) -> Package:
    return package(upstream.publish("v1.0.0"))


def kinds(objects):
    return {obj["kind"]: obj for obj in objects}


def test_a_package_is_rendered_with_our_patches_and_images_on_top(widgets: Package):
    found = kinds(rendered(widgets, {**PIN, "patches": [REPLICAS]}))
    assert sorted(found) == ["ConfigMap", "CustomResourceDefinition", "Deployment", "Namespace", "Widget"]
    deployment = found["Deployment"]
    assert deployment["metadata"]["namespace"] == "widgets"
    assert deployment["spec"]["replicas"] == 3
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "ghcr.io/example/widgets:1.2.3"


def test_plain_files_of_the_repository_are_rendered_too(widgets: Package):
    source = replace(widgets.source, paths=("config/base/settings.yaml", "config/deploy/widget.yaml"))
    assert sorted(kinds(rendered(replace(widgets, source=source), {}))) == ["ConfigMap", "Widget"]


def test_a_kustomization_can_add_what_upstream_has_beside(widgets: Package):
    source = replace(widgets.source, paths=("config/base/settings.yaml",))
    found = rendered(replace(widgets, source=source), {"resources": ["config/deploy/widget.yaml"], "namePrefix": "x-"})
    assert {obj["metadata"]["name"] for obj in found} == {"x-widgets-settings", "x-first"}


def test_kustomize_says_in_its_own_words_why_a_patch_does_not_apply(widgets: Package):
    broken = {"target": TARGET, "patch": "- {op: remove, path: /spec/nowhere}"}
    with pytest.raises(ChartError, match=r"package widgets: kustomize refuses .*[Uu]nable to remove nonexistent key"):
        rendered(widgets, {"patches": [broken]})
    stranger = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: stranger}, spec: {replicas: 2}}"
    with pytest.raises(ChartError, match=r"no (resource )?matches .*stranger") as refused:
        rendered(widgets, {"patches": [{"patch": stranger}]})
    assert "/tmp" not in refused.value.message


def test_a_patch_and_an_image_that_would_change_nothing_are_refused_though_kustomize_passes_over_them(widgets: Package):
    lost = {"target": {"kind": "Deployment", "name": "widgets-server"}, "patch": REPLICAS["patch"]}
    with pytest.raises(ChartError, match=r"targets kind Deployment, name widgets-server.*there are widgets-controller"):
        rendered(widgets, {"patches": [lost]})
    with pytest.raises(ChartError, match=r"`images` names example/gadgets.* they run ghcr.io/example/widgets"):
        rendered(widgets, {"images": [{"name": "example/gadgets", "newTag": "1"}]})


def test_a_field_that_no_kustomization_has_is_refused(widgets: Package):
    with pytest.raises(ChartError, match=r"unknown field \"?imgaes"):
        rendered(widgets, {"imgaes": []})


def test_a_path_that_the_repository_does_not_have_is_named(widgets: Package):
    source = replace(widgets.source, paths=("config/installs/widgets",))
    with pytest.raises(ChartError, match=r"example/widgets at v1.0.0 has no config/installs/widgets"):
        rendered(replace(widgets, source=source), {})


@pytest.mark.parametrize(
    "address",
    [ARGO, "github.com/example/engine//config/base?ref=v4", "git@github.com:example/engine/config/base?ref=v4"],
)
def test_a_remote_base_is_read_from_where_it_is_pinned_and_never_fetched(upstream: Upstream, address: str):
    tree = upstream.publish("v1", {**FILES, "base/kustomization.yaml": f"resources: ['{address}', controller.yaml]\n"})
    with pytest.raises(ChartError, match=r"upstream/config/base builds on .*, but it is not pinned: pin that"):
        rendered(package(tree), {})
    with pytest.raises(ChartError, match="but only v5 is pinned"):
        rendered(package(tree, bases=(upstream.publish("v5", FILES, "example/engine"),)), {})
    whole = {k: v for k, v in FILES.items() if k != "base/controller.yaml"}
    whole["base/kustomization.yaml"] = "resources: [crd.yaml, settings.yaml]\n"
    engine = upstream.publish("v4", whole, project="example/engine")
    assert len(rendered(package(tree, bases=(engine,)), {})) == 5


def test_a_file_that_a_kustomization_names_by_address_is_not_fetched(upstream: Upstream):
    remote = upstream.archive.format(project="example/widgets", ref="v2")
    upstream.publish("v2")
    tree = upstream.publish("v1", {**FILES, "base/kustomization.yaml": f"resources: [crd.yaml, '{remote}']\n"})
    with pytest.raises(ChartError, match="is not pinned"):
        rendered(package(tree), {})
    assert upstream.asked == ["/example/widgets/tar.gz/v1"]
