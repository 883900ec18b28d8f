"""Every row of tools.toml is complete, pinned, and says the same as its go.mod."""

import re
from itertools import product

import pytest

from cnai.toolchain import tool_names
from cnai.toolchain.sources import HERE, Tool, go_pin, kubectl_pin, sources, tools
from cnai.toolchain.versions import Host, Range, parsed

HOSTS = [Host(os, arch) for os, arch in product(("linux", "darwin"), ("amd64", "arm64"))]
ALL = pytest.mark.parametrize("source", sources().values(), ids=lambda source: source.name)
RELEASED = pytest.mark.parametrize("tool", [t for t in tools().values() if t.source.release], ids=lambda t: t.name)


def required(source):
    return dict(re.findall(r"^\s*(?:require )?(\S+) (v\S+)(?: //.*)?$", (source.folder / "go.mod").read_text(), re.M))


def test_the_sandbox_has_all_its_tools():
    assert set(tool_names()) == {
        *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "kwokctl"),
        *(
            "pulumi",
            "helm",
            "kustomize",
            "kubectl",
            "trainer-controller-manager",
            "jobset-controller-manager",
            "kueue",
            "karpenter",
        ),
    }


@ALL
def test_a_source_is_pinned_to_the_version_that_its_go_mod_requires(source):
    assert parsed(source.version) is not None
    assert required(source)[source.module] == f"v{source.version}"


@ALL
def test_the_checksums_of_a_source_are_committed(source):
    assert f"{source.module} v{source.version} h1:" in (source.folder / "go.sum").read_text()


@ALL
def test_the_go_that_we_ask_for_can_build_every_source(source):
    assert Range(source.go).admits(go_pin().wheel_for(Range(source.go)).version)


def test_only_a_source_that_asks_for_it_is_built_with_a_newer_go():
    newer = {name for name, source in sources().items() if not Range(source.go).admits(go_pin().accepted.start)}
    assert newer == {"karpenter"}
    assert go_pin().wheel_for(go_pin().accepted) == go_pin().wheels[0]


def test_a_change_in_our_own_program_is_another_edition_of_its_tool(tmp_path, monkeypatch):
    karpenter = sources()["karpenter"]
    monkeypatch.setattr("cnai.toolchain.sources.HERE", tmp_path)
    (tmp_path / "modules/karpenter").mkdir(parents=True)
    editions = []
    for text in ("package main // 1", "package main // 2"):
        (tmp_path / "modules/karpenter/main.go").write_text(text)
        editions.append(karpenter.edition)
    assert len(set(editions)) == 2
    assert all(edition.startswith(f"{karpenter.version}+") for edition in editions)
    assert sources()["etcd"].edition == sources()["etcd"].version


@ALL
def test_every_package_lies_in_its_module_and_is_a_tool_of_it(source):
    go_mod = (source.folder / "go.mod").read_text()
    if (source.folder / "main.go").is_file():
        assert list(source.packages.values()) == re.findall(r"^module (\S+)$", go_mod, re.M)
        return
    for package in source.packages.values():
        assert package.startswith(source.module)
        assert re.search(rf"^(tool|\t) ?{re.escape(package)}$", go_mod, re.M)


@ALL
def test_the_pinned_version_would_do_on_path(source):
    assert source.on_path is None or source.on_path.admits(source.version)
    assert (source.on_path is None) == (source.probe is None)


def test_no_module_folder_is_left_over():
    assert {folder.name for folder in (HERE / "modules").iterdir()} == set(sources())


@RELEASED
@pytest.mark.parametrize("host", HOSTS, ids=str)
def test_a_release_is_named_whole_and_comes_over_https(tool, host):
    release = tool.source.release
    for template in (release.url, release.checksum):
        url = tool.filled(template, host)
        assert url.startswith("https://")
        assert tool.source.version in url
        assert not set(url) & set("{} ")
    if release.member:
        assert not set(tool.filled(release.member, host)) & set("{} ")


def test_the_api_servers_staging_modules_are_all_replaced_at_its_own_version():
    kubernetes = sources()["kubernetes"]
    lines = re.findall(r"^replace (\S+) => (\S+) (\S+)$", (kubernetes.folder / "go.mod").read_text(), re.M)
    assert len(lines) > 25
    wanted = f"v0.{kubernetes.version.removeprefix('1.')}"
    assert [line for line in lines if line[0] != line[1] or line[2] != wanted] == []


def test_helm_takes_the_cluster_for_the_kubernetes_that_we_run():
    helm = Tool("helm", sources()["helm"])
    minor = sources()["kubernetes"].version.split(".")[1]
    flags = [helm.filled(flag, HOSTS[0]) for flag in helm.source.ldflags]
    assert f"-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor={minor}" in flags


def test_controllers_bring_their_crds_and_webhooks():
    for name in ("trainer", "jobset", "kueue"):
        assert {"crds", "webhooks"} <= {share.into for share in sources()[name].share}


def test_the_go_wheel_is_pinned_by_hash_for_every_machine():
    for wheel in go_pin().wheels:
        assert len(set(wheel.sha256)) == len(HOSTS)
        assert all(re.fullmatch("[0-9a-f]{64}", one) for one in wheel.sha256)
        assert go_pin().accepted.admits(wheel.version)


def test_kubectl_is_within_the_skew_that_the_api_server_supports():
    minor = int(sources()["kubernetes"].version.split(".")[1])
    assert (kubectl_pin().accepted.start, kubectl_pin().accepted.below) == (f"1.{minor - 1}.0", f"1.{minor + 2}.0")


TOLD = {
    "etcd": "etcd Version: 3.6.16\nGit SHA: Not provided (use ./build instead of go build)\nGo Version: go1.26.8",
    "kwok": "kwok version v0.8.0 go1.26.8 (linux/amd64)",
    "kwokctl": "kwokctl version v0.8.0 go1.26.8 (linux/amd64)",
    "kube-apiserver": "Kubernetes v1.36.3",
    "pulumi": "v3.259.0",
    "helm": "v3.22.0",
    "kustomize": "v5.8.2",
}


@pytest.mark.parametrize("name", TOLD)
def test_a_tools_own_words_give_its_version(name):
    source = tools()[name].source
    told = re.search(source.probe.pattern, TOLD[name])
    assert told
    assert source.on_path.admits(told[1])


IMAGED = pytest.mark.parametrize("source", [s for s in sources().values() if s.image], ids=lambda source: source.name)


@IMAGED
def test_an_image_is_named_by_registry_repository_and_version(source):
    host, _, repository = source.image.repository.partition("/")
    assert "." in host
    assert repository
    for name, path in source.image.programs.items():
        assert source.version in Tool(name, source).filled(source.image.tag, HOSTS[0])
        assert path.startswith("/")
    assert all(re.fullmatch("sha256:[0-9a-f]{64}", pin) for pin in source.image.digests.values())
    assert set(source.image.digests) <= {host.arch for host in HOSTS}


@IMAGED
def test_what_an_image_lacks_comes_from_the_sources_of_the_same_version_by_commit(source):
    assert bool(source.archive) == bool(source.share)
    assert re.search(r"/[0-9a-f]{40}\.tar\.gz$", source.archive.url)
    assert f"{source.module} v{source.version} {source.archive.sum}" in (source.folder / "go.sum").read_text()


def test_an_image_has_what_a_build_would_make():
    for source in (source for source in sources().values() if source.image and source.packages):
        assert set(source.image.programs) <= set(source.packages)
