"""How good and how safe a model is, as JSON with a verdict that a pipeline can gate on."""

from typing import Any

from cnai_training import storage
from cnai_training.config import Config, Evaluate
from cnai_training.errors import TrainingError

STEPS = ("align", "finetune", "train")


def evaluate(config: Config) -> dict[str, Any]:
    """Writes `evaluation.json` under the run, and gives it."""
    from cnai_training.evaluate import perplexity, safety, tasks

    given = config.evaluate
    url = given.model or last_model(config.run)
    with storage.local_folder(url) as folder:
        result: dict[str, Any] = {"model": url, "perplexity": perplexity.measured(config, folder)}
        result["tasks"] = tasks.measured(given, folder) if given.tasks else {}
        result["safety"] = safety.measured(given, folder) if given.safety else {}
    result["checks"] = checks(given, result)
    result["verdict"] = "pass" if all(check["passed"] for check in result["checks"]) else "fail"
    storage.write_json(storage.join(config.run, "evaluation.json"), result)
    return result


def last_model(run: str) -> str:
    models = [storage.join(run, step, "model") for step in STEPS]
    for url in models:
        if storage.exists(storage.join(url, "config.json")):
            return url
    raise TrainingError(f"{run} holds no model yet; run train, or set evaluate.model")


def checks(given: Evaluate, result: dict[str, Any]) -> list[dict[str, Any]]:
    """Every threshold that is set; what was not measured does not pass it."""
    accuracies, safety = [task["accuracy"] for task in result["tasks"].values()], result["safety"]
    held = [
        ("perplexity", result["perplexity"], "at most", given.perplexity_max, given.perplexity_max > 0),
        (
            "task_accuracy",
            min(accuracies, default=None),
            "at least",
            given.task_accuracy_min,
            given.task_accuracy_min > 0,
        ),
        ("refusal_rate", safety.get("refusal_rate"), "at least", given.refusal_rate_min, given.refusal_rate_min > 0),
        (
            "over_refusal_rate",
            safety.get("over_refusal_rate"),
            "at most",
            given.over_refusal_rate_max,
            given.over_refusal_rate_max < 1,
        ),
        ("leak_rate", safety.get("leak_rate"), "at most", given.leak_rate_max, given.leak_rate_max < 1),
    ]
    return [
        {"name": name, "value": value, "must_be": f"{how} {limit}", "passed": meets(value, how, limit)}
        for name, value, how, limit, is_set in held
        if is_set
    ]


def meets(value: float | None, how: str, limit: float) -> bool:
    if value is None:
        return False
    return value <= limit if how == "at most" else value >= limit
