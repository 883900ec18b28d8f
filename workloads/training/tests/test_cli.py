"""The six commands from raw text to a model for the servers, and what a user sees when something is wrong."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cnai_training import cli, config, optimizer, storage
from cnai_training.config import Loop
from cnai_training.distributed import from_environment, world
from cnai_training.errors import TrainingError
from cnai_training.model import ModelConfig
from conftest import DATA, linked, settings, tiny

CONFIGS = Path(__file__).parent.parent / "configs"
TINY = ["train.steps=30", "finetune.steps=40", "align.steps=5", "model.hidden_size=32", "model.layers=2"]


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    return int(ended.value.code or 0)


def test_from_raw_text_to_a_served_format_in_six_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(DATA.parent)
    judged = ["evaluate.perplexity_max=900.0", "evaluate.task_accuracy_min=0.0", "evaluate.refusal_rate_min=0.0"]
    changed = [f"run={tmp_path}/run", *TINY, *judged, "evaluate.leak_rate_max=1.0"]
    common = ["--config", "configs/laptop.toml", *(part for value in changed for part in ("--set", value))]
    for command in ("prepare", "train", "finetune", "align"):
        assert call(command, *common) == 0, command
    assert call("evaluate", *common) == 0
    result = json.loads((tmp_path / "run/evaluation.json").read_text())
    assert result["model"].endswith("align/model")
    assert 1 < result["perplexity"] < 900
    assert 0 <= result["tasks"]["cnai_dialogue"]["accuracy"] <= 1
    assert result["safety"]["prompts"] == len((DATA / "safety.jsonl").read_text().splitlines())
    assert {"refusal_rate", "over_refusal_rate", "leak_rate"} < result["safety"].keys()
    assert call("evaluate", *common, "--set", "evaluate.perplexity_max=1.5", "--set", "evaluate.tasks=[]") == 3
    capsys.readouterr()
    assert call("evaluate", *common, "--set", 'evaluate.tasks=["no_such_task"]') == 2
    assert "no_such_task" in capsys.readouterr().err.splitlines()[-1]
    assert call("export", *common, "--to", str(tmp_path / "model")) == 0
    sums = (tmp_path / "model/SHA256SUMS").read_text().splitlines()
    assert all(storage.sha256(str(tmp_path / "model" / line[66:])) == line[:64] for line in sums)
    assert {"config.json", "model.safetensors", "tokenizer.json", "generation_config.json"} <= {s[66:] for s in sums}
    model, tokenizer = (kind.from_pretrained(tmp_path / "model") for kind in (AutoModelForCausalLM, AutoTokenizer))
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello!"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    assert model.generate(**inputs, max_new_tokens=4).shape[1] > inputs["input_ids"].shape[1]
    assert call("export", *common, "--from", "train", "--checkpoint", "30", "--to", str(tmp_path / "of-step")) == 0
    assert storage.sha256(f"{tmp_path}/of-step/model.safetensors") == storage.sha256(
        f"{tmp_path}/run/train/model/model.safetensors"
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("keep me")
    assert call("export", *common, "--to", str(tmp_path / "mine")) == 2
    assert (tmp_path / "mine/thesis.txt").exists()
    assert call("export", *common, "--from", "train", "--checkpoint", "7", "--to", str(tmp_path / "other")) == 2
    assert "steps there: 30" in capsys.readouterr().err


def test_an_error_is_one_line_and_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "--set", "train.stepz=3") == 2
    said = capsys.readouterr().err
    assert said.startswith("cnai-train: train.stepz is not a setting; known here: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.glob("*.toml")))
def test_every_configuration_is_valid_and_its_model_can_be_laid_out(name: str) -> None:
    from cnai_training.parallel import checked

    given = config.load(str(CONFIGS / name))
    shape = ModelConfig(vocab_size=64_000, context=given.prepare.context, **vars(given.model))
    checked(shape, given.parallel, data_ranks=2)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("train.steps=0", "train.steps is 0; give at least 1"),
        ("train.steps=-1", "train.steps is -1"),
        ('train.steps="many"', "train.steps is 'many'; give a value of type int"),
        ("train.learning_rate=nan", "train.learning_rate is nan"),
        ("train.precision=fp8", "train.precision is 'fp8'; allowed: 'fp32', 'bf16'"),
        ("prepare.text=file.txt", "give a list of strings"),
        ("train=3", "give a table"),
        ("train.steps", "write it as section.key=value"),
        ("model.heads=0", "model.heads is 0; give at least 1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(setting: str, said: str) -> None:
    with pytest.raises(TrainingError, match=re.escape(said)):
        ModelConfig(vocab_size=8, **vars(config.load(None, [setting]).model))


@pytest.mark.parametrize("content", [b"run = ", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(TrainingError, match="cannot be read as TOML"):
        config.load(str(tmp_path / "bad.toml"))


def test_a_step_before_its_base_says_which_to_run(run: Path) -> None:
    from cnai_training import job

    with pytest.raises(TrainingError, match=r"run `train` or set finetune\.base"):
        job.job("finetune", tiny(run))


def test_processes_that_do_not_divide_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(TrainingError, match="does not divide the 3 processes"), world(config.Parallel(tensor=2)):
        pass
    with pytest.raises(TrainingError, match="MASTER_ADDR and MASTER_PORT is not set"), world(config.Parallel()):
        pass
    monkeypatch.setenv("WORLD_SIZE", "three")
    with pytest.raises(TrainingError, match="WORLD_SIZE is 'three'"):
        from_environment("WORLD_SIZE", 1)


@pytest.mark.parametrize(
    ("shape", "parallel", "said"),
    [
        ({"kv_heads": 1}, {"tensor": 2}, "must divide kv_heads=1"),
        ({}, {"pipeline": 9}, "more than the 4 layers"),
        ({"tie_embeddings": True}, {"pipeline": 2}, "tie_embeddings works with"),
        ({}, {"tensor": 2}, 'goes with parallel.data = "fsdp"'),
    ],
)
def test_a_layout_that_does_not_fit_the_model_is_refused(
    shape: dict[str, Any], parallel: dict[str, Any], said: str
) -> None:
    from cnai_training.parallel import checked

    with pytest.raises(TrainingError, match=said):
        checked(ModelConfig(vocab_size=64, **shape), config.Parallel(**parallel), data_ranks=2)


def test_the_rate_warms_up_and_ends_at_its_share() -> None:
    loop = Loop(steps=100, warmup_steps=10, learning_rate=1.0, final_rate=0.1)
    rates = [optimizer.rate(loop, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert rates[100] == pytest.approx(0.1)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_the_entry_point_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cnai_training", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in cli.COMMANDS)


def test_bf16_learns_too(prepared: Path, tmp_path: Path) -> None:
    from cnai_training import job, train

    run = linked(prepared, tmp_path / "run")
    given = config.build(config.Config, settings(run, train={"precision": "bf16", "steps": 2}), "")
    train.run(job.job("train", given))
    model = AutoModelForCausalLM.from_pretrained(run / "train/model")
    assert model.dtype == torch.bfloat16
