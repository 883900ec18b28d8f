from pathlib import Path

import pytest
import yaml

from cnai.errors import UserError
from cnai.files import write_atomically
from cnai.paths import SandboxDir
from cnai.sandbox.controlplane import TOOLS, ControlPlane
from cnai.sandbox.controlplane.config import fingerprint, kubeconfig, kwokctl_config
from cnai.sandbox.controlplane.status import decide

BINARIES = {name: Path("/tools") / name for name in TOOLS}
CONFIG = kwokctl_config(Path("/x/cluster"), {"etcdPort": 20001}, BINARIES)


def patches(component: str) -> dict[str, str]:
    found = next(patch for patch in CONFIG["componentsPatches"] if patch["name"] == component)
    return {argument["key"]: argument["value"] for argument in found["extraArgs"]}


def test_every_server_listens_on_loopback_only():
    assert CONFIG["options"]["bindAddress"] == "127.0.0.1"


def test_ports_and_binaries_are_ours_so_that_kwokctl_downloads_nothing():
    assert CONFIG["options"]["etcdPort"] == 20001
    assert CONFIG["options"]["kwokControllerBinary"] == "/tools/kwok"


def test_kwok_manages_annotated_nodes_only():
    assert patches("kwok-controller")["manage-all-nodes"] == "false"
    assert patches("kwok-controller")["manage-nodes-with-annotation-selector"] == "kwok.x-k8s.io/node=fake"


@pytest.mark.parametrize("component", ["kube-controller-manager", "kube-scheduler"])
def test_a_restarted_component_does_not_wait_for_its_own_lease(component):
    assert patches(component)["leader-elect"] == "false"


def test_paths_are_filled_in():
    assert patches("kube-controller-manager")["cluster-signing-cert-file"] == "/x/cluster/pki/ca.crt"


def test_another_binary_is_another_fingerprint():
    newer = kwokctl_config(Path("/x/cluster"), {"etcdPort": 20001}, {**BINARIES, "etcd": Path("/tools/etcd-2")})
    assert fingerprint(newer) != fingerprint(CONFIG)


def test_the_kubeconfig_works_wherever_it_is_copied_to(tmp_path):
    for file in ("ca.crt", "admin.crt", "admin.key"):
        (tmp_path / file).write_text(file)
    config = yaml.safe_load(kubeconfig("cnai-local", "https://127.0.0.1:20003", tmp_path))
    assert config["current-context"] == "cnai-local"
    assert config["contexts"][0]["name"] == "cnai-local"
    assert str(tmp_path) not in str(config)


def test_a_file_with_keys_is_for_its_owner_only(tmp_path):
    write_atomically(tmp_path / "kubeconfig", "secret")
    assert (tmp_path / "kubeconfig").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("created", "etcd", "apiserver", "answers", "state"),
    [
        (False, False, False, False, "absent"),
        (False, True, False, False, "crashed"),  # killed while it was being made
        (True, False, False, False, "stopped"),
        (True, True, True, True, "running"),
        (True, True, True, False, "crashed"),  # alive, but it hangs
        (True, True, False, False, "crashed"),
        (True, False, True, True, "crashed"),  # answers from its cache, with no etcd behind it
    ],
)
def test_the_state_follows_from_who_lives_and_who_answers(created, etcd, apiserver, answers, state):
    assert decide(created, {"etcd": etcd, "kube-apiserver": apiserver}, answers) == state


def test_missing_tools_are_named_before_anything_starts(tmp_path):
    plane = ControlPlane(SandboxDir.of(tmp_path, "local"), {"etcd": Path("/tools/etcd")})
    with pytest.raises(UserError, match=r"needs kube-apiserver, .*kwokctl"):
        plane.start(print)


def test_asking_for_the_state_of_nothing_leaves_nothing_behind(tmp_path):
    plane = ControlPlane(SandboxDir.of(tmp_path, "local"), {})
    assert plane.status().state == "absent"
    plane.stop()
    plane.delete()
    assert list(tmp_path.iterdir()) == []
