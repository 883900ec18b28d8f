"""What a program has to know to install manifests: whether it installs, and which values come only at run time."""

import json
import os
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor, get_root_directory

MARK = "cnai-known-{:03}"


def known_late(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, pulumi.Output[str]]]:
    """The values with a mark in place of each output, and the outputs by mark: kustomize runs before they are known.

    A mark stands inside a text, and so does what takes its place.
    """
    numbers, known = count(), dict[str, pulumi.Output[str]]()

    def marked(value: Any) -> Any:
        if isinstance(value, pulumi.Output):
            mark = MARK.format(next(numbers))
            known[mark] = value.apply(_text)
            return mark
        if isinstance(value, Mapping):
            return {key: marked(inner) for key, inner in value.items()}
        return [marked(inner) for inner in value] if isinstance(value, list | tuple) else value

    return {key: marked(value) for key, value in values.items()}, known


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def installs() -> bool:
    """False where the program only says what it would declare, to a test or to `cnai check`."""
    return not isinstance(get_monitor(), MockMonitor)


def seen_by_plugins(path: Path) -> str:
    """Relative, so that it is the same on every machine: the engine starts plugins where it starts the program.

    The automation API runs a program where it is, and the plugins elsewhere.
    """
    apart = installs() and not get_root_directory()
    shown = str(path) if apart else os.path.relpath(path)
    return shown if apart or shown.startswith(".") else f"./{shown}"
