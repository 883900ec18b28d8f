"""A process killed at any step, and at any moment of a save, goes on without a digit lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import Plan, linked, losses, settings

STEPS = {"steps": 8, "checkpoint_every": 2, "keep": 1}


@pytest.fixture(scope="module")
def undisturbed(prepared: Path, carried_out: Plan, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A run to its end, and the changes it made to storage."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run, operations = linked(prepared, folder / "run"), folder / "operations.json"
    carried_out([{"settings": settings(run, train=STEPS), "place": {}, "operations": str(operations)}])
    return run, json.loads(operations.read_text())


def same(run: Path, undisturbed: Path) -> bool:
    """All losses and the model, to the last bit."""
    model = "train/model/model.safetensors"
    return losses(run) == losses(undisturbed) and (run / model).read_bytes() == (undisturbed / model).read_bytes()


def killed_at(
    places: dict[str, dict[str, int]], prepared: Path, folder: Path, carried_out: Plan, **sections: Any
) -> dict[str, Path]:
    runs = {name: linked(prepared, folder / name) for name in places}
    carried_out([{"settings": settings(runs[name], train=STEPS, **sections), "place": places[name]} for name in places])
    return runs


def test_a_kill_after_any_step_loses_no_digit(
    undisturbed: tuple[Path, list[str]], prepared: Path, carried_out: Plan, tmp_path: Path
) -> None:
    places = {f"step-{step}": {"step": step} for step in range(1, STEPS["steps"] + 1)}
    for name, run in killed_at(places, prepared, tmp_path, carried_out).items():
        assert same(run, undisturbed[0]), name


def moments(operations: list[str]) -> dict[str, dict[str, int]]:
    """Each kind of change within the second and third save: the first and last of its kind, and some in between."""
    saves = [at for at, name in enumerate(operations) if name == "note"]
    chosen: dict[str, dict[str, int]] = {}
    for save in (1, 2):
        within = range(saves[save - 1] + 1, saves[save] + 1)
        for kind in ("write", "rename", "note", "remove"):
            places = [at for at in within if operations[at] == kind]
            for at in {*places[:1], *places[len(places) // 2 :][:1], *places[-1:]}:
                chosen[f"{kind}-{at}"] = {"operation": at}
    return chosen


def test_a_kill_within_a_save_loses_no_digit(
    undisturbed: tuple[Path, list[str]], prepared: Path, carried_out: Plan, tmp_path: Path
) -> None:
    run, operations = undisturbed
    assert {"write", "rename", "note", "remove"} == set(operations)
    places = moments(operations)
    assert len({name.split("-")[0] for name in places}) == 4
    for name, killed in killed_at(places, prepared, tmp_path, carried_out).items():
        assert same(killed, run), name
