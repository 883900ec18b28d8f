"""A run that is stopped, killed or damaged goes on as if nothing had happened."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from cnai_training import job, storage, train
from cnai_training.errors import TrainingError
from conftest import Together, linked, losses, settings, tiny

STEPS = {"steps": 12, "checkpoint_every": 4, "keep": 2}


def trained(run: Path, **sections: Any) -> None:
    train.run(job.job("train", tiny(run, **sections)))


@pytest.fixture(scope="module")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = linked(prepared, tmp_path_factory.mktemp("undisturbed") / "run")
    trained(run, train=STEPS)
    return run


class Crash(Exception):
    pass


@pytest.mark.parametrize("at", [3, 4, 5, 11])
def test_the_losses_after_a_crash_are_those_of_a_run_without_one_to_the_last_digit(
    undisturbed: Path, run: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    report = train.Trainer.report

    def crash(self: train.Trainer, step: int, *rest: Any) -> None:
        report(self, step, *rest)
        if step == at:
            raise Crash

    monkeypatch.setattr(train.Trainer, "report", crash)
    with pytest.raises(Crash):
        trained(run, train=STEPS)
    monkeypatch.undo()
    trained(run, train=STEPS)
    assert losses(run) == losses(undisturbed)
    assert losses(run, name="grad_norm") == losses(undisturbed, name="grad_norm")
    mine, theirs = (load_file(at / "train/model/model.safetensors") for at in (run, undisturbed))
    assert all(mine[name].equal(theirs[name]) for name in theirs)


def started(run: Path, **sections: Any) -> subprocess.Popen[str]:
    jobs = run / "jobs.json"
    jobs.write_text(json.dumps([["train", settings(run, **sections)]]))
    command = [sys.executable, str(Path(__file__).parent / "rank.py"), str(jobs), "0"]
    # The same number of threads as here: sums of floats depend on it.
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def wait_for(process: subprocess.Popen[str], step: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"step={step} "):
            return
    raise AssertionError(f"the process ended before step {step}")


def test_a_process_killed_at_a_random_step_loses_no_digit(undisturbed: Path, run: Path) -> None:
    step = random.randrange(1, 12)
    process = started(run, train=STEPS)
    wait_for(process, step)
    process.send_signal(signal.SIGKILL)
    process.wait()
    trained(run, train=STEPS)
    assert losses(run) == losses(undisturbed), f"killed at step {step}"


def test_sigterm_saves_and_ends_with_0(undisturbed: Path, run: Path) -> None:
    process = started(run, train={**STEPS, "checkpoint_every": 1000, "steps": 12})
    wait_for(process, 2)
    process.terminate()
    assert process.wait(timeout=60) == 0
    saved = [int(name[5:]) for name in storage.names(str(run / "train/checkpoints"))]
    assert len(saved) == 1
    trained(run, train=STEPS)
    assert losses(run) == losses(undisturbed)


def damaged(folder: Path) -> None:
    """One bit of the largest file is turned."""
    file = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def partial(folder: Path) -> None:
    next(folder.glob("rank-*.json")).unlink()


def cut_off(folder: Path) -> None:
    file = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    file.write_bytes(file.read_bytes()[:100])


@pytest.mark.parametrize("harm", [damaged, partial, cut_off])
def test_a_harmed_checkpoint_is_passed_over_for_the_one_before(
    undisturbed: Path, run: Path, harm: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(undisturbed / "train", run / "train")
    harm(run / "train/checkpoints/step-00000012")
    (run / "train/metrics.jsonl").unlink()
    trained(run, train=STEPS)
    assert "step-00000012 is passed over" in capsys.readouterr().out
    assert losses(run) == {step: loss for step, loss in losses(undisturbed).items() if step > 8}


def test_only_the_newest_checkpoints_are_kept(undisturbed: Path) -> None:
    assert storage.names(str(undisturbed / "train/checkpoints")) == ["step-00000008", "step-00000012"]


def test_a_checkpoint_of_another_shape_is_refused(undisturbed: Path, run: Path) -> None:
    shutil.copytree(undisturbed / "train", run / "train")
    with pytest.raises(TrainingError, match=r"model.hidden_size=32, this configuration has 64"):
        trained(run, train=STEPS, model={"hidden_size": 64})


def test_a_checkpoint_that_cannot_be_written_stops_the_run(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(storage, "write_json", full)
    with pytest.raises(TrainingError, match="could not be written: OSError: No space left"):
        trained(run, train={**STEPS, "steps": 8})


def test_checkpoints_go_to_an_object_store_and_come_back(
    undisturbed: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`memory://` stands for `s3://`: the same calls of fsspec."""
    join = storage.join
    monkeypatch.setattr(
        storage, "join", lambda base, *parts: join("memory://ckpt" if parts[-1] == "checkpoints" else base, *parts)
    )
    trained(run, train={**STEPS, "steps": 8})
    assert storage.names("memory://ckpt/checkpoints") == ["step-00000004", "step-00000008"]
    storage.remove("memory://ckpt/checkpoints/step-00000008")
    (run / "train/metrics.jsonl").unlink()
    trained(run, train={**STEPS, "steps": 8})
    assert sorted(losses(run)) == [5, 6, 7, 8]
    storage.remove("memory://ckpt")


def test_a_run_of_three_workers_goes_on_with_one(undisturbed: Path, run: Path, together: Together) -> None:
    """The global batch of 8 does not divide by three: it stays the same all the same."""
    given = {**STEPS, "keep": 9}
    together([("train", settings(run, train=given, parallel={"data": "fsdp"}))], 3)
    assert losses(run) == pytest.approx(losses(undisturbed), rel=2e-5)
    for step in (8, 12):
        shutil.rmtree(run / f"train/checkpoints/step-{step:08d}")
    (run / "train/metrics.jsonl").unlink()
    trained(run, train=given)
    assert losses(run) == pytest.approx({at: loss for at, loss in losses(undisturbed).items() if at > 4}, rel=2e-5)
