"""`cnai catalog`: what it prints, and how it exits."""

import io
import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cnai.catalog import catalog
from cnai.charts.offline import Offline
from cnai.charts.sources import cached_manifest
from cnai.cli import app
from cnai.cli.console import ExitCode

ROOT = Path(__file__).resolve().parents[2]
STACK = {
    "cnai:cloud": {"local": {}},
    "cnai:pools": {"system": {"min": 1, "max": 1}},
    "cnai:features": {"cert_manager": True, "kubeflow": ["trainer"]},
}
RENDERED = """
kind: Deployment
metadata: {name: RELEASE-controller}
spec: {template: {metadata: {}, spec: {containers: [{name: a, image: "registry.k8s.io/jobset/jobset:v1"}]}}}
---
kind: CustomResourceDefinition
metadata: {name: jobsets.jobset.x-k8s.io}
spec:
  group: jobset.x-k8s.io
  scope: Namespaced
  names: {kind: JobSet, plural: jobsets}
  versions: [{name: v1alpha2, served: true, storage: true}]
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """One environment that can be read and one that cannot; an empty cache, and nothing outside in reach."""
    (tmp_path / "Pulumi.yaml").write_text("name: cnai\nruntime: python\n")
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": STACK}))
    (tmp_path / "stacks" / "Pulumi.broken.yaml").write_text("config: {'cnai:cloud': {}}\n")
    monkeypatch.setenv("CNAI_PROJECT", str(tmp_path))
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Offline, "why", lambda self, url: "out of reach")
    return tmp_path


def said(capsys, *arguments):
    code = app.run(["catalog", *arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return code, captured.out, captured.err


def test_list_says_which_environments_use_a_package_and_leaves_out_what_cannot_be_read(project, capsys):
    code, out, err = said(capsys, "list", "--json")
    rows = {row["package"]: row for row in json.loads(out)["packages"]}
    assert (code, set(rows)) == (ExitCode.DONE, set(catalog()))
    assert (rows["jobset"]["used by"], rows["minio"]["used by"]) == ("dev", "")
    assert rows["minio"]["upstream"] == "end-of-life"
    assert "broken is left out" in err


def test_show_says_what_the_chart_renders(project, capsys):
    code, out, _ = said(capsys, "show", "cert-manager", "--json")
    shown = json.loads(out)
    assert (code, shown["version"], shown["used by"]) == (ExitCode.DONE, catalog()["cert-manager"].version, ["dev"])
    assert "Certificate.cert-manager.io" in shown["kinds"]
    assert "Deployment/cert-manager-webhook" in shown["workloads"]
    assert "cert-manager.io" in said(capsys, "show", "cert-manager")[1]


@pytest.mark.parametrize("command", [["show"], ["lock"], ["verify"], ["pull"], ["images"]], ids=" ".join)
def test_an_unknown_package_is_wrong_input_with_the_nearest_right_one(project, capsys, command):
    code, _, err = said(capsys, *command, "cert-manger")
    assert code == ExitCode.WRONG_INPUT
    assert "did you mean 'cert-manager'?" in err


@pytest.mark.parametrize("command", ["lock", "pull"])
def test_what_takes_long_is_done_for_all_only_where_that_is_said(project, capsys, command):
    code, _, err = said(capsys, command)
    assert (code, "name packages, or pass --all" in err) == (ExitCode.WRONG_INPUT, True)
    assert said(capsys, command, "--all", "jobset")[0] == ExitCode.WRONG_INPUT


def test_verify_passes_without_a_chart_at_hand_and_fails_where_a_rule_is_broken(project, capsys, monkeypatch):
    code, out, _ = said(capsys, "verify")
    assert (code, f"{len(catalog())} packages, 0 of them break a rule" in out) == (ExitCode.DONE, True)
    wrong = dict(catalog()) | {"jobset": replace(catalog()["jobset"], version="9.9.9")}
    monkeypatch.setattr("cnai.locking.files.catalog", lambda: wrong)
    code, out, _ = said(capsys, "verify", "jobset", "--json")
    (found,) = json.loads(out)["findings"]
    assert code == ExitCode.FAILED
    assert found["text"].startswith("its lock is of version")


def test_images_are_one_a_line_and_those_of_an_environment_where_one_is_named(project, capsys):
    code, out, _ = said(capsys, "images", "dev")
    lines = out.splitlines()
    assert (code, lines) == (ExitCode.DONE, sorted(set(lines)))
    wanted = ("cert-manager", "jobset", "kubeflow-trainer")
    assert set(lines) == {
        image for name in wanted for image in (*catalog()[name].images, *catalog()[name].runtimes.values())
    }
    assert set(json.loads(said(capsys, "images", "--json")[1])["images"]) == set(catalog())


def archive(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"jobset/{name}")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))


@pytest.fixture
def chart(project, monkeypatch):
    """A chart called as JobSet's, that knows the keys which we set; Helm's part is played here."""
    version = catalog()["jobset"].version
    files = {"Chart.yaml": f"name: jobset\nversion: {version}\n", "values.yaml": "controller: {}\n"}
    archive(project / "cache" / "charts" / f"jobset-{version}.tgz", files)

    class Renders:
        def __init__(self, report):
            self.cancelled = False

        def run(self, command, release, *rest, **more):
            return RENDERED.replace("RELEASE", release)

    monkeypatch.setattr("cnai.render.charts.LateHelm", Renders)
    monkeypatch.setattr("cnai.locking.files.folder_of", lambda home: project)
    return files


def test_lock_writes_what_the_chart_renders_and_says_whether_that_is_new(project, chart, capsys):
    code, out, _ = said(capsys, "lock", "jobset")
    assert (code, "1 locked, 1 of them changed: jobset" in out) == (ExitCode.DONE, True)
    found = yaml.safe_load((project / "lock.yaml").read_text())["jobset"]
    assert found["version"] == catalog()["jobset"].version
    assert found["workloads"][0]["name"] == "{release}-controller"
    assert found["keys"] == {".": "controller*"}
    assert "0 of them changed: none" in said(capsys, "lock", "jobset")[1]


def test_lock_fails_where_the_chart_ignores_a_value_and_leaves_the_old_lock(project, chart, capsys):
    version = catalog()["jobset"].version
    archive(project / "cache" / "charts" / f"jobset-{version}.tgz", chart | {"values.yaml": "other: 1\n"})
    (project / "lock.yaml").write_text("old")
    code, _, err = said(capsys, "lock", "jobset")
    assert (code, (project / "lock.yaml").read_text()) == (ExitCode.FAILED, "old")
    assert "controller: the chart has no such value" in err


def test_lock_fails_where_no_chart_is_at_hand(project, capsys):
    code, _, err = said(capsys, "lock", "jobset")
    assert (code, "its chart cannot be had" in err, "catalog pull" in err) == (ExitCode.FAILED, True, True)


def test_pull_says_what_cannot_be_had_and_that_a_chart_is_not_the_locked_one(project, chart, capsys):
    code, out, _ = said(capsys, "pull", "jobset", "--json")
    found = json.loads(out)["files"]
    assert code == ExitCode.FAILED
    assert [each["problem"] for each in found] == [
        "is not the chart that was locked: look at it, then `cnai catalog lock jobset`",
        "out of reach",
    ]


def test_pull_fills_a_folder_that_can_be_carried_to_a_machine_without_internet(project, chart, capsys, monkeypatch):
    away = project / "usb"
    shutil.copytree(project / "cache" / "charts", away / "charts")
    (url,) = catalog()["jobset"].crd_urls
    monkeypatch.setattr(Offline, "why", lambda self, url: "")
    monkeypatch.setattr("cnai.locking.pulling.fetched", lambda url, kept: kept.parent.mkdir() or kept.write_text(url))
    _, out, _ = said(capsys, "pull", "jobset", "--into", str(away))
    assert f"2 of 2 files are in {away}" in out
    assert cached_manifest(url, away).read_text() == url
    assert not cached_manifest(url).exists()


def test_the_environments_of_this_project_install_only_locked_packages(monkeypatch, capsys):
    monkeypatch.setenv("CNAI_PROJECT", str(ROOT))
    for row in json.loads(said(capsys, "list", "--json")[1])["packages"]:
        assert catalog()[row["package"]].lock.version == row["version"]
