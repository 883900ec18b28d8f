"""A module's data comes without Go from its repository's archive, but only if go.sum's hash fits it."""

import io
import tarfile
from contextlib import ExitStack
from dataclasses import replace

import pytest
from oci_fakes import Registry, layer, program
from toolchain_fakes import NOBODY_LISTENS

from cnai.toolchain.archive import h1, unpacked
from cnai.toolchain.reach import Refused
from cnai.toolchain.sources import Archive, Image, Share, sources

FILES = {
    "go.mod": b"module sigs.k8s.io/jobset\n",
    "config/crds/jobsets.yaml": b"kind: CustomResourceDefinition\n",
    "config/webhook/kustomization.yaml": b"resources: [manifests.yaml]\n",
    "config/webhook/manifests.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hooks}\n",
}
SUM = "h1:eUg0dhip9H57ZPGJFIFthQoVbfxv7nNW6man21YVEsc="
"""What Go's own `dirhash.Hash1` says of `FILES` as sigs.k8s.io/jobset@v1.2.3."""


def archived(server, files=FILES, extra=()) -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in [*((f"jobset-0123abc/{name}", content) for name, content in files.items()), *extra]:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    (server.folder / "module.tar.gz").write_bytes(packed.getvalue())
    return f"{server.url}/module.tar.gz"


def jobset(url, **facts):
    return replace(sources()["jobset"], version="1.2.3", archive=Archive(url=url, sum=SUM), **facts)


def test_the_modules_files_are_there_while_they_are_needed_and_gone_then(server, tmp_path):
    with unpacked(jobset(archived(server)), tmp_path) as folder:
        assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == set(FILES)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_hash_is_gos_own(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert h1(tmp_path, "sigs.k8s.io/jobset@v1.2.3") == SUM


def test_modules_within_and_vendored_packages_are_no_part_of_the_hash(server, tmp_path):
    more = {"site/go.mod": b"module x\n", "site/main.go": b"package x\n", "vendor/modules.txt": b"# none\n"}
    more |= {"vendor/a/b.go": b"package a\n", "pkg/vendor/a/b.go": b"package a\n"}
    with unpacked(jobset(archived(server, FILES | more)), tmp_path) as folder:
        assert (folder / "config/crds/jobsets.yaml").is_file()


@pytest.mark.parametrize(
    "changed",
    [{"config/crds/jobsets.yaml": b"kind: Backdoor\n"}, {"extra.yaml": b"kind: Extra\n"}],
    ids=["changed", "added"],
)
def test_an_archive_with_other_content_is_refused(server, tmp_path, changed):
    with (
        pytest.raises(Refused, match=r"go\.sum says h1:"),
        unpacked(jobset(archived(server, FILES | changed)), tmp_path),
    ):
        pytest.fail("its files were used")


def test_a_file_outside_the_archives_folder_is_refused(server, tmp_path):
    url = archived(server, extra=[("jobset-0123abc/../../../escaped", b"x")])
    with pytest.raises(Refused, match="has a file outside itself"), unpacked(jobset(url), tmp_path):
        pytest.fail("its files were used")
    assert not (tmp_path.parent / "escaped").exists()


def test_half_an_archive_is_refused(server, tmp_path):
    url = archived(server)
    file = server.folder / "module.tar.gz"
    file.write_bytes(file.read_bytes()[:150])
    with pytest.raises(Refused), unpacked(jobset(url), tmp_path):
        pytest.fail("its files were used")


SHARE = (
    Share(into="crds", files="config/crds/*.yaml"),
    Share(into="webhooks", kustomize="config/webhook", kinds=("ConfigMap",)),
)


def with_image(registry, url):
    programs = {"jobset-controller-manager": "/manager"}
    image = Image(repository=registry.repository, tag="v{version}", programs=programs, digests={})
    return jobset(url, image=image, share=SHARE)


def test_a_controller_out_of_an_image_has_its_crds_and_webhooks(machine, server):
    with ExitStack() as stack:
        registry = Registry().serve(stack)
        registry.publish(layer({"manager": program()}))
        found = machine.chain(with_image(registry, archived(server))).ensure(["jobset-controller-manager"])
    tool = found["jobset-controller-manager"]
    assert tool.origin == "image"
    assert (tool.share / "crds/jobsets.yaml").read_bytes() == FILES["config/crds/jobsets.yaml"]
    assert "name: hooks" in (tool.share / "webhooks/webhooks.yaml").read_text()
    assert sorted(path.name for path in tool.path.parent.iterdir()) == [
        "jobset-controller-manager",
        "manifest.json",
        "share",
    ]


@pytest.mark.parametrize("damage", ["out of reach", "changed"])
def test_without_its_data_a_controller_is_built_instead(machine, server, damage, monkeypatch):
    machine.has_go()
    module = machine.root / "module"
    for name, content in FILES.items():
        (module / name).parent.mkdir(parents=True, exist_ok=True)
        (module / name).write_bytes(content)
    monkeypatch.setenv("FAKE_MODULE_FOLDER", str(module))
    url = archived(server, FILES | {"extra": b""}) if damage == "changed" else f"{NOBODY_LISTENS}/module.tar.gz"
    with ExitStack() as stack:
        registry = Registry().serve(stack)
        registry.publish(layer({"manager": program()}))
        found = machine.chain(with_image(registry, url)).ensure(["jobset-controller-manager"])
    assert found["jobset-controller-manager"].origin == "build"
