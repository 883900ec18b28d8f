"""A controller whose program is still being made starts when it is there, or says why it never will be."""

import threading
from typing import Any, cast

import pytest
from sandbox_waits import eventually

from cnai.errors import UserError
from cnai.paths import SandboxDir
from cnai.sandbox.controllers.specs import ControllerSpec, built_version
from cnai.sandbox.controllers.state import ControllerState, Unavailable, chosen_tools, load, wait_ready
from cnai.sandbox.controllers.supervisor import Supervisor
from cnai.toolchain.wanted import note_failure, wanted


class NoObjects:
    """As much of an API server as a controller that never starts asks."""

    def list(self, *_: object, **__: object) -> list[dict]:
        return []


def test_a_controller_waits_for_its_program_and_says_why_where_nobody_makes_it(tmp_path):
    spec = ControllerSpec(name="x", tool="x", module="x", crds=("xs.example.com",))
    place, binary = SandboxDir.of(tmp_path, "local"), tmp_path / "tools/x/1.0.0-linux-amd64/x"
    supervisor = Supervisor(spec, cast("Any", NoObjects()), place, binary)
    thread = threading.Thread(target=supervisor.run, daemon=True)
    thread.start()
    with wanted(binary.parent.parent):
        conditions = [{"type": "Established", "status": "True"}]
        supervisor.crd_changed(None, {"metadata": {"name": "xs.example.com"}, "status": {"conditions": conditions}})
        eventually(lambda: (found := load(place, "x")) and found.state == "waiting", "it waits")
        note_failure(binary.parent.parent, "building x failed: no such host")
    with pytest.raises(Unavailable, match="no such host"):
        wait_ready(place, "x", 60)
    supervisor.stop()
    thread.join()


def test_the_time_in_which_a_program_is_made_does_not_count(tmp_path):
    place = SandboxDir.of(tmp_path, "local")
    ControllerState(name="x", state="waiting").save(place)
    failing = ControllerState(name="x", state="failed", reason="no port", log="x.log")
    threading.Timer(0.5, failing.save, [place]).start()
    with pytest.raises(UserError, match="no port"):
        wait_ready(place, "x", 0.2)


def test_the_chosen_controllers_are_those_that_the_daemon_was_given(tmp_path):
    place = SandboxDir.of(tmp_path, "local")
    assert chosen_tools(place) == frozenset()
    place.root.mkdir(parents=True)
    (place.root / "attendants.settings.json").write_text('{"tools": {"karpenter": "/tools/karpenter"}}')
    assert chosen_tools(place) == {"karpenter"}


def test_what_the_toolchain_noted_is_a_controllers_version(tmp_path):
    binary = tmp_path / "karpenter"
    binary.write_bytes(b"\0mod\tsigs.k8s.io/jobset\tv0.12.1-0.20260508155719-09e9a3bb4b64\n\0")
    (tmp_path / "manifest.json").write_text('{"version": "0.12.0+1a2b3c4d"}')
    assert built_version(binary, "sigs.k8s.io/jobset") == "v0.12.0"
