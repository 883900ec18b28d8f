"""Under torchrun: a run goes on with fewer workers when a node is lost, and saves when it is told to stop."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from cnai_training import job, storage, train
from conftest import free_ports, losses, settings, tiny


def agent(run: Path, environment: dict[str, str], **sections: Any) -> subprocess.Popen[str]:
    """`torchrun` as in a TrainJob's pod: how many there are comes from the environment."""
    given = settings(run, **sections)
    del given["run"]
    options = [f"{name}.{key}={json.dumps(value)}" for name, values in given.items() for key, value in values.items()]
    overrides = [part for option in [f"run={run}", *options] for part in ("--set", option)]
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "-m", "cnai_training", "train", *overrides],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def lose(agent: subprocess.Popen[str]) -> None:
    """As when a node goes: the agent and its workers, which have sessions of their own, at once."""
    children = Path(f"/proc/{agent.pid}/task/{agent.pid}/children")
    workers = [int(pid) for pid in children.read_text().split()] if children.exists() else []
    for pid in (agent.pid, *workers) if agent.poll() is None else ():
        os.kill(pid, signal.SIGKILL)


def wait_for(process: subprocess.Popen[str], pattern: str, seen: list[str]) -> re.Match[str]:
    assert process.stdout is not None
    for line in process.stdout:
        seen.append(line)
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"ended before {pattern}:\n" + "".join(seen[-60:]))


def test_a_lost_node_leaves_a_run_of_fewer_workers_that_goes_on(run: Path) -> None:
    steps = {"steps": 120, "checkpoint_every": 5, "keep": 2}
    (port,) = free_ports(1)
    environment = {
        "PET_NNODES": "1:2",
        "PET_NPROC_PER_NODE": "1",
        "PET_RDZV_BACKEND": "c10d",
        "PET_RDZV_ENDPOINT": f"127.0.0.1:{port}",
        "PET_RDZV_ID": "elastic",
        "PET_MAX_RESTARTS": "3",
    }
    # The first holds the rendezvous and is not the one that is lost; it waits for the second to come.
    waits = "last_call_timeout=15,keep_alive_interval=1,keep_alive_max_attempt=3,is_host="
    first, second = (
        agent(run, {**environment, "PET_RDZV_CONF": waits + host}, train=steps, parallel={"data": "fsdp"})
        for host in ("true", "false")
    )
    seen: list[str] = []
    try:
        # The save after step 15 waits for that after step 10.
        wait_for(first, r"step=16 ", seen)
        assert list((run / "train/checkpoints").glob("*/rank-1-of-2.json"))
        lose(second)
        after = int(wait_for(first, r"goes on after step (\d+)", seen)[1])
        assert 10 <= after < 120
        wait_for(first, r"wrote .*train/model", seen)
        assert first.wait(timeout=120) == 0
    finally:
        for process in (first, second):
            lose(process)
            process.wait()
    assert sorted(losses(run)) == list(range(1, 121))


def test_torchruns_workers_save_when_it_is_told_to_stop(run: Path) -> None:
    steps = {"steps": 2000, "checkpoint_every": 5000}
    process = agent(run, {"PET_NNODES": "1", "PET_NPROC_PER_NODE": "2"}, train=steps, parallel={"data": "fsdp"})
    wait_for(process, r"step=3 ", seen := [])
    process.terminate()
    assert process.stdout is not None
    rest = process.stdout.read()
    process.wait(timeout=60)
    saved = int(re.search(r"was asked to stop: step (\d+) is saved", rest + "".join(seen))[1])
    assert storage.names(str(run / "train/checkpoints")) == [f"step-{saved:08d}"]
    train.run(job.job("train", tiny(run, train={**steps, "steps": saved + 1})))
    assert sorted(losses(run))[-1] == saved + 1
