"""A program is taken out of upstream's own image where its registry is in reach, and only if every digest is right."""

import gzip
import json
from contextlib import ExitStack
from dataclasses import replace

import pytest
from oci_fakes import Registry, digest, layer, program
from toolchain_fakes import HOST, NOBODY_LISTENS

from cnai.errors import UserError
from cnai.toolchain.image import fetch, has_image
from cnai.toolchain.reach import Reach, Refused
from cnai.toolchain.registry import Repository
from cnai.toolchain.sources import Image, Tool, sources
from cnai.toolchain.survey import surveyed
from cnai.toolchain.versions import Host

MANAGER = program()
IMAGE = [layer({"etc/passwd": b"nobody"}), layer({"manager": MANAGER})]


@pytest.fixture
def registry():
    with ExitStack() as stack:
        yield Registry().serve(stack)


def controller(registry, *, path="/manager", digests=None, **facts):
    """JobSet's controller at a version of ours, from this registry."""
    image = Image(
        repository=registry.repository,
        tag="v{version}",
        programs={"jobset-controller-manager": path},
        digests=digests or {},
    )
    facts = {"release": None, "archive": None, "share": (), **facts}
    return replace(sources()["jobset"], version="1.2.3", image=image, **facts)


def taken(registry, tmp_path, **facts):
    fetch(Tool("jobset-controller-manager", controller(registry, **facts)), HOST, tmp_path)
    return (tmp_path / "jobset-controller-manager").read_bytes()


def test_the_program_for_this_machine_is_used_and_nothing_is_built(machine, registry):
    machine.has_go()
    registry.publish(*IMAGE)
    found = machine.chain(controller(registry)).ensure(["jobset-controller-manager"])["jobset-controller-manager"]
    assert (found.origin, found.version) == ("image", "1.2.3")
    assert found.path.read_bytes() == MANAGER
    assert found.path.stat().st_mode & 0o111
    assert machine.builds == []


def test_the_digest_that_a_tag_led_to_is_written_down_and_said(machine, registry):
    ours = registry.publish(*IMAGE)
    chain = machine.chain(controller(registry))
    chain.ensure(["jobset-controller-manager"])
    reference = f"{registry.repository}:v1.2.3@{ours}"
    manifest = json.loads((chain.slot(chain.known["jobset-controller-manager"]).folder / "manifest.json").read_text())
    assert (manifest["origin"], manifest["source"]) == ("image", reference)
    assert any(reference in line and "not pinned" in line for line in machine.lines)
    row = next(one for one in surveyed(chain) if one.name == "jobset-controller-manager")
    assert (row.origin, row.made_by, row.source) == ("cache", "image", reference)


def test_a_pinned_digest_is_asked_for_in_place_of_the_tag(machine, registry):
    ours = registry.publish(*IMAGE)
    registry.publish(layer({"manager": program("moved")}))
    chain = machine.chain(controller(registry, digests={"amd64": ours}))
    assert chain.ensure(["jobset-controller-manager"])["jobset-controller-manager"].path.read_bytes() == MANAGER
    assert "v1.2.3" not in registry.fetched
    assert not any("not pinned" in line for line in machine.lines)


def test_what_is_not_the_pinned_digest_is_refused(registry, tmp_path):
    ours = registry.publish(*IMAGE)
    registry.manifests[ours] = registry.manifests["v1.2.3"]
    with pytest.raises(Refused, match=f"the manifest {ours} has the digest sha256:"):
        taken(registry, tmp_path, digests={"amd64": ours})


def test_a_manifest_that_is_not_what_the_registry_says_it_is_is_refused(registry, tmp_path):
    registry.publish(*IMAGE)
    registry.digests_told["v1.2.3"] = digest(b"something else")
    with pytest.raises(Refused, match=r"the manifest v1\.2\.3 has the digest"):
        taken(registry, tmp_path)


@pytest.mark.parametrize("tokens", [True, False])
def test_a_registry_is_read_with_an_anonymous_token_that_its_blob_store_never_sees(registry, tmp_path, tokens):
    registry.tokens = tokens
    registry.publish(*IMAGE)
    assert taken(registry, tmp_path) == MANAGER
    assert registry.tokens_at_the_store == []


def test_an_image_for_one_kind_of_machine_needs_no_index(registry, tmp_path):
    registry.add_image(IMAGE, "v1.2.3")
    assert taken(registry, tmp_path) == MANAGER


def test_only_the_layers_down_to_the_program_are_fetched(registry, tmp_path):
    registry.publish(*IMAGE)
    taken(registry, tmp_path)
    assert digest(IMAGE[1]) in registry.fetched
    assert digest(IMAGE[0]) not in registry.fetched


def test_a_layer_that_ends_early_is_refused_and_the_tool_built_instead(machine, registry):
    machine.has_go()
    registry.publish(*IMAGE)
    registry.blobs[digest(IMAGE[1])] = IMAGE[1][:-7]
    chain = machine.chain(controller(registry))
    assert chain.ensure(["jobset-controller-manager"])["jobset-controller-manager"].origin == "build"
    assert any(f"ends after {len(IMAGE[1]) - 7} of {len(IMAGE[1])} bytes" in line for line in machine.lines)


def test_a_layer_with_other_content_is_refused(registry, tmp_path):
    registry.publish(*IMAGE)
    registry.blobs[digest(IMAGE[1])] = bytes(len(IMAGE[1]))
    with pytest.raises(Refused, match="has the digest sha256:"):
        taken(registry, tmp_path)


def test_a_layer_that_never_ends_is_left_when_it_passes_its_size(registry, tmp_path):
    registry.publish(*IMAGE)
    registry.blobs[digest(IMAGE[1])] = IMAGE[1] + b"more"
    with pytest.raises(Refused, match="gives more than the"):
        taken(registry, tmp_path)


def test_a_damaged_archive_under_the_right_digest_is_refused(registry, tmp_path):
    registry.publish(gzip.compress(b"no archive at all" * 100)[:-9])
    with pytest.raises(Refused, match="a layer of the image is damaged"):
        taken(registry, tmp_path)


def test_a_path_that_the_image_lacks_is_named(registry, tmp_path):
    registry.publish(*IMAGE)
    with pytest.raises(Refused, match="none of its layers has /usr/bin/manager"):
        taken(registry, tmp_path, path="/usr/bin/manager")


def test_an_image_that_is_not_made_for_this_machine_says_for_which_it_is(registry, tmp_path):
    registry.add_index("v1.2.3", {"linux/s390x": registry.add_image(IMAGE)})
    with pytest.raises(Refused, match="not made for linux/amd64, only for linux/s390x"):
        taken(registry, tmp_path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (program(arch="arm64"), "not for amd64"),
        (program(dynamic=True), "needs libraries that only the image has"),
        (b"#!/usr/bin/env python\n" * 9, "no 64-bit Linux program"),
    ],
)
def test_a_program_that_would_not_run_outside_its_image_is_refused(registry, tmp_path, content, complaint):
    registry.publish(layer({"manager": content}))
    with pytest.raises(Refused, match=complaint):
        taken(registry, tmp_path)


@pytest.mark.parametrize("document", ["[]", "{", '{"layers": [{"digest": "sha256:1"}]}', '{"manifests": [4]}', "{}"])
def test_a_malformed_manifest_is_one_sentence(registry, tmp_path, document):
    registry.manifests["v1.2.3"] = document.encode()
    registry.digests_told["v1.2.3"] = digest(document.encode())
    with pytest.raises(Refused, match=r"^the image 127\.0\.0\.1"):
        taken(registry, tmp_path)


def test_an_image_that_is_not_there_is_built_instead(machine, registry):
    machine.has_go()
    chain = machine.chain(controller(registry))
    assert chain.ensure(["jobset-controller-manager"])["jobset-controller-manager"].origin == "build"
    assert any("HTTP 404" in line for line in machine.lines)


def test_a_registry_out_of_reach_costs_one_look_and_no_try(machine, registry):
    machine.has_go()
    source = controller(registry)
    source = replace(source, image=replace(source.image, repository=f"{NOBODY_LISTENS[7:]}/upstream/manager"))
    reach = Reach(1)
    machine.chain(source, reach=reach).ensure(["jobset-controller-manager"])
    assert [line for line in machine.lines if "image" in line] == []
    assert [line for line in machine.lines if "out of reach" in line] == [
        f"out of reach: {NOBODY_LISTENS[7:]}; what would come from there is built from Go modules instead"
    ]


def test_a_program_that_only_an_image_has_says_so_where_its_registry_is_out_of_reach(machine, registry):
    only = controller(registry, packages={}, minutes=0)
    registry.publish(*IMAGE)
    assert machine.chain(only).ensure(["jobset-controller-manager"])["jobset-controller-manager"].origin == "image"
    lost = replace(only, version="2.0.0", image=replace(only.image, repository=f"{NOBODY_LISTENS[7:]}/x/y"))
    with pytest.raises(UserError, match="only comes out of upstream's image"):
        machine.chain(lost).ensure(["jobset-controller-manager"])


def test_nothing_is_taken_out_of_linux_images_for_a_mac():
    assert not has_image(Tool("jobset-controller-manager", sources()["jobset"]), Host("darwin", "arm64"))
    assert has_image(Tool("jobset-controller-manager", sources()["jobset"]), HOST)


@pytest.mark.parametrize(
    ("name", "root", "path"),
    [
        ("registry.k8s.io/jobset/jobset", "https://registry.k8s.io/v2/", "jobset/jobset"),
        ("docker.io/alpine", "https://registry-1.docker.io/v2/", "library/alpine"),
        (
            "docker.io/kubeflowkatib/katib-controller",
            "https://registry-1.docker.io/v2/",
            "kubeflowkatib/katib-controller",
        ),
        ("127.0.0.1:5000/a/b", "http://127.0.0.1:5000/v2/", "a/b"),
        ("127.0.0.1.example.org/a", "https://127.0.0.1.example.org/v2/", "a"),
    ],
)
def test_only_a_registry_on_loopback_is_read_without_tls(name, root, path):
    assert (Repository.of(name).root, Repository.of(name).path) == (root, path)
