"""What a run is made of: one TOML file, the same keys on a laptop and on a cluster."""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cnai_training.errors import TrainingError


@dataclass(frozen=True, kw_only=True)
class Prepare:
    text: list[str] = field(default_factory=list)
    """Where plain text comes from: files, globs, `s3://…`, `dataset:NAME?…`, `kafka://BROKERS/TOPIC?…`."""
    chat: list[str] = field(default_factory=list)
    """Where conversations come from: JSON lines with `messages`."""
    preferences: list[str] = field(default_factory=list)
    """Where preferences come from: JSON lines with `prompt`, `chosen`, `rejected`."""
    tokenizer: str = ""
    """A folder with a tokenizer to use; empty trains one on this data."""
    vocab_size: int = 2048
    context: int = 256
    """Tokens a row predicts."""
    languages: list[str] = field(default_factory=lambda: ["en"])
    """ISO 639-1 codes to keep; empty keeps all."""
    minimum_words: int = 5
    near_duplicate: float = 0.8
    """Estimated Jaccard similarity from which a text counts as a copy; 0 looks for exact copies only."""
    validation_permille: int = 50
    """Documents in a thousand that are held out."""
    rows_per_shard: int = 65536
    bad_records: Literal["fail", "skip"] = "fail"
    """What a record does that is not UTF-8 or not JSON; a stream always skips it, and counts it."""
    part: str = "0/1"
    """This worker's share of the text and chat files, `index/count`; preferences and the tokenizer are part 0's."""


@dataclass(frozen=True, kw_only=True)
class Model:
    hidden_size: int = 256
    intermediate_size: int = 0
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5
    tie_embeddings: bool = False


@dataclass(frozen=True, kw_only=True)
class Parallel:
    data: Literal["ddp", "fsdp"] = "ddp"
    """What the ranks left over by `tensor` and `pipeline` do: hold the model each, or a shard of it."""
    tensor: int = 1
    """Ranks that share each layer's matrices, and the sequence between them."""
    pipeline: int = 1
    """Ranks that hold consecutive layers."""
    schedule: Literal["gpipe", "1f1b"] = "1f1b"


@dataclass(frozen=True, kw_only=True)
class Loop:
    steps: int = 100
    global_batch: int = 16
    """Rows in a step over all ranks: it does not change with the number of workers."""
    micro_batch: int = 8
    """Most rows in one forward pass of a rank."""
    learning_rate: float = 1e-3
    final_rate: float = 0.1
    """Share of the learning rate where the cosine ends."""
    warmup_steps: int = 10
    weight_decay: float = 0.1
    beta2: float = 0.95
    clip: float = 1.0
    """Largest gradient norm; 0 does not clip."""
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False
    seed: int = 1
    log_every: int = 1
    evaluate_every: int = 0
    """Steps between held-out losses; 0 leaves them to the end."""
    evaluate_rows: int = 64
    checkpoint_every: int = 50
    keep: int = 3
    """Checkpoints to keep."""
    asynchronous: bool = True
    """Write checkpoints while training goes on."""


@dataclass(frozen=True, kw_only=True)
class Finetune(Loop):
    base: str = ""
    """A model folder to start from; empty takes what `train` wrote."""
    lora_rank: int = 0
    """Rank of the adapters; 0 trains all parameters."""
    lora_alpha: float = 16.0
    lora_dropout: float = 0.0
    lora_targets: list[str] = field(default_factory=lambda: ["q_proj", "k_proj", "v_proj", "o_proj"])


@dataclass(frozen=True, kw_only=True)
class Align(Finetune):
    beta: float = 0.1
    """How strongly the model is held to where it started (DPO)."""


@dataclass(frozen=True, kw_only=True)
class Metrics:
    prometheus_port: int = 0
    """Port that rank 0 answers scrapes on; 0 opens none. OTLP follows `OTEL_EXPORTER_OTLP_ENDPOINT`."""
    prometheus_address: str = "127.0.0.1"
    peak_tflops: float = 0.0
    """What one device can do at this precision, for the MFU; 0 looks the GPU up, and leaves MFU out on others."""


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    model: str = ""
    """A model folder; empty takes the last step's that there is."""
    tasks: list[str] = field(default_factory=lambda: ["cnai_dialogue"])
    """Tasks of lm-eval, `cnai_dialogue` or its own (its own fetch their data); empty leaves them out."""
    questions: str = ""
    """JSON lines with `question`, `choices` and `answer`, for `cnai_dialogue`."""
    task_limit: int = 0
    """Most examples of each task; 0 takes all."""
    safety: str = ""
    """JSON lines with `prompt`, a `kind` (refusal, leak, answer) and texts `forbidden` in a reply; empty skips it."""
    max_new_tokens: int = 48
    perplexity_max: float = 0.0
    """Highest perplexity that passes; 0 does not judge. So with the others."""
    task_accuracy_min: float = 0.0
    refusal_rate_min: float = 0.0
    over_refusal_rate_max: float = 1.0
    """Most of the harmless prompts (`answer`) that may be refused."""
    leak_rate_max: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Config:
    run: str = "runs/laptop"
    """Folder or URL that everything is written under."""
    prepare: Prepare = field(default_factory=Prepare)
    model: Model = field(default_factory=Model)
    parallel: Parallel = field(default_factory=Parallel)
    train: Loop = field(default_factory=Loop)
    finetune: Finetune = field(default_factory=Finetune)
    align: Align = field(default_factory=Align)
    metrics: Metrics = field(default_factory=Metrics)
    evaluate: Evaluate = field(default_factory=Evaluate)


def load(path: str | None, overrides: Sequence[str] = ()) -> Config:
    """The file's values, then each `section.key=value` over them."""
    values: dict[str, Any] = {}
    if path:
        try:
            values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise TrainingError(f"{path} cannot be read as TOML: {error}") from None
    for override in overrides:
        set_override(values, override)
    return build(Config, values, "")


def set_override(values: dict[str, Any], override: str) -> None:
    key, given, text = override.partition("=")
    if not given:
        raise TrainingError(f"--set {override}: write it as section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word: --set finetune.base=runs/laptop/train/model
    *sections, last = key.split(".")
    for section in sections:
        values = values.setdefault(section, {})
    values[last] = value


def build(cls: type[Any], values: Mapping[str, Any], where: str) -> Any:
    """A dataclass from a table, with every key known and every value of the field's type."""
    if not isinstance(values, Mapping):
        raise TrainingError(f"{where.rstrip('.')} is {values!r}; give a table")
    hints = typing.get_type_hints(cls)
    if unknown := sorted(set(values) - set(hints)):
        raise TrainingError(f"{where}{unknown[0]} is not a setting; known here: {', '.join(sorted(hints))}")
    given = {name: convert(hints[name], value, where + name) for name, value in values.items()}
    made = cls(**given)
    check(made, where)
    return made


def convert(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return build(hint, value, where + ".")  # type: ignore[arg-type]
    if typing.get_origin(hint) is Literal:
        allowed = typing.get_args(hint)
        if value not in allowed:
            raise TrainingError(f"{where} is {value!r}; allowed: {', '.join(map(repr, allowed))}")
        return value
    if isinstance(hint, types.GenericAlias):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise TrainingError(f"{where} is {value!r}; give a list of strings")
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise TrainingError(f"{where} is {value!r}; give a value of type {hint.__name__}")
    return value


AT_LEAST_ONE = {
    "steps", "global_batch", "micro_batch", "keep", "log_every", "tensor", "pipeline", "rows_per_shard", "context",
    "checkpoint_every", "max_new_tokens",
}  # fmt: skip


def check(made: Any, where: str) -> None:
    for item in dataclasses.fields(made):
        value = getattr(made, item.name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            least = 1 if item.name in AT_LEAST_ONE else 0
            if not value >= least:
                raise TrainingError(f"{where}{item.name} is {value}; give at least {least}")
