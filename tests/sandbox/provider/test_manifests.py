import json
import tarfile

import pytest

from cnai.catalog import catalog
from cnai.charts.errors import ChartError
from cnai.charts.manifests import (
    child_name,
    flattened,
    levels,
    needs,
    parsed,
    placed,
    without_await,
)
from cnai.charts.published import crds_of
from cnai.charts.sources import Origin, cached_manifest, of_files, of_group

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.x.dev"},
    "spec": {"group": "x.dev", "scope": "Namespaced", "names": {"kind": "Widget"}},
}
WIDGET = {"apiVersion": "x.dev/v2", "kind": "Widget", "metadata": {"name": "w", "namespace": "n"}}


def test_yaml_is_read_as_kubernetes_reads_it():
    text = "apiVersion: v1\nkind: A\nmetadata: {name: a}\nwhen: 2020-01-01\nops: [=, '!=']\n---\n# nothing\n---\n"
    [obj] = parsed(text, "test")
    assert (obj["when"], obj["ops"]) == ("2020-01-01", ["=", "!="])


def test_lists_are_taken_apart_however_deep():
    nested = {"kind": "List", "apiVersion": "v1", "items": [CONFIG, {"kind": "ConfigMapList", "items": [NAMESPACE]}]}
    assert flattened([nested], "test") == [CONFIG, NAMESPACE]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "test is not valid YAML"),
        ("just words", "not a Kubernetes object"),
        ("kind: A\nmetadata: {name: a}", "every object needs apiVersion"),
        ("apiVersion: v1\nkind: A\nmetadata: {}", "metadata.name"),
    ],
)
def test_what_is_no_manifest_is_refused_in_one_line(text, words):
    with pytest.raises(ChartError) as refused:
        parsed(text, "test")
    assert words in refused.value.message
    assert "\n" not in refused.value.message


def test_namespaces_and_definitions_come_first_whatever_the_order():
    first, rest = levels([WIDGET, CONFIG, DEFINITION, NAMESPACE])
    assert first == [DEFINITION, NAMESPACE]
    assert rest == [WIDGET, CONFIG]


def test_an_object_depends_on_its_namespace_and_on_the_definition_of_its_kind_in_any_version():
    first = [DEFINITION, NAMESPACE]
    assert needs(WIDGET, first) == [DEFINITION, NAMESPACE]
    assert needs(CONFIG, first) == [NAMESPACE]
    assert needs({**CONFIG, "metadata": {"name": "c", "namespace": "other"}}, first) == []


def test_the_default_namespace_goes_where_the_kind_has_one_and_the_manifest_none():
    bare = [{**WIDGET, "metadata": {"name": "w"}}, {**CONFIG, "metadata": {"name": "c"}}, NAMESPACE, DEFINITION, CONFIG]
    found = placed(bare, "here", lambda _, kind: kind == "ConfigMap")
    assert [obj["metadata"].get("namespace") for obj in found] == ["here", "here", None, None, "n"]


def test_children_are_named_as_upstream_names_them():
    assert child_name(CONFIG, "group") == "group:n/c"
    assert child_name(NAMESPACE, "group") == "group:n"
    assert child_name(CONFIG, "") == "n/c"


def test_skip_await_is_an_annotation_even_where_annotations_are_null():
    obj = {**CONFIG, "metadata": {**CONFIG["metadata"], "annotations": None}}
    assert without_await(obj)["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}


def test_files_of_a_pattern_are_read_in_the_order_of_their_names(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
    found = of_group({"files": [str(tmp_path / "*.yaml")], "objs": [NAMESPACE]}, Origin())
    assert [obj["metadata"]["name"] for obj in found] == ["a", "b", "n"]


def test_an_address_is_read_from_the_cache_where_it_has_been_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path))
    url = "https://example.invalid/releases/install.yaml?x=1"
    kept = cached_manifest(url)
    assert kept.name.endswith("-install.yaml")
    kept.parent.mkdir()
    kept.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept}\n")
    assert of_files(url, Origin())[0]["metadata"]["name"] == "kept"


def test_an_address_that_cannot_be_reached_says_where_to_put_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path))
    url = "http://127.0.0.1:9/install.yaml"
    with pytest.raises(ChartError) as refused:
        of_files(url, Origin())
    assert url in refused.value.message
    assert str(cached_manifest(url)) in refused.value.message


def test_a_packages_published_crds_come_from_what_is_at_hand_when_their_address_is_out_of_reach(tmp_path, monkeypatch):
    package = catalog()["jobset"]
    crd = {"kind": "CustomResourceDefinition", "apiVersion": "apiextensions.k8s.io/v1"}
    (tmp_path / "crds" / "jobset").mkdir(parents=True)
    known = crd | {"metadata": {"name": "jobsets.jobset.x-k8s.io"}}
    (tmp_path / "crds" / "jobset" / "jobsets.jobset.x-k8s.io.json").write_text(json.dumps(known))
    row = f"{package.source.project}\tcrds/jobset/jobsets.jobset.x-k8s.io.json"
    (tmp_path / "crds" / "INDEX.tsv").write_text(f"repo\tfile\n{row}\n")
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("cnai.charts.sources.Offline.why", lambda *_: "no way out")
    origin = Origin(reference=tmp_path)
    [found] = of_files(package.crd_urls[0], origin)
    assert found["metadata"]["name"] == "jobsets.jobset.x-k8s.io"
    assert origin.packages == ["jobset"]
    assert [schemas.source for schemas in origin.instead] == ["reference"]


def test_a_packages_chart_in_the_cache_has_its_published_crds_before_anything_else_at_hand(tmp_path, monkeypatch):
    package = catalog()["jobset"]
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path))
    source = tmp_path / "jobset"
    (source / "crds").mkdir(parents=True)
    (source / "Chart.yaml").write_text("name: jobset\nversion: 1.0.0\n")
    crd = {"kind": "CustomResourceDefinition", "apiVersion": "apiextensions.k8s.io/v1"}
    known = crd | {"metadata": {"name": "jobsets.jobset.x-k8s.io"}, "spec": {"from": "chart"}}
    (source / "crds" / "jobsets.yaml").write_text(json.dumps(known))
    archive = tmp_path / "charts" / f"jobset-{package.version}.tgz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as file:
        file.add(source, "jobset")
    found = crds_of(package, package.crd_urls[0], None)
    assert (found.source, found.crds, found.unchecked) == ("chart", [known], ())
    archive.write_bytes(b"half")
    assert crds_of(package, package.crd_urls[0], None).source == "none"
