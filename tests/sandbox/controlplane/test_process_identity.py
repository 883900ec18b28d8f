import fcntl
import os
import signal
import subprocess
import sys

from sandbox_waits import eventually

from cnai.paths import SandboxDir
from cnai.sandbox.controlplane import processes
from cnai.sandbox.controlplane.kwokctl import Cluster
from cnai.sandbox.controlplane.processes import Process


def cluster(tmp_path) -> Cluster:
    return Cluster(SandboxDir.of(tmp_path, "local"), tmp_path / "kwokctl", tmp_path / "kubectl")


def test_only_what_was_started_from_this_environments_folder_is_ours(tmp_path):
    ours = cluster(tmp_path)
    found = [
        Process(1, f"{ours.folder}/bin/etcd --name=node0"),
        Process(2, f"{ours.folder}-2/bin/kube-scheduler --v=0"),  # another environment whose name begins alike
        Process(3, f"tail -f {ours.folder}/logs/kube-apiserver.log"),
    ]
    assert ours.alive(found) == {"etcd": 1}


def test_a_pid_file_of_a_process_that_is_not_ours_is_taken_away(tmp_path):
    ours = cluster(tmp_path)
    pids = ours.folder / "pids"
    pids.mkdir(parents=True)
    (pids / "etcd.pid").write_text(str(os.getpid()))
    assert ours.adopt() == {}
    assert ours.started() == set()


def test_a_process_that_ignores_the_request_is_killed():
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"on\n"
        processes.end(lambda: {"child": child.pid} if child.poll() is None else {}, grace_s=0.1)
        assert child.returncode == -9


def test_a_detached_process_has_a_session_of_its_own_and_its_words_in_its_log(tmp_path):
    log = tmp_path / "logs/daemon.log"
    script = "import os; print(os.getsid(0) == os.getpid())"
    pid = processes.detach([sys.executable, "-c", script], processes.bare_environment(), log)
    os.waitpid(pid, 0)
    assert log.read_text() == "True\n"


def test_a_detached_process_holds_no_lock_of_whoever_called_us(tmp_path):
    script = "import time; print('on', flush=True); time.sleep(60)"
    with (tmp_path / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        fcntl.flock(lock, fcntl.LOCK_EX)
        log = tmp_path / "daemon.log"
        pid = processes.detach([sys.executable, "-c", script], processes.bare_environment(), log)
    try:
        eventually(lambda: log.read_text() == "on\n", "the daemon has started")
        with (tmp_path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_an_ended_process_that_nobody_reaped_does_not_count_as_running():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        eventually(lambda: all(p.pid != child.pid for p in processes.running()), "the child has ended")
        assert child.returncode is None
