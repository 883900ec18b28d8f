import os
import signal
import socket
from pathlib import Path

import pytest
from sandbox_waits import eventually

from cnai.kube import Kube
from cnai.paths import SandboxDir
from cnai.sandbox.controlplane import ControlPlane, processes
from cnai.sandbox.controlplane.ports import PORTS
from cnai.sandbox.controlplane.state import PlaneState

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def plane(tmp_path_factory, tools):
    own = ControlPlane(SandboxDir.of(tmp_path_factory.mktemp("a folder with blanks"), "own"), tools)
    own.start(print)
    yield own
    own.delete()


def namespace(name: str) -> dict:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def has(plane: ControlPlane, name: str) -> bool:
    return Kube.from_kubeconfig(plane.kubeconfig).get("v1", "Namespace", name) is not None


def pids(plane: ControlPlane) -> dict[str, int | None]:
    return {process.name: process.pid for process in plane.status().processes}


def crash(plane: ControlPlane, names: list[str]) -> None:
    before = pids(plane)
    for name in names:
        os.kill(before[name] or 0, signal.SIGKILL)
    eventually(lambda: not any(pids(plane)[name] for name in names), f"{names} are dead")


def test_starting_what_runs_changes_nothing(plane):
    before, said = pids(plane), []
    plane.start(said.append)
    assert pids(plane) == before
    assert said == []


@pytest.mark.parametrize("names", [["kube-apiserver"], ["etcd"], ["kwok-controller", "attendants"], ["kube-scheduler"]])
def test_just_what_was_killed_is_started_again_and_no_object_is_lost(plane, names):
    before, url = pids(plane), plane.status().api_url
    kept = f"kept-{names[0]}"
    Kube.from_kubeconfig(plane.kubeconfig).apply(namespace(kept), field_manager="test")
    crash(plane, names)
    assert plane.status().state == "crashed"
    plane.start(print)
    assert plane.status().state == "running"
    assert plane.status().api_url == url
    assert {name for name, pid in pids(plane).items() if pid != before[name]} == set(names)
    assert has(plane, kept)


def test_a_stop_keeps_objects_and_ports_and_lets_a_stranger_have_one(plane):
    Kube.from_kubeconfig(plane.kubeconfig).apply(namespace("kept"), field_manager="test")
    before = PlaneState.load(plane.dir.root).ports
    plane.stop()
    assert plane.status().state == "stopped"
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", before["kubeApiserverPort"]))
        stranger.listen()
        said: list[str] = []
        plane.start(said.append)
    assert f"another program took port {before['kubeApiserverPort']}" in said[0]
    after = PlaneState.load(plane.dir.root).ports
    assert {name for name in after if after[name] != before[name]} == {"kubeApiserverPort"}
    assert has(plane, "kept")


def test_a_restarted_kwok_goes_on_with_the_nodes_that_it_had(plane):
    kube = Kube.from_kubeconfig(plane.kubeconfig)
    capacity = {"cpu": "4", "memory": "8Gi", "pods": "10"}
    node = {
        "metadata": {"name": "old", "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "status": {"capacity": capacity},
    }
    kube.apply({"apiVersion": "v1", "kind": "Node", **node}, field_manager="test")
    eventually(lambda: kube.get("v1", "Node", "old")["status"].get("phase") == "Running", "the node is ready")
    crash(plane, ["kwok-controller"])
    plane.start(print)
    pod = {"metadata": {"name": "p", "namespace": "default"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    kube.apply({"apiVersion": "v1", "kind": "Pod", **pod}, field_manager="test")
    eventually(lambda: kube.get("v1", "Pod", "p", "default")["status"]["phase"] == "Running", "the pod runs", 30)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux' table of sockets")
def test_nothing_listens_beyond_loopback(plane):
    ports = {f"{port:04X}" for port in PlaneState.load(plane.dir.root).ports.values()}
    tables = (Path("/proc/net/tcp").read_text(), Path("/proc/net/tcp6").read_text())
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    listening = {row[1] for row in rows if row[3] == "0A" and row[1].rpartition(":")[2] in ports}
    assert {address.rpartition(":")[2] for address in listening} == ports
    assert {address.rpartition(":")[0] for address in listening} == {"0100007F"}
    assert len(ports) == sum(map(len, PORTS.values()))


def test_a_second_environment_beside_it_is_another_cluster_and_goes_without_a_trace(plane, tools):
    beside = ControlPlane(SandboxDir(plane.dir.root.with_name("beside")), tools)
    beside.start(print)
    try:
        Kube.from_kubeconfig(beside.kubeconfig, "cnai-beside").apply(namespace("only-here"), field_manager="test")
        assert not has(plane, "only-here")
        assert not set(PlaneState.load(beside.dir.root).ports.values()) & set(
            PlaneState.load(plane.dir.root).ports.values()
        )
    finally:
        beside.delete()
    assert not beside.dir.root.exists()
    assert not [p for p in processes.running() if str(beside.dir.root) in p.command]
    assert plane.status().state == "running"


def test_a_control_plane_that_was_killed_while_it_was_made_is_made_again(tmp_path, tools):
    plane = ControlPlane(SandboxDir.of(tmp_path, "torn"), tools)

    def killed(line: str) -> None:
        raise KeyboardInterrupt(line)

    with pytest.raises(KeyboardInterrupt):
        plane.start(killed)
    try:
        plane.start(print)
        assert plane.status().state == "running"
    finally:
        plane.delete()


def test_a_damaged_kubeconfig_is_written_anew(plane):
    whole = plane.kubeconfig.read_text()
    plane.kubeconfig.write_text(": : garbage")
    plane.start(print)
    assert plane.kubeconfig.read_text() == whole
