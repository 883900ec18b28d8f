"""Tasks through lm-eval's interface: our multiple-choice questions offline, or any task that it knows."""

import json
from typing import Any

from cnai_training import storage
from cnai_training.config import Evaluate
from cnai_training.errors import TrainingError

OURS = "cnai_dialogue"


def checked(url: str) -> str:
    """The file of questions on this machine, every one of them usable."""
    if not (url and storage.exists(url)):
        raise TrainingError(f"evaluate.questions is {url!r}: give the file of questions, or leave {OURS} out")
    path = storage.local_copy(url)
    try:
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    except ValueError as error:
        raise TrainingError(f"evaluate.questions: {url} is no JSON lines in UTF-8 ({type(error).__name__})") from None
    bad = next((number for number, record in enumerate(records, start=1) if not usable(record)), None)
    if bad or not records:
        raise TrainingError(
            f"evaluate.questions: record {bad or 1} of {url} needs a `question`, `choices` of two texts or more, and "
            "the number of the right one as `answer`, from 0"
        )
    return str(path)


def usable(record: Any) -> bool:
    choices = record.get("choices") if isinstance(record, dict) else None
    if not isinstance(choices, list) or len(choices) < 2 or not all(isinstance(choice, str) for choice in choices):
        return False
    return isinstance(record.get("question"), str) and record.get("answer") in range(len(choices))


def our_task(questions: str) -> dict[str, Any]:
    """The answer that the model finds likeliest among four."""
    return {
        "task": OURS,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": checked(questions)}},
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
    from datasets.exceptions import DatasetsError
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    named = [our_task(given.questions) if name == OURS else name for name in given.tasks]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForCausalLM.from_pretrained(url).to(device)
    try:
        results = simple_evaluate(
            model=HFLM(pretrained=model, tokenizer=AutoTokenizer.from_pretrained(url), batch_size=8),
            tasks=named,
            limit=given.task_limit or None,
            apply_chat_template=True,
            bootstrap_iters=0,
            verbosity="ERROR",
        )
    except AssertionError:
        # lm-eval's own check that an answer is shorter than the context, which says nothing.
        raise TrainingError(
            f"evaluate.tasks {given.tasks}: an answer is empty or longer than the model's context of "
            f"{model.config.max_position_embeddings} tokens; leave the task out, or raise prepare.context"
        ) from None
    except (KeyError, OSError, DatasetsError) as error:
        said = " ".join(str(error).split())[:300]
        raise TrainingError(
            f"evaluate.tasks {given.tasks}: {said}; name tasks that lm-eval knows and whose data is in reach"
        ) from None
    return {name: accuracy(name, values) for name, values in results["results"].items()}


def accuracy(name: str, values: dict[str, Any]) -> dict[str, float]:
    for metric in ("acc_norm,none", "acc,none", "exact_match,strict-match", "exact_match,none"):
        if metric in values:
            return {"accuracy": float(values[metric])}
    raise TrainingError(f"task {name} has no accuracy among {', '.join(values)}; leave it out of evaluate.tasks")
