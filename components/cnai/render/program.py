"""What an environment declares: a recording run of the project's own program, without engine, cluster or network."""

import json
import runpy
import sys
from collections.abc import Generator, Mapping
from contextlib import chdir, contextmanager, redirect_stdout
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.runtime.config import set_all_config

from cnai.environment import read_yaml
from cnai.errors import UserError
from cnai.render.recording import SECRET, Registered, leaves, record


def declared(project: Path, env: str, config: Mapping[str, Any]) -> list[Registered]:
    """`config` is the stack file's own; what it has encrypted reaches the program as a placeholder, marked secret.

    Raises `UserError` with the program's own words where it refuses, and where it fails.
    """
    name, main = _program(project)
    texts, secrets = as_engine(config)
    set_all_config(texts, secrets)
    try:
        with _quiet(), chdir(main), _path_kept():
            program = partial(runpy.run_path, str(main), run_name="__main__")
            return record(program, name, env, preview=True, reads=leaves)
    except UserError:
        raise
    except pulumi.RunError as error:
        raise UserError(str(error)) from None
    except Exception as error:
        said = " ".join(str(error).split())
        raise UserError(f"the program in {main} failed for {env} with {type(error).__name__}: {said}") from error


def as_engine(config: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Keys with their values as text, structured ones in JSON, as the engine hands them over; and which are secret."""
    plain = {str(key): _decrypted(value) for key, value in config.items()}
    secrets = [key for key, value in config.items() if _holds_secret(value)]
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in plain.items()}, secrets


def _holds_secret(value: Any) -> bool:
    if isinstance(value, dict):
        inside = cast("dict[str, Any]", value)
        return set(inside) == {"secure"} or any(map(_holds_secret, inside.values()))
    return isinstance(value, list) and any(map(_holds_secret, cast("list[Any]", value)))


def _decrypted(value: Any) -> Any:
    if isinstance(value, dict):
        inside = cast("dict[str, Any]", value)
        if set(inside) == {"secure"}:
            return SECRET
        return {key: _decrypted(each) for key, each in inside.items()}
    if isinstance(value, list):
        return [_decrypted(each) for each in cast("list[Any]", value)]
    # YAML parses days as dates; the engine passes text.
    return value.isoformat() if isinstance(value, date) else value


def _program(project: Path) -> tuple[str, Path]:
    file = project / "Pulumi.yaml"
    given = read_yaml(file.read_text(encoding="utf-8"), str(file)) or {}
    runtime = given.get("runtime")
    language = runtime.get("name") if isinstance(runtime, dict) else runtime
    if language != "python":
        raise UserError(f"{file}: only Python programs can be rendered, not runtime {language!r}")
    return str(given.get("name", project.name)), project / str(given.get("main") or ".")


@contextmanager
def _quiet() -> Generator[None]:
    """The program's own output must not end up in the result on standard output."""
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def _path_kept() -> Generator[None]:
    before = list(sys.path)
    try:
        yield
    finally:
        sys.path[:] = before
