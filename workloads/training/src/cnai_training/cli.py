"""`cnai-train`: one subcommand for each step from raw text to a model that is ready to serve."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence

from cnai_training import config, storage
from cnai_training.errors import TrainingError


def prepare(given: config.Config, _: argparse.Namespace) -> int:
    from cnai_training.prepare.pipeline import prepare as run

    print(json.dumps(run(given), indent=2))
    return 0


def trained(name: str) -> Callable[[config.Config, argparse.Namespace], int]:
    def run(given: config.Config, _: argparse.Namespace) -> int:
        from cnai_training import job, train

        train.run(job.job(name, given))
        return 0

    return run


def evaluate(given: config.Config, _: argparse.Namespace) -> int:
    """0 where every threshold is met, 3 where one is not: a pipeline's gate."""
    from cnai_training.evaluate import evaluate as run

    result = run(given)
    print(json.dumps(result, indent=2))
    return 0 if result["verdict"] == "pass" else 3


def export(given: config.Config, arguments: argparse.Namespace) -> int:
    from cnai_training.export import export as run

    print(json.dumps(run(given, arguments.step_name, arguments.checkpoint, arguments.to), indent=2))
    return 0


COMMANDS: dict[str, tuple[Callable[[config.Config, argparse.Namespace], int], str]] = {
    "prepare": (prepare, "clean, mask and pack the data; train the tokenizer"),
    "train": (trained("train"), "train a model from nothing"),
    "finetune": (trained("finetune"), "teach it conversation, whole or through adapters"),
    "align": (trained("align"), "teach it which answers are preferred (DPO)"),
    "evaluate": (evaluate, "perplexity, tasks and safety, with a verdict"),
    "export": (export, "write a model folder with checksums for the servers"),
}


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="cnai-train", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    for name, (_, words) in COMMANDS.items():
        command = commands.add_parser(name, help=words, description=words)
        command.add_argument("--config", help="TOML file; without it the defaults hold")
        command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as train.steps=200")
        if name == "export":
            command.add_argument("--from", dest="step_name", choices=("train", "finetune", "align"), default="align")
            command.add_argument("--checkpoint", type=int, default=0, help="a checkpoint's step instead of the end")
            command.add_argument("--to", required=True, help="folder or URL to write")
    return top


def main(given: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(given)
    try:
        run, _ = COMMANDS[arguments.command]
        sys.exit(run(config.load(arguments.config, arguments.set), arguments))
    except TrainingError as error:
        print(f"cnai-train: {error}", file=sys.stderr)
        sys.exit(2)
    except storage.failures() as error:
        said = " ".join(str(error).split())
        print(f"cnai-train: a file or its store failed ({type(error).__name__}): {said}", file=sys.stderr)
        sys.exit(2)
