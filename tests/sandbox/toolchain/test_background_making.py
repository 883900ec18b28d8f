"""Tools are made in the background in the order in which they are needed, and a failing one stops only who needs it."""

import os
import subprocess
import sys
import threading

import pytest
from toolchain_fakes import until

from cnai.errors import UserError
from cnai.toolchain.cache import locked
from cnai.toolchain.making import Making
from cnai.toolchain.wanted import await_made, failure, is_wanted, note_failure, wanted


@pytest.fixture
def gate(machine, monkeypatch):
    """Every build waits until the test lets one more through."""
    machine.has_go()
    fifo = machine.root / "gate"
    os.mkfifo(fifo)
    monkeypatch.setenv("FAKE_GO_HANGS_ON", str(fifo))
    return lambda: fifo.write_text("go on")


def test_who_needs_the_first_tool_goes_on_while_the_next_is_being_made(machine, gate):
    chain = machine.chain()
    with Making(["etcd", "pulumi"], machine.lines.append, chain) as making:
        assert [is_wanted(chain.root / name) for name in ("etcd", "pulumi")] == [True, True]
        gate()
        making.need(["etcd"])
        assert making.path("etcd").is_file()
        assert [is_wanted(chain.root / name) for name in ("etcd", "pulumi")] == [False, True]
        assert not making.path("pulumi").exists()
        threading.Thread(target=gate, daemon=True).start()
    assert making.path("pulumi").is_file()
    assert "waiting for pulumi" in machine.lines


def test_a_path_is_the_same_before_and_after_its_tool_is_made(machine):
    machine.has_go()
    making = Making(["etcd"], machine.lines.append, machine.chain())
    before = making.paths(["etcd"])
    with making:
        making.need(["etcd"])
    assert before == making.paths(["etcd"])
    assert before["etcd"].is_file()


def test_what_is_at_hand_is_not_made_and_nothing_is_marked(machine):
    path = machine.has("helm", "v3.20.1")
    with Making(["helm"], machine.lines.append, machine.chain()) as making:
        making.need(["helm"])
    assert making.path("helm") == path
    assert not machine.cache.exists()


def test_a_failing_tool_stops_who_needs_it_and_is_named_at_the_end_where_nobody_does(machine, monkeypatch):
    machine.has_go()
    machine.has("helm", "v3.20.1")
    monkeypatch.setenv("FAKE_GO_FAILS", "1")
    chain = machine.chain()
    with Making(["helm", "etcd"], machine.lines.append, chain) as making:
        making.need(["helm"])
    assert "without etcd, which could not be made: building etcd failed" in machine.lines[-1]
    assert "no such host" in failure(chain.root / "etcd")
    assert not is_wanted(chain.root / "etcd")
    with pytest.raises(UserError, match="building etcd failed"), Making(["etcd"], print, machine.chain()) as making:
        making.need(["etcd"])


def test_one_failing_tool_does_not_keep_the_next_from_being_made(machine, monkeypatch):
    machine.has_go()
    monkeypatch.setenv("FAKE_GO_FAILS", "etcd")
    with Making(["etcd", "pulumi"], machine.lines.append, machine.chain()) as making:
        making.need(["pulumi"])
    assert making.path("pulumi").is_file()
    assert not making.path("etcd").exists()


def test_a_failure_is_forgotten_with_the_next_try(machine):
    machine.has_go()
    chain = machine.chain()
    note_failure(chain.root / "etcd", "no such host")
    with Making(["etcd"], machine.lines.append, chain) as making:
        making.need(["etcd"])
    assert failure(chain.root / "etcd") == ""


def test_an_interrupted_command_ends_its_build_and_leaves_neither_mark_nor_lock(machine, gate):
    chain = machine.chain()

    def interrupted() -> None:
        with Making(["etcd"], machine.lines.append, chain):
            until(lambda: machine.builds)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    until(lambda: not is_wanted(chain.root / "etcd"))
    with locked(chain.root / "etcd", pytest.fail):
        assert not [line for line in machine.lines if "without" in line]


def test_a_killed_process_leaves_no_mark_that_others_would_wait_for(machine):
    folder = machine.root / "tools" / "etcd"
    program = "import pathlib, sys, time\nfrom cnai.toolchain.wanted import wanted\n"
    program += "with wanted(pathlib.Path(sys.argv[1])): print('marked', flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline() == "marked\n"
    assert is_wanted(folder)
    child.kill()
    child.wait()
    await_made(folder)
    assert not is_wanted(folder)


def test_a_tool_that_two_processes_want_is_wanted_until_both_have_it(tmp_path):
    with wanted(tmp_path):
        with wanted(tmp_path):
            assert is_wanted(tmp_path)
        assert is_wanted(tmp_path)
    assert not is_wanted(tmp_path)
