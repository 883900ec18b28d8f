"""A session starts control plane and engine as soon as the programs of each are there; controllers come later."""

import os
from contextlib import nullcontext
from dataclasses import replace
from threading import Thread

import pytest
from toolchain_fakes import unreached, until

from cnai.cli.target import CONTROL_PLANE, Target
from cnai.paths import SandboxDir, project_dir
from cnai.toolchain.making import Making
from cnai.toolchain.wanted import is_wanted

JOBSET = "jobset-controller-manager"


@pytest.fixture
def chain(machine, monkeypatch):
    """A toolchain whose builds each wait for a gate."""
    machine.has_go()
    fifo = machine.root / "gate"
    os.mkfifo(fifo)
    monkeypatch.setenv("FAKE_GO_HANGS_ON", str(fifo))
    return machine.chain(*(replace(source, share=()) for source in unreached()))


@pytest.fixture
def let_through(machine):
    """Lets that many builds through, one after the other."""
    done = []

    def let(number: int) -> None:
        def run() -> None:
            for _ in range(number):
                done.append(1)
                until(lambda: len(machine.builds) == len(done))
                (machine.root / "gate").write_text("go on")

        Thread(target=run, daemon=True).start()

    return let


@pytest.fixture
def target(machine, chain, let_through, monkeypatch):
    """An environment whose control plane and engine are fakes that note what was there when they began."""
    found = Target("local", project_dir(), SandboxDir(machine.root / "local"))
    found.__dict__["controllers"] = (JOBSET,)
    monkeypatch.setattr("cnai.sandbox.cloud.commands.write_commands", lambda _: None)
    monkeypatch.setattr("cnai.engine.Session", lambda *_, **__: nullcontext("the engine"))
    monkeypatch.setattr("cnai.toolchain.Making", lambda names, report: Making(names, report, chain))
    return found


class Plane:
    def __init__(self, starts):
        self.start = starts


def test_each_part_begins_while_the_programs_of_the_next_are_still_being_made(
    machine, chain, target, let_through, monkeypatch
):
    given = {}

    def starts(_):
        assert set(given) == {*CONTROL_PLANE, JOBSET}
        assert all(given[name].is_file() for name in CONTROL_PLANE)
        assert is_wanted(chain.root / "pulumi")
        let_through(2)

    def plane(_, tools):
        given.update(tools)
        return Plane(starts)

    monkeypatch.setattr(Target, "control_plane", plane)
    let_through(3)
    with target.session(machine.lines.append, command="up") as engine:
        assert engine == "the engine"
        assert all(chain.at_hand(name) for name in ("pulumi", "helm", "kubectl"))
        assert is_wanted(chain.root / JOBSET)
        let_through(1)
    assert given[JOBSET].is_file()
    assert [line.split()[0] for line in machine.lines if "building" in line] == [
        *("etcd", "kube-apiserver,", "kwok,", "pulumi", "helm", JOBSET),
    ]


def test_a_preview_makes_no_controller_but_its_daemon_knows_where_one_would_be(
    machine, chain, target, let_through, monkeypatch
):
    given = {}
    monkeypatch.setattr(Target, "control_plane", lambda _, tools: given.update(tools) or Plane(lambda _: None))
    let_through(5)
    with target.session(machine.lines.append, command="preview"):
        assert not is_wanted(chain.root / JOBSET)
    assert given[JOBSET] == chain.slot(chain.known[JOBSET]).path
    assert not given[JOBSET].exists()
