"""A tiny data set prepared once, and processes that train together."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cnai_training import config
from cnai_training.prepare.pipeline import prepare

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
TINY_MODEL = {"hidden_size": 32, "intermediate_size": 64, "layers": 4, "heads": 4, "kv_heads": 2}
TINY_LOOP = {"steps": 6, "global_batch": 8, "micro_batch": 2, "warmup_steps": 2, "checkpoint_every": 3}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.workloads)


@pytest.fixture(autouse=True, scope="session")
def few_threads() -> None:
    torch.set_num_threads(1)


def settings(run: Path, **sections: Any) -> dict[str, Any]:
    """A configuration of a tiny run; `sections` are laid over it."""
    files = {kind: [str(DATA / f"{kind}.jsonl")] for kind in ("text", "chat", "preferences")}
    given: dict[str, Any] = {
        "run": str(run),
        "prepare": {**files, "vocab_size": 384, "context": 32},
        "model": TINY_MODEL,
        **{job: dict(TINY_LOOP) for job in ("train", "finetune", "align")},
    }
    for name, values in sections.items():
        given[name] = {**given.get(name, {}), **values}
    return given


def tiny(run: Path, **sections: Any) -> config.Config:
    return config.build(config.Config, settings(run, **sections), "")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with `tokenizer/` and `data/`; tests link to it and do not write in it."""
    run = tmp_path_factory.mktemp("prepared")
    prepare(tiny(run))
    return run


@pytest.fixture
def run(prepared: Path, tmp_path: Path) -> Path:
    """A run folder of the test's own over the prepared data."""
    return linked(prepared, tmp_path / "run")


def linked(prepared: Path, run: Path) -> Path:
    run.mkdir()
    for name in ("data", "tokenizer"):
        (run / name).symlink_to(prepared / name)
    return run


def losses(run: Path, job: str = "train", name: str = "loss") -> dict[int, float]:
    """Each step's last recorded value."""
    lines = (run / job / "metrics.jsonl").read_text().splitlines()
    return {entry["step"]: entry[name] for entry in map(json.loads, lines) if name in entry}


Together = Callable[[list[tuple[str, dict[str, Any]]], int], None]


@pytest.fixture(scope="session")
def together(tmp_path_factory: pytest.TempPathFactory) -> Together:
    """Runs jobs, one after another, in a number of processes that torchrun would start alike."""

    def start(jobs: list[tuple[str, dict[str, Any]]], size: int) -> None:
        file = tmp_path_factory.mktemp("jobs") / "jobs.json"
        file.write_text(json.dumps(jobs))
        ports = [str(port) for port in free_ports(len(jobs))]
        command = [sys.executable, str(HERE / "rank.py"), str(file), *ports]
        logs = [(file.parent / f"{rank}.log").open("w+") for rank in range(size)]
        ranks = [
            subprocess.Popen(command, env=environment(rank, size), stdout=log, stderr=log)
            for rank, log in enumerate(logs)
        ]
        codes = [process.wait(timeout=300) for process in ranks]
        for log in logs:
            log.seek(0)
        said = "\n".join(log.read()[-3000:] for log in logs) if any(codes) else ""
        assert codes == [0] * size, said

    return start


Plan = Callable[[list[dict[str, Any]]], None]


@pytest.fixture(scope="session")
def carried_out(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Runs a plan of kills in a process of its own, and fails where one did not go as planned."""

    def run(cases: list[dict[str, Any]]) -> None:
        plan = tmp_path_factory.mktemp("plan") / "plan.json"
        plan.write_text(json.dumps(cases))
        done = subprocess.run(
            [sys.executable, HERE / "killed.py", plan],
            # Sums of floats depend on the number of threads.
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]

    return run


def environment(rank: int, size: int) -> dict[str, str]:
    ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1"}
    return {**os.environ, **{name: str(value) for name, value in ranks.items()}, "OMP_NUM_THREADS": "1"}


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
