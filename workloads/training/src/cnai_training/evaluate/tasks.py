"""Tasks through lm-eval's interface: our multiple-choice questions offline, or any task that it knows."""

from typing import Any

from cnai_training import storage
from cnai_training.config import Evaluate
from cnai_training.errors import TrainingError

OURS = "cnai_dialogue"


def our_task(questions: str) -> dict[str, Any]:
    """The answer that the model finds likeliest among four."""
    return {
        "task": OURS,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(storage.local_copy(questions))}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{answer}}",
        "metric_list": [{"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True}],
        "num_fewshot": 0,
    }


def measured(given: Evaluate, url: str) -> dict[str, dict[str, float]]:
    import torch
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if OURS in given.tasks and not storage.exists(given.questions or "/nowhere"):
        raise TrainingError(
            f"evaluate.questions is {given.questions!r}: give the file of questions, or leave {OURS} out"
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(url).to(device)
    results = simple_evaluate(
        model=HFLM(pretrained=model, tokenizer=AutoTokenizer.from_pretrained(url), batch_size=8),
        tasks=[our_task(given.questions) if name == OURS else name for name in given.tasks],
        limit=given.task_limit or None,
        apply_chat_template=True,
        bootstrap_iters=0,
        verbosity="ERROR",
    )
    return {name: accuracy(name, values) for name, values in results["results"].items()}


def accuracy(name: str, values: dict[str, Any]) -> dict[str, float]:
    for metric in ("acc_norm,none", "acc,none", "exact_match,strict-match", "exact_match,none"):
        if metric in values:
            return {"accuracy": float(values[metric])}
    raise TrainingError(f"task {name} has no accuracy among {', '.join(values)}; leave it out of evaluate.tasks")
