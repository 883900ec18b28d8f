"""The cache holds whole programs or none, notices damage, and two processes make a thing once."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from toolchain_fakes import until

from cnai.errors import UserError
from cnai.toolchain.cache import writable
from cnai.toolchain.reach import Reach


@pytest.fixture
def etcd(machine):
    """etcd, built into the cache once."""
    machine.has_go()
    tool = machine.chain().ensure(["etcd"])["etcd"]
    machine.lines.clear()
    return tool


def test_a_second_run_takes_what_the_first_one_built(machine, etcd):
    again = machine.chain().ensure(["etcd"])["etcd"]
    assert (again.origin, again.path) == ("cache", etcd.path)
    assert len(machine.builds) == 1
    assert machine.lines == []


def test_a_truncated_program_is_noticed_and_made_anew(machine, etcd):
    whole = etcd.path.read_bytes()
    etcd.path.write_bytes(whole[:7])
    again = machine.chain().ensure(["etcd"])["etcd"]
    assert again.origin == "build"
    assert again.path.read_bytes() == whole
    assert any("damaged in the cache" in line and "7 found" in line for line in machine.lines)


def test_a_program_with_other_content_of_the_same_size_is_noticed(machine, etcd):
    whole = etcd.path.read_bytes()
    etcd.path.write_bytes(b"?" * len(whole))
    os.utime(etcd.path, ns=(0, 0))
    assert machine.chain().ensure(["etcd"])["etcd"].path.read_bytes() == whole


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"size": 1}'])
def test_a_damaged_manifest_makes_the_program_anew(machine, etcd, damage):
    (etcd.path.parent / "manifest.json").write_text(damage)
    assert machine.chain().ensure(["etcd"])["etcd"].origin == "build"


def test_a_missing_program_is_made_anew(machine, etcd):
    etcd.path.unlink()
    assert machine.chain().ensure(["etcd"])["etcd"].origin == "build"


def test_a_cache_that_was_copied_is_read_once_and_used(machine, etcd):
    noted = etcd.path.stat().st_mtime_ns
    os.utime(etcd.path, ns=(0, 0))
    assert machine.chain().ensure(["etcd"])["etcd"].origin == "cache"
    assert etcd.path.stat().st_mtime_ns == noted


def test_a_cache_that_holds_everything_is_not_written_to(machine, etcd):
    before = {path: path.stat().st_mtime_ns for path in machine.cache.rglob("*")}
    machine.chain().ensure(["etcd"])
    assert {path: path.stat().st_mtime_ns for path in machine.cache.rglob("*")} == before


def test_a_cache_that_cannot_be_written_to_is_one_sentence(machine):
    machine.has_go()
    machine.cache.write_text("a file where the folder should be")
    with pytest.raises(
        UserError, match=r"cannot write to the cache folder .*etcd.*set CNAI_CACHE to a folder that is$"
    ):
        machine.chain().ensure(["etcd"])


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_read_only_cache_names_the_way_out(number):
    with pytest.raises(UserError, match="make it writable, or set CNAI_CACHE"), writable(Path("/cache/tools/etcd")):
        raise OSError(number, os.strerror(number))


def test_a_full_disk_names_the_way_out():
    with pytest.raises(UserError, match="no space is left in /cache"), writable(Path("/cache")):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_two_checkouts_at_once_build_once(machine, tmp_path, monkeypatch):
    machine.has_go()
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    monkeypatch.setenv("FAKE_GO_HANGS_ON", str(gate))
    found = []
    first = threading.Thread(target=lambda: found.append(machine.chain().ensure(["kwok"])["kwok"]))
    second = threading.Thread(target=lambda: found.append(machine.chain().ensure(["kwok"])["kwok"]))
    first.start()
    until(lambda: machine.builds)
    second.start()
    until(lambda: any("another process is getting it" in line for line in machine.lines))
    gate.write_text("go on")
    first.join()
    second.join()
    assert len(machine.builds) == 1
    assert {tool.path for tool in found} == {found[0].path}
    assert sorted(tool.origin for tool in found) == ["build", "cache"]


KILLED = """
import sys
sys.path[:0] = sys.argv[1].split(":")
from toolchain_fakes import Machine
from pathlib import Path
Machine(Path(sys.argv[2])).chain().ensure(["etcd"])
"""


def test_a_killed_build_leaves_nothing_usable_and_is_waited_for(machine, tmp_path, monkeypatch):
    machine.has_go()
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    monkeypatch.setenv("FAKE_GO_HANGS_ON", str(gate))
    paths = ":".join([str(Path(__file__).parent), *sys.path])
    killed = subprocess.Popen([sys.executable, "-c", KILLED, paths, str(machine.root)])
    until(lambda: list(machine.cache.glob("tools/etcd/.staging-*/half")))
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    chain = machine.chain()
    assert chain.at_hand("etcd") is None
    monkeypatch.delenv("FAKE_GO_HANGS_ON")
    next_run = threading.Thread(target=chain.ensure, args=(["etcd"],))
    next_run.start()
    # The orphaned compiler still holds the lock: its work warms Go's cache, and no second one starts beside it.
    until(lambda: any("another process is getting it" in line for line in machine.lines))
    assert len(machine.builds) == 1
    gate.write_text("go on")
    next_run.join()
    assert chain.at_hand("etcd").origin == "cache"
    assert list(machine.cache.glob("tools/etcd/.staging-*")) == []


def test_what_a_crash_left_behind_is_cleared_away(machine):
    machine.has_go()
    stale = machine.cache / "tools" / "etcd" / ".staging-of-a-crash"
    stale.mkdir(parents=True)
    (stale / "etcd").write_text("half")
    machine.chain(reach=Reach(1)).ensure(["etcd"])
    assert not stale.exists()
