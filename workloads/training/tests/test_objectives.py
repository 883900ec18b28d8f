"""Fine-tuning teaches the assistant's words, adapters change nothing else, and DPO is what others compute."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from cnai_training import config, job, train
from cnai_training.data import Batch, Rows
from cnai_training.errors import TrainingError
from cnai_training.objectives import IGNORE, answer_logprobs, dpo_loss, language, preference
from conftest import Together, linked, losses, settings, tiny

CPU = torch.device("cpu")
LORA = {"lora_rank": 4, "lora_alpha": 8.0, "learning_rate": 0.02}


@pytest.fixture(scope="module")
def based(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a base model and one that was fine-tuned through adapters."""
    run = linked(prepared, tmp_path_factory.mktemp("based") / "run")
    given = tiny(run, finetune=LORA)
    for name in ("train", "finetune"):
        train.run(job.job(name, given))
    return run


def test_a_fixed_seed_gives_a_fixed_loss(based: Path) -> None:
    """The number itself: a change of the data's order, the initial values or the schedule shows here."""
    curve = losses(based)
    assert curve[1] == pytest.approx(5.947321, rel=1e-5)
    assert curve[6] == pytest.approx(5.874879, rel=1e-5)


def test_only_the_assistants_words_are_learned(prepared: Path) -> None:
    rows = Rows(str(prepared / "data/chat/train"))
    batch = rows.batch([0, 1, -1])
    micro = language(batch, CPU)
    judged = micro.targets != IGNORE
    assert torch.equal(judged[:2], batch["learned"][:2, 1:] == 1)
    assert not judged[2].any()
    assert micro.count == int(judged.sum()) > 0


def test_adapters_leave_the_base_alone_and_peft_loads_them(based: Path) -> None:
    merged = AutoModelForCausalLM.from_pretrained(based / "finetune/model").eval()
    base = AutoModelForCausalLM.from_pretrained(based / "train/model").eval()
    tokens = torch.randint(0, 300, (2, 16))
    with torch.no_grad():
        plain = base(tokens).logits
        adapted = PeftModel.from_pretrained(base, str(based / "finetune/adapter")).eval()(tokens).logits
        torch.testing.assert_close(merged(tokens).logits, adapted, atol=1e-5, rtol=1e-4)
    assert float((adapted - plain).abs().max()) > 1e-3
    before, after = (load_file(based / step / "model/model.safetensors") for step in ("train", "finetune"))
    changed = {name.rsplit(".", 2)[1] for name in before if not before[name].equal(after[name])}
    assert changed == {"q_proj", "k_proj", "v_proj", "o_proj"}


def test_a_checkpoint_of_adapters_holds_only_adapters(based: Path) -> None:
    folders = {step: max((based / step / "checkpoints").iterdir()) for step in ("train", "finetune")}
    size = {step: sum(file.stat().st_size for file in folder.iterdir()) for step, folder in folders.items()}
    assert size["finetune"] < size["train"] / 2


def test_dropout_resumes_to_the_last_digit(based: Path, prepared: Path, tmp_path: Path) -> None:
    base = {**LORA, "lora_dropout": 0.3, "base": str(based / "train/model")}
    runs = [linked(prepared, tmp_path / name) for name in ("once", "twice")]
    for run in runs:
        train.run(job.job("finetune", tiny(run, finetune=base)))
    checkpoints = runs[1] / "finetune/checkpoints"
    for path in (checkpoints / "step-00000006").iterdir():
        path.unlink()
    train.run(job.job("finetune", tiny(runs[1], finetune=base)))
    assert len((runs[1] / "finetune/metrics.jsonl").read_text().splitlines()) == 6 + 3
    assert losses(runs[0], "finetune") == losses(runs[1], "finetune")


def test_an_adapter_target_that_is_not_there_is_one_clear_error(based: Path) -> None:
    with pytest.raises(TrainingError, match="lora_targets"):
        train.run(job.job("finetune", tiny(based, finetune={**LORA, "lora_targets": ["no_such"]})))


@pytest.mark.parametrize("adapters", [{}, LORA], ids=["whole", "lora"])
def test_alignment_starts_at_log_two_and_learns_the_preference(
    based: Path, prepared: Path, tmp_path: Path, adapters: dict[str, Any]
) -> None:
    run = linked(prepared, tmp_path / "run")
    given = {"base": str(based / "finetune/model"), **adapters, "learning_rate": 0.01, "steps": 10}
    train.run(job.job("align", tiny(run, align=given)))
    curve = losses(run, "align")
    assert curve[1] == pytest.approx(0.693147, abs=1e-5)
    assert curve[10] < 0.67, curve


def test_our_preference_loss_is_trls(based: Path, prepared: Path, tmp_path: Path) -> None:
    rows = Rows(str(prepared / "data/preferences/train")).batch([0, 1, 2])
    policy = AutoModelForCausalLM.from_pretrained(based / "finetune/model").eval()
    reference = AutoModelForCausalLM.from_pretrained(based / "train/model").eval()
    micro = preference(rows, CPU)
    with torch.no_grad():
        logprobs = [answer_logprobs(model(micro.tokens).logits, micro.targets) for model in (policy, reference)]
    ours = float(dpo_loss(*logprobs, beta=3.0).mean())
    theirs = loss_of_trl(policy, reference, [pair(rows, row) for row in range(3)], based / "train/model", tmp_path)
    assert ours == pytest.approx(theirs, rel=1e-4)
    assert ours != pytest.approx(0.693147, abs=1e-3)


def pair(rows: Batch, row: int) -> dict[str, list[int]]:
    """One of our pairs as `trl` tokenizes its own: the prompt once, then what is judged of each side."""
    sides = {}
    for side in ("chosen", "rejected"):
        learned = rows[f"{side}_learned"][row].nonzero().flatten()
        first, last = int(learned[0]), int(learned[-1])
        sides["prompt_ids"] = rows[side][row, :first].tolist()
        sides[f"{side}_ids"] = rows[side][row, first : last + 1].tolist()
    return sides


def loss_of_trl(policy: Any, reference: Any, pairs: list[dict[str, list[int]]], tokenizer: Path, folder: Path) -> float:
    logging.disable(logging.WARNING)
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast
    from trl import DPOConfig, DPOTrainer  # pyright: ignore

    settings = {"beta": 3.0, "use_cpu": True, "bf16": False, "report_to": [], "disable_dropout": True}
    trainer = DPOTrainer(
        model=policy,
        ref_model=reference,
        args=DPOConfig(output_dir=str(folder), max_length=None, **settings),
        train_dataset=Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}]),
        processing_class=PreTrainedTokenizerFast.from_pretrained(tokenizer),
    )
    with torch.no_grad():
        return float(trainer.compute_loss(trainer.model, trainer.data_collator(pairs)))


def test_fine_tuning_and_alignment_are_the_same_over_two_processes(
    based: Path, prepared: Path, together: Together, tmp_path: Path
) -> None:
    layouts = {"alone": {}, "ddp": {"data": "ddp"}, "fsdp": {"data": "fsdp"}, "pipeline": {"pipeline": 2}}
    runs = {name: linked(prepared, tmp_path / name) for name in [*layouts, "whole"]}
    base = {"base": str(based / "train/model")}

    def given(name: str) -> dict[str, Any]:
        tuned = base if name in ("pipeline", "whole") else {**LORA, **base}
        return settings(runs[name], finetune=tuned, align=base, parallel=layouts.get(name, {}))

    steps = ("finetune", "align")
    for name, step in (("alone", "finetune"), ("alone", "align"), ("whole", "finetune")):
        train.run(job.job(step, config.build(config.Config, given(name), "")))
    tied = [linked(prepared, tmp_path / f"tied-{size}") for size in (1, 2)]
    train.run(job.job("train", tiny(tied[0], model={"tie_embeddings": True})))
    jobs = [(step, given(name)) for name in ("ddp", "fsdp") for step in steps]
    jobs += [
        ("finetune", given("pipeline")),
        ("train", settings(tied[1], model={"tie_embeddings": True}, parallel={"data": "fsdp"})),
    ]
    together(jobs, 2)
    assert losses(tied[1]) == pytest.approx(losses(tied[0]), rel=2e-5)
    for name in ("ddp", "fsdp"):
        for step in steps:
            assert losses(runs[name], step) == pytest.approx(losses(runs["alone"], step), rel=1e-4), (name, step)
    assert losses(runs["pipeline"], "finetune") == pytest.approx(losses(runs["whole"], "finetune"), rel=1e-4)
    adapters = [load_file(runs[name] / "finetune/adapter/adapter_model.safetensors") for name in ("alone", "fsdp")]
    assert all(torch.allclose(adapters[0][key], adapters[1][key], atol=2e-3) for key in adapters[0])
