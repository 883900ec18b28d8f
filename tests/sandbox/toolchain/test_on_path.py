"""What is on PATH is taken where its version will do, and left alone where not."""

import pytest

from cnai.toolchain.versions import Range, parsed


@pytest.mark.parametrize("version", ["3.6.0", "3.6.16", "3.6.99"])
def test_a_suitable_version_on_path_wins_over_everything(machine, version):
    path = machine.has("etcd", f"etcd Version: {version}")
    machine.has_go()
    etcd = machine.chain().ensure(["etcd"])["etcd"]
    assert (etcd.path, etcd.version, etcd.origin) == (path, version, "path")
    assert machine.builds == []
    assert machine.lines == []


@pytest.mark.parametrize("says", ["3.5.9", "3.7.0", "4.0.0", "3.6.2-rc.1", "", "not set"])
def test_another_version_on_path_is_not_used(machine, says):
    machine.has("etcd", f"etcd Version: {says}")
    machine.has_go()
    assert machine.chain().ensure(["etcd"])["etcd"].origin == "build"


def test_a_program_that_fails_to_tell_its_version_is_not_used(machine):
    machine.has("etcd", "etcd Version: 3.6.16", status=3)
    machine.has_go()
    assert machine.chain().ensure(["etcd"])["etcd"].origin == "build"


def test_a_program_that_cannot_run_at_all_is_not_used(machine):
    machine.has("etcd", "").write_bytes(b"\x7fELF of another machine")
    machine.has_go()
    assert machine.chain().ensure(["etcd"])["etcd"].origin == "build"


def test_a_controller_on_path_is_not_used_since_its_crds_would_be_missing(machine):
    machine.has("jobset-controller-manager", "v0.12.0")
    assert machine.chain().at_hand("jobset-controller-manager") is None


def test_kubectl_comes_from_its_wheel_and_not_from_path(machine):
    machine.has("kubectl", "Client Version: v1.36.0")
    kubectl = machine.chain().ensure(["kubectl"])["kubectl"]
    assert kubectl.origin == "wheel"
    assert kubectl.path.parent != machine.bin


def test_an_unknown_tool_is_a_mistake_of_the_caller(machine):
    with pytest.raises(ValueError, match="no tool etdc: there are etcd"):
        machine.chain().ensure(["etdc"])


@pytest.mark.parametrize("version", ["1.36.0-rc.1", "1.36.x", "devel", "", "v", "1..2"])
def test_what_is_no_plain_release_has_no_place_in_an_order(version):
    assert parsed(version) is None
    assert not Range("0.0.0").admits(version)


def test_versions_are_compared_as_numbers():
    assert Range("1.9.0", "1.20.0").admits("1.10.3")
    assert not Range("1.9.0", "1.20.0").admits("1.20.0")
