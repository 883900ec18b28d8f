"""Half-way through `up` something dies, or a second `up` comes: the next one converges."""

import os
import signal
from pathlib import Path

import pytest
from platform_clone import Clone, clone
from sandbox_waits import eventually

pytestmark = pytest.mark.sandbox


@pytest.fixture
def project(tmp_path):
    made = clone(tmp_path)
    # Enough to be half-way through: charts, CRDs of their own, a real controller, volumes, a team.
    made.edit(lambda config: config.update({"cnai:features": {"object_store": "seaweedfs", "kubeflow": ["trainer"]}}))
    yield made
    made.run("sandbox", "delete", "local")


def processes(pattern: str, folder: str) -> list[int]:
    """Processes whose command line has `pattern` and whose environment or command line names `folder`."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            line = Path(entry, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            surroundings = Path(entry, "environ").read_bytes().decode(errors="replace")
        except (OSError, ProcessLookupError):
            continue
        if pattern in line and (folder in line or folder in surroundings):
            found.append(int(entry.name))
    return found


def half_way(project: Clone) -> None:
    """Some of the environment's objects exist."""
    eventually(
        lambda: project.run("kubectl", "get", "namespaces", "-o", "name", check=False).stdout.count("\n") > 6,
        "a few namespaces",
        within_s=120,
    )


@pytest.mark.parametrize("victim", ["cnai.cli up", "/pulumi up", "kube-apiserver"])
def test_after_kill_9_half_way_the_next_up_converges_and_destroy_leaves_nothing(project, victim):
    project.run("sandbox", "start")
    empty = project.everything()
    run = project.spawn("up", "local")
    half_way(project)
    victims = processes(victim, str(project.root))
    assert victims, f"no {victim} to kill"
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    run.communicate(timeout=240)
    assert run.returncode != 0
    told = project.json("up", "local")
    assert told["ready"], told
    assert set(project.json("up", "local")["changes"]) == {"same"}
    project.run("destroy", "local")
    assert project.everything() - empty == set()


def test_a_second_up_at_the_same_time_says_so_and_stops(project):
    project.run("sandbox", "start")
    first = project.spawn("up", "local")
    eventually(lambda: processes("/pulumi up", str(project.root)), "the engine runs", within_s=120)
    second = project.run("up", "local", check=False)
    assert second.returncode == 3
    assert "local" in second.stderr
    assert "Traceback" not in second.stderr
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=120)
