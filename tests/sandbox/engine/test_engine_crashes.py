"""kill -9 half-way: the next up converges, and nothing is orphaned."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from engine_project import Project, until

from cnai.engine import Busy, EngineError
from cnai.engine.events import Event
from cnai.engine.state.adopt import Existing
from cnai.sandbox.controlplane import processes

pytestmark = pytest.mark.sandbox

HELD = 'a = Thing("a")\nb = Thing("b", after(a), hold=True)\nThing("c", after(b))'


def engines(parent: int) -> list[int]:
    """The engines that a process started, and nothing else of its: a shared control plane's daemon may be among it."""
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    children = {int(child) for task in tasks for child in task.read_text().split()}
    return [each.pid for each in processes.running() if each.pid in children and "/pulumi up " in each.command]


def converges(project: Project) -> None:
    (project.objects / "go").touch()
    with project.session() as session:
        session.up()
        assert project.existing == {"a", "b", "c"}
        state = project.checkpoint()
        assert "pending_operations" not in state
        assert all("initErrors" not in resource for resource in state["resources"])
        assert session.preview().changes == {"same": 4}
        session.destroy()
    assert project.existing == set()


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds the engine's process in /proc")
def test_after_a_killed_engine_the_next_up_converges(project: Project):
    project.program(HELD)

    def kill_at_b(event: Event) -> None:
        if event.kind == "start" and event.label == "ConfigMap b":
            until(lambda: "b" in project.existing, "the provider to make b")
            [engine] = engines(os.getpid())
            os.kill(engine, signal.SIGKILL)

    with project.session() as session:
        with pytest.raises(EngineError, match="signal 9"):
            session.up(kill_at_b)
        adopted = project.checkpoint()["resources"][-1]
        assert (adopted["id"], adopted["initErrors"]) == (
            "default/b",
            ["the update that was creating it was interrupted"],
        )
    converges(project)
    assert (project.objects / "log").read_text().split() == [
        "create",
        "default.a.json",
        "create",
        "default.b.json",
        "create",
        "default.c.json",
    ]


def test_what_an_interrupted_up_made_is_destroyed_too(project: Project):
    project.program(HELD)
    with command_at_b(project) as command:
        command.kill()
        command.wait()
    with project.session() as session:
        session.destroy()
    assert project.existing == set()


FIRST = 'Thing("b", hold=True)'
FIRST_UNDER_A_SECRET_NAME = 'Thing("b", called=pulumi.Output.secret("b"), hold=True)'


@pytest.mark.parametrize("program", [FIRST, FIRST_UNDER_A_SECRET_NAME])
def test_what_was_made_before_the_first_state_was_written_is_destroyed_too(project: Project, program: str):
    project.program(program)
    with command_at_b(project) as command:
        assert not (project.stack / "checkpoint.json").exists()
        command.kill()
        command.wait()
    with project.session() as session:
        session.destroy()
    assert project.existing == set()


IN_A_CLOUD = """
class Vpc(pulumi.CustomResource):
    def __init__(self, name, **props):
        super().__init__("aws:ec2/vpc:Vpc", name, {"metadata": {"name": name}, **props})

Vpc("b", hold=True)
"""


def test_what_an_interrupted_up_made_in_a_simulated_cloud_has_no_twin_and_is_destroyed(project: Project):
    def inventory(token: str, urn: str) -> list[Existing]:
        assert (token, urn.rpartition("::")[2]) == ("aws:ec2/vpc:Vpc", "b")
        return [Existing(name, {"metadata": {"name": name}}) for name in sorted(project.existing)]

    project.program(IN_A_CLOUD)
    with command_at_b(project) as command:
        command.kill()
        command.wait()
    (project.objects / "go").touch()
    with project.session(inventory=inventory) as session:
        session.up()
        assert session.preview().changes == {"same": 2}
        session.destroy()
    assert project.existing == set()
    assert (project.objects / "log").read_text().split() == ["create", "-.b.json"]


def test_a_second_up_is_refused_and_a_killed_first_one_holds_nothing(project: Project):
    project.program(HELD)
    with command_at_b(project) as command:
        with pytest.raises(Busy, match=rf"`cnai up local` \(process {command.pid}\) is at work on local"):
            project.session().__enter__()
        command.kill()
        command.wait()
    converges(project)


def test_an_interrupt_winds_up_and_leaves_a_state_without_loose_ends(project: Project):
    project.program(HELD)
    with command_at_b(project) as command:
        command.send_signal(signal.SIGINT)
        (project.objects / "go").touch()
        assert "interrupted" in command.communicate()[0]
    names = [resource["urn"].rpartition("::")[2] for resource in project.checkpoint()["resources"]]
    assert "b" in names
    assert "c" not in names
    assert "pending_operations" not in project.checkpoint()
    converges(project)


COMMAND = """
import sys
from pathlib import Path
from cnai.engine import Session
from cnai.engine import surroundings
from cnai.paths import SandboxDir
sys.path.insert(0, sys.argv[1])
from objects_shim import with_objects_plugin
surroundings.write_shims = with_objects_plugin
root = Path(sys.argv[2])
try:
    tools, sandbox = {"pulumi": Path(sys.argv[3])}, SandboxDir.of(root, "local")
    with Session("local", root, tools, sandbox, command="up local") as session:
        session.up()
except KeyboardInterrupt:
    print("interrupted")
"""


@contextmanager
def command_at_b(project: Project) -> Iterator[subprocess.Popen[str]]:
    """An `up` in a process of its own that has made `b`, which is not ready yet."""
    here = str(Path(__file__).parent)
    arguments = [sys.executable, "-c", COMMAND, here, str(project.root), str(project.pulumi)]
    command = subprocess.Popen(arguments, text=True, stdout=subprocess.PIPE)
    try:
        until(lambda: "b" in project.existing or command.poll() is not None, "the provider to make b")
        assert command.poll() is None, "the command ended by itself"
        yield command
    finally:
        command.kill()
        command.wait()
