"""However the model lies over the ranks, it learns the same."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from cnai_training import job, train
from conftest import Together, linked, losses, settings, tiny

LAYOUTS: dict[int, dict[str, dict[str, Any]]] = {
    2: {
        "ddp": {"data": "ddp"},
        "fsdp": {"data": "fsdp"},
        "tensor": {"tensor": 2},
        "gpipe": {"pipeline": 2, "schedule": "gpipe"},
        "1f1b": {"pipeline": 2, "schedule": "1f1b"},
    },
    4: {
        "ddp": {"data": "ddp"},
        "fsdp": {"data": "fsdp"},
        "gpipe": {"pipeline": 4, "schedule": "gpipe"},
        "1f1b": {"pipeline": 4, "schedule": "1f1b"},
        "fsdp+tensor": {"data": "fsdp", "tensor": 2},
        "fsdp+pipeline": {"data": "fsdp", "pipeline": 2},
        "tensor+pipeline": {"tensor": 2, "pipeline": 2},
    },
}


@pytest.fixture(scope="module")
def alone(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = linked(prepared, tmp_path_factory.mktemp("alone") / "run")
    train.run(job.job("train", tiny(run, train={"evaluate_every": 6, "evaluate_rows": 7})))
    return run


@pytest.fixture(scope="module", params=LAYOUTS)
def runs(request: pytest.FixtureRequest, prepared: Path, together: Together, tmp_path_factory: Any) -> dict[str, Path]:
    """Every layout of this number of processes, trained in one go."""
    folder = tmp_path_factory.mktemp(f"of-{request.param}")
    made = {name: linked(prepared, folder / name) for name in LAYOUTS[request.param]}
    jobs = [
        ("train", settings(run, parallel=LAYOUTS[request.param][name], train={"evaluate_every": 6, "evaluate_rows": 7}))
        for name, run in made.items()
    ]
    together(jobs, request.param)
    return made


def test_every_layout_gives_the_single_process_loss_at_every_step(alone: Path, runs: dict[str, Path]) -> None:
    for name, run in runs.items():
        assert losses(run) == pytest.approx(losses(alone), rel=2e-5), name
        held_out = losses(run, name="held_out_loss")
        assert list(held_out) == [6]
        assert held_out == pytest.approx(losses(alone, name="held_out_loss"), rel=2e-5), name


def test_every_layout_gives_the_single_process_gradient_norm(alone: Path, runs: dict[str, Path]) -> None:
    for name, run in runs.items():
        assert losses(run, name="grad_norm") == pytest.approx(losses(alone, name="grad_norm"), rel=1e-3), name


def test_every_layout_saves_the_same_model(alone: Path, runs: dict[str, Path]) -> None:
    expected = load_file(alone / "train/model/model.safetensors")
    for name, run in runs.items():
        parts = [load_file(path) for path in (run / "train/model").glob("*.safetensors")]
        saved = {key: tensor for part in parts for key, tensor in part.items()}
        assert saved.keys() == expected.keys(), name
        worst = max(float((saved[key] - expected[key]).abs().max()) for key in expected)
        assert worst < 2e-3, name


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile calls a C++ compiler")
def test_a_compiled_model_learns_the_same_alone_and_over_two_processes(
    alone: Path, prepared: Path, together: Together, tmp_path: Path
) -> None:
    compiled, over_two = (linked(prepared, tmp_path / name) for name in ("alone", "fsdp"))
    train.run(job.job("train", tiny(compiled, train={"compile": True})))
    together([("train", settings(over_two, train={"compile": True}, parallel={"data": "fsdp"}))], 2)
    assert losses(compiled) == pytest.approx(losses(alone), rel=2e-5)
    assert losses(over_two) == pytest.approx(losses(alone), rel=2e-5)


def test_bf16_learns_about_the_same_over_shards_and_tensors(
    alone: Path, prepared: Path, together: Together, tmp_path: Path
) -> None:
    layouts: dict[str, dict[str, Any]] = {"fsdp": {"data": "fsdp"}, "ddp": {"data": "ddp"}, "tensor": {"tensor": 2}}
    runs = {name: linked(prepared, tmp_path / name) for name in layouts}
    together(
        [("train", settings(runs[name], train={"precision": "bf16"}, parallel=layouts[name])) for name in layouts], 2
    )
    for name, run in runs.items():
        assert losses(run) == pytest.approx(losses(alone), rel=5e-3), name
        assert losses(run) != losses(alone), name
