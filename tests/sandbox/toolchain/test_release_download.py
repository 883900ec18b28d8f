"""An official release is used where it is in reach and its checksum is right; else a build takes its place."""

import hashlib
import io
import json
import tarfile
from dataclasses import replace

import pytest
from toolchain_fakes import HOST, NOBODY_LISTENS, with_release

from cnai.toolchain.download import fetch, published_sha256
from cnai.toolchain.reach import Reach, Refused
from cnai.toolchain.sources import Release, Tool, sources

PROGRAM = b"#!/bin/sh\necho downloaded\n"


def publish(server, name: str, content: bytes, checksum: str | None = None) -> None:
    (server.folder / name).write_bytes(content)
    (server.folder / f"{name}.sha256").write_text(checksum or hashlib.sha256(content).hexdigest())


def published(server, tool: str = "etcd", source: str = "etcd", checksum: str | None = None):
    row = with_release(sources()[source], server.url)
    publish(server, f"{tool}-{row.version}-linux-amd64", PROGRAM, checksum)
    return row


def test_a_release_in_reach_is_downloaded_and_nothing_is_built(machine, server):
    machine.has_go()
    etcd = machine.chain(published(server)).ensure(["etcd"])["etcd"]
    assert etcd.origin == "download"
    assert etcd.path.read_bytes() == PROGRAM
    assert etcd.path.stat().st_mode & 0o111
    assert machine.builds == []


def test_a_downloaded_release_is_in_the_cache_next_time(machine, server):
    source = published(server)
    machine.chain(source).ensure(["etcd"])
    assert machine.chain(source).ensure(["etcd"])["etcd"].origin == "cache"


def test_a_release_with_the_wrong_checksum_is_refused_and_built_instead(machine, server):
    machine.has_go()
    etcd = machine.chain(published(server, checksum="0" * 64)).ensure(["etcd"])["etcd"]
    assert etcd.origin == "build"
    assert etcd.path.read_bytes() != PROGRAM
    assert any("its publisher says 000000" in line for line in machine.lines)


def test_a_release_without_a_checksum_is_refused(machine, server, tmp_path):
    source = published(server)
    (server.folder / f"etcd-{source.version}-linux-amd64.sha256").write_text("")
    with pytest.raises(Refused, match="names no checksum"):
        fetch(Tool("etcd", source), HOST, tmp_path)


def test_a_release_that_is_not_there_is_built_instead(machine, server):
    machine.has_go()
    source = published(server)
    (server.folder / f"etcd-{source.version}-linux-amd64").unlink()
    assert machine.chain(source).ensure(["etcd"])["etcd"].origin == "build"
    assert any("cannot be downloaded" in line for line in machine.lines)


def test_the_program_is_taken_out_of_an_archive(server, tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in ("linux-amd64/README", "linux-amd64/helm"):
            entry = tarfile.TarInfo(name)
            entry.size = len(PROGRAM)
            tar.addfile(entry, io.BytesIO(PROGRAM))
    publish(server, "helm.tar.gz", packed.getvalue())
    url = f"{server.url}/helm.tar.gz"
    release = Release(systems=("linux",), url=url, checksum=f"{url}.sha256", member="{os}-{arch}/helm", machines={})
    fetch(Tool("helm", replace(sources()["helm"], release=release)), HOST, tmp_path)
    assert (tmp_path / "helm").read_bytes() == PROGRAM
    missing = replace(release, member="{os}-{arch}/tiller")
    with pytest.raises(Refused, match="the release has no linux-amd64/tiller"):
        fetch(Tool("helm", replace(sources()["helm"], release=missing)), HOST, tmp_path)


def test_being_offline_is_said_once_per_run_and_not_once_per_tool(machine):
    machine.has_go()
    reach = Reach(1)
    machine.chain(reach=reach).ensure(["etcd", "helm"])
    machine.chain(reach=reach).ensure(["kwok", "kwokctl", "pulumi"])
    assert [line for line in machine.lines if "out of reach" in line] == [
        f"out of reach: {NOBODY_LISTENS.removeprefix('http://')}; what would come from there is built from Go modules "
        "instead"
    ]


def test_a_host_that_is_out_of_reach_does_not_keep_others_from_serving(machine, server):
    machine.has_go()
    etcd, kwok = published(server), with_release(sources()["kwok"], NOBODY_LISTENS)
    found = machine.chain(etcd, kwok).ensure(["etcd", "kwok"])
    assert {name: tool.origin for name, tool in found.items()} == {"etcd": "download", "kwok": "build"}


CHECKSUM = "AB" * 32


@pytest.mark.parametrize(
    "document",
    [
        CHECKSUM,
        f"{CHECKSUM}\n",
        f"{CHECKSUM}  tool.tar.gz\n",
        f"{'cd' * 32}  other.tar.gz\n{CHECKSUM} *tool.tar.gz\n",
        f"{CHECKSUM}  ./tool.tar.gz\n",
        json.dumps(
            {"assets": [{"name": "x", "digest": None}, {"name": "tool.tar.gz", "digest": f"sha256:{CHECKSUM}"}]}
        ),
    ],
)
def test_the_checksum_is_found_in_every_form_that_publishers_use(document):
    assert published_sha256(document, "tool.tar.gz") == CHECKSUM.lower()


@pytest.mark.parametrize("document", ["", f"{CHECKSUM}  other.tar.gz", '{"assets": []}'])
def test_a_checksum_of_something_else_is_not_taken(document):
    with pytest.raises(Refused, match=r"names no checksum for tool\.tar\.gz"):
        published_sha256(document, "tool.tar.gz")
