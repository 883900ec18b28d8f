"""What installing a package of kind `manifests` declares: the same whether its source can be had or not."""

from dataclasses import replace
from pathlib import Path

import pulumi
import pytest

from cnai.catalog import Lock, Package, Tree, catalog, layered
from cnai.catalog.installing import install
from cnai.catalog.loading import parsed
from cnai.charts.kustomize.bundle import Bundle
from cnai.errors import UserError
from kustomize_upstream import PROJECT, package

RELEASE = "kubernetes:helm.sh/v3:Release::widgets"
CRDS = "kubernetes:yaml/v2:ConfigGroup::widgets-crds"
TREE = Tree(project=PROJECT, ref="v1.2.3", folder="config", checksum=f"sha256:{'a' * 64}", archive="http://nowhere")
WIDGETS = package(TREE, base_values={"images": [{"name": "ghcr.io/example/widgets", "newTag": "1.2.3"}]})


@pytest.fixture
def installed(declared, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """`installed(package, values)`: what it declares, in a project whose program is in `stacks`."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: test\nruntime: python\nmain: stacks\n")
    monkeypatch.chdir(tmp_path / "stacks")
    monkeypatch.delenv("CNAI_PROJECT", raising=False)

    def run(chosen: Package = WIDGETS, values=None):
        monkeypatch.setattr("cnai.catalog.installing.catalog", lambda: {"widgets": chosen})
        return {each.key: each for each in declared(lambda: install("widgets", "widgets", values or {}))}

    yield run
    assert not (tmp_path / ".cnai").exists(), "declaring fetches and renders nothing"


def test_manifests_are_a_release_of_a_chart_in_the_project_with_crds_of_their_own(installed):
    found = installed()
    release, digest = found[RELEASE].inputs, Bundle(WIDGETS, WIDGETS.base_values).digest
    assert release["chart"] == f"../.cnai/manifests/widgets-{digest}/widgets"
    assert release["version"] == f"1.2.3+{digest}"
    assert release["namespace"] == "widgets"
    assert found[CRDS].inputs["files"] == [f"../.cnai/manifests/widgets-{digest}/crds.yaml"]
    assert CRDS in found[RELEASE].options["dependsOn"]
    assert release["skipCrds"] is True
    assert "kubernetes:core/v1:Namespace::widgets-namespace" in found


def test_manifests_without_crds_declare_none(installed):
    assert CRDS not in installed(replace(WIDGETS, lock=Lock()))


def test_whatever_changes_the_objects_changes_the_chart(installed):
    def chart(chosen=WIDGETS, values=None):
        return installed(chosen, values)[RELEASE].inputs["chart"]

    other = replace(WIDGETS.source, checksum=f"sha256:{'b' * 64}")
    changed = [
        chart(replace(WIDGETS, source=other)),
        chart(replace(WIDGETS, version="v1.2.4")),
        chart(replace(WIDGETS, base_values={})),
        chart(values={"namePrefix": "x-"}),
    ]
    assert len({chart(), *changed}) == 5
    assert chart() == chart(replace(WIDGETS, timeout_s=900))


def test_a_preview_shows_which_patch_is_new_and_ours_stay_in_force(installed):
    given = {"images": [{"name": "ghcr.io/example/proxy", "newTag": "2"}], "patches": [{"path": "p.yaml"}]}
    shown = installed(values=given)[RELEASE].inputs["values"]["kustomization"]
    assert [image["name"] for image in shown["images"]] == ["ghcr.io/example/widgets", "ghcr.io/example/proxy"]
    assert shown["patches"] == given["patches"]
    assert list(WIDGETS.base_values) == ["images"]


def test_what_is_known_only_at_run_time_goes_into_the_chart_by_a_mark(installed):
    def patch(value):
        return {"patches": [{"patch": {"data": {"database": value, "port": "1"}}}]}

    late = installed(values=patch(pulumi.Output.from_input("db.example.com")))[RELEASE].inputs
    mark = late["values"]["kustomization"]["patches"][0]["patch"]["data"]["database"]
    assert late["values"]["known"] == {mark: "db.example.com"}
    other = installed(values=patch(pulumi.Output.from_input("elsewhere")))[RELEASE].inputs
    assert other["chart"] == late["chart"], "the objects are rendered once, whatever the value will be"


def test_lists_of_kustomizations_are_joined_and_neither_side_is_changed():
    base, over = {"patches": [1], "commonLabels": {"a": "b"}}, {"patches": [2], "namePrefix": "x"}
    assert layered(base, over) == {"patches": [1, 2], "commonLabels": {"a": "b"}, "namePrefix": "x"}
    assert (base["patches"], over["patches"]) == ([1], [2])


@pytest.mark.parametrize(
    ("version", "chart"), [("v1.2.3", "1.2.3"), ("2.17", "2.17.0"), ("26.03", "26.3.0"), ("v1.9.0-rc.1", "1.9.0")]
)
def test_any_version_of_upstreams_makes_one_that_helm_takes(version: str, chart: str):
    bundle = Bundle(replace(WIDGETS, version=version), {})
    assert bundle.version == f"{chart}+{bundle.digest}"


ROW = """
[widgets]
kind = "{kind}"
source = {source}
version = "v1.2.3"
namespace = "widgets"
licence = "Apache-2.0"
health = {{status = "maintained", seen = 2026-08-22}}
"""
PINNED = '{project = "example/widgets", folder = "config", paths = ["config/deploy"], checksum = "sha256:00"}'


def test_a_row_of_manifests_pins_repository_ref_and_checksum():
    row = parsed(ROW.format(kind="manifests", source=PINNED), "scheduling/widgets", {})["widgets"]
    assert row.archive == "https://codeload.github.com/example/widgets/tar.gz/v1.2.3"
    assert str(row.source.tree(row.version)) == "config of example/widgets at v1.2.3"


@pytest.mark.parametrize(
    ("kind", "source", "said"),
    [
        ("helm", PINNED, "a package of kind helm has a source with chart, repository, project"),
        ("manifests", PINNED.replace("checksum", "checksums"), r"widgets.source.manifests.checksum: Field required"),
    ],
)
def test_a_source_that_does_not_fit_its_kind_is_refused(kind: str, source: str, said: str):
    with pytest.raises(UserError, match=said):
        parsed(ROW.format(kind=kind, source=source), "scheduling/widgets", {})


def test_the_tests_package_is_none_of_the_catalogs():
    assert "widgets" not in catalog()
