"""The engine's plugins as small executables on PATH, where the engine looks first."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from cnai.files import write_atomically

MODULES: Mapping[str, str] = {
    "pulumi-language-python": "cnai.engine.language",
    "pulumi-resource-kubernetes": "cnai.sandbox.provider",
    "pulumi-resource-aws": "cnai.sandbox.cloud aws",
    "pulumi-resource-gcp": "cnai.sandbox.cloud gcp",
    "pulumi-resource-azure-native": "cnai.sandbox.cloud azure-native",
}
"""Plugin -> its module, with the arguments it gets."""


def write_shims(folder: Path, modules: Mapping[str, str] = MODULES) -> None:
    """Makes `folder` hold exactly these plugins, each run by the Python that runs this."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in {path.name for path in folder.iterdir()} - set(modules):
        (folder / name).unlink()
    for name, module in modules.items():
        text = shim(module)
        path = folder / name
        if not path.is_file() or path.read_text("utf-8") != text:
            write_atomically(path, text, mode=0o755)


def shim(module: str) -> str:
    """`-P`: files in the working directory must not shadow a module of the plugin."""
    return f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m {module} "$@"\n'
