"""The server's settings, by flag or by environment variable."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from cnai_inference.errors import InferenceError

ENGINES = ("auto", "batching", "vllm")
HELP = {
    "model": "directory, pvc://claim/path, hf://owner/name[@revision], or an fsspec URL such as s3://bucket/path",
    "name": "name in the API; the last part of the model's address where left out",
    "adapters": "LoRA adapters by model name: name=address, separated by commas",
    "engine": "batching (CPU), vllm (GPU), or auto: vllm where it is installed and a GPU is there",
    "int8": "int8 weights on the CPU: a quarter of the memory, slightly other output",
    "host": "address to listen on",
    "rows": "requests that run at once",
    "waiting": "requests that may wait; one more gets 429",
    "max_model_len": "prompt and output together, in tokens; 0: the model's own",
    "prefill_tokens": "prompt tokens per step",
    "prefix_tokens": "tokens in the prefix cache; 0 turns it off",
    "threads": "threads for tensor operations; 0: OMP_NUM_THREADS, or all cores",
    "request_timeout_s": "longest time from arrival to the last token",
    "stall_s": "longest time that a client may leave its stream unread, or its request unfinished",
    "body_kib": "largest request body",
    "drain_delay_s": "after SIGTERM, how long new requests are still taken: routers need time to look elsewhere",
    "grace_s": "after that, how long running requests may go on",
    "guardrails": "TOML file; none: no checks",
    "log_content": "put prompts and replies into logs and traces",
    "require_checksums": "refuse models without SHA256SUMS",
    "cache": "where models from elsewhere are kept",
}


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    model: str
    name: str = ""
    adapters: str = ""
    engine: str = "auto"
    int8: bool = False
    host: str = "127.0.0.1"
    port: int = 8080
    rows: int = 16
    waiting: int = 64
    max_model_len: int = 0
    prefill_tokens: int = 512
    prefix_tokens: int = 16384
    threads: int = 0
    request_timeout_s: float = 300.0
    stall_s: float = 30.0
    body_kib: int = 1024
    drain_delay_s: float = 5.0
    grace_s: float = 60.0
    guardrails: str = ""
    log_content: bool = False
    require_checksums: bool = False
    cache: str = ""

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise InferenceError(f"engine is {self.engine!r}: give one of {', '.join(ENGINES)}")
        for name in ("rows", "prefill_tokens", "body_kib"):
            if getattr(self, name) < 1:
                raise InferenceError(f"{name} is {getattr(self, name)}: give at least 1")
        for name in ("waiting", "max_model_len", "prefix_tokens", "drain_delay_s", "grace_s"):
            if getattr(self, name) < 0:
                raise InferenceError(f"{name} is {getattr(self, name)}: give 0 or more")
        for name in ("request_timeout_s", "stall_s"):
            if getattr(self, name) <= 0:
                raise InferenceError(f"{name} is {getattr(self, name)}: give more than 0")

    @property
    def served_name(self) -> str:
        return self.name or self.model.rstrip("/").rpartition("/")[2].partition("@")[0]

    @property
    def adapter_sources(self) -> dict[str, str]:
        named = {}
        for part in filter(None, self.adapters.split(",")):
            name, separator, source = part.partition("=")
            if not separator or not name or not source:
                raise InferenceError(f"adapters has {part!r}: write name=address, separated by commas")
            named[name.strip()] = source.strip()
        return named

    @property
    def cache_dir(self) -> Path:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        return Path(self.cache or Path(home) / "cnai" / "models")


def add_options(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """Every field as a flag; `CNAI_SERVE_<FIELD>` gives its default."""
    for field in fields(ServeOptions):
        flag, variable = f"--{field.name.replace('_', '-')}", f"CNAI_SERVE_{field.name.upper()}"
        given = environment.get(variable)
        text = f"{HELP.get(field.name, field.name)} ({variable})"
        if field.type is bool:
            on = given is not None and given.lower() in ("1", "true", "yes", "on")
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=on, help=text)
        elif field.name == "model":
            parser.add_argument(flag, default=given, required=given is None, help=text)
        else:
            # A string default goes through `type` too, so a bad variable is refused like a bad flag.
            default = field.default if given is None else given
            parser.add_argument(flag, type=field.type, default=default, help=text)


def options_from(arguments: argparse.Namespace) -> ServeOptions:
    return ServeOptions(**{field.name: getattr(arguments, field.name) for field in fields(ServeOptions)})


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> ServeOptions:
    parser = argparse.ArgumentParser("cnai-serve")
    add_options(parser, environment)
    return options_from(parser.parse_args(arguments))
