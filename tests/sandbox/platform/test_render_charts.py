"""Charts through the real Helm: a small one of our own, from a folder and from the cache."""

import subprocess

import pytest
import yaml

from cnai.cli import app
from cnai.cli.console import ExitCode
from cnai.render.charts import NotAtHand, Renderer
from cnai.toolchain import ensure

pytestmark = pytest.mark.sandbox

POD = """
apiVersion: v1
kind: Pod
metadata: {name: {{ .Release.Name }}}
spec:
  hostPID: {{ .Values.host }}
  containers: [{name: a, image: {{ required "say an image" .Values.image }}}]
{{- if .Capabilities.APIVersions.Has "example.dev/v1/Thing" }}
---
apiVersion: example.dev/v1
kind: Thing
metadata: {name: seen}
{{- end }}
"""

TEST = "apiVersion: v1\nkind: Pod\nmetadata: {name: test, annotations: {helm.sh/hook: test}}\n"


@pytest.fixture
def chart(tmp_path):
    folder = tmp_path / "chart"
    for name, text in {
        "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        "values.yaml": "host: true\nimage: web\n",
        "templates/pod.yaml": POD,
        "templates/tests/test.yaml": TEST,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def kinds(objects):
    return [(each["kind"], each["metadata"]["namespace"]) for each in objects]


def test_a_release_is_what_helm_makes_of_its_values_in_its_namespace(chart):
    found = Renderer().release(
        "web", {"chart": str(chart), "name": "web", "namespace": "shop", "values": {"host": False}}
    )
    assert kinds(found) == [("Pod", "shop")]
    assert found[0]["spec"]["hostPID"] is False


def test_a_chart_sees_the_kinds_of_those_before_it(chart):
    renderer = Renderer()
    names = {"kind": "Thing", "plural": "things"}
    crd = {"group": "example.dev", "names": names, "scope": "Namespaced", "versions": [{"name": "v1"}]}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things"}}
    assert renderer.placed([head | {"spec": crd}], "default") == []
    found = renderer.release("web", {"chart": str(chart), "name": "web", "namespace": "shop"})
    assert kinds(found) == [("Pod", "shop"), ("Thing", "shop")]


def test_a_chart_in_the_cache_needs_no_repository(chart, tmp_path, monkeypatch):
    helm = ensure(["helm"], lambda _: None)["helm"].path
    monkeypatch.setattr("cnai.render.charts.cache_dir", lambda: tmp_path / "cache")
    subprocess.run([helm, "package", chart, "-d", tmp_path / "cache" / "charts"], check=True, capture_output=True)
    inputs = {
        "chart": "web",
        "version": "1.0.0",
        "repositoryOpts": {"repo": "https://charts.invalid"},
        "namespace": "a",
    }
    assert kinds(Renderer().release("web", inputs)) == [("Pod", "a")]


def test_a_chart_that_does_not_render_is_told_in_helm_s_words(chart):
    with pytest.raises(NotAtHand, match="say an image"):
        Renderer().release("web", {"chart": str(chart), "values": {"image": ""}})


def test_a_folder_with_a_chart_is_checked_as_it_renders(chart, capsys):
    assert app.run(["check", str(chart), "--pack", "pod-security-baseline"]) == ExitCode.FAILED
    assert "Pod/default/release-name" in capsys.readouterr().out


def test_a_folder_with_a_kustomization_is_checked_as_it_renders(tmp_path, capsys):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "a"}]}}
    patch = [{"op": "add", "path": "/spec/hostPID", "value": True}]
    files = {
        "base/pod.yaml": pod,
        "base/kustomization.yaml": {"namePrefix": "my-", "resources": ["pod.yaml"]},
        "prod/kustomization.yaml": {
            "resources": ["../base"],
            "patches": [{"target": {"kind": "Pod"}, "patch": yaml.safe_dump(patch)}],
        },
    }
    for name, document in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(yaml.safe_dump(document))
    assert app.run(["check", str(tmp_path), "--pack", "pod-security-baseline"]) == ExitCode.FAILED
    assert "Pod/my-web" in capsys.readouterr().out
