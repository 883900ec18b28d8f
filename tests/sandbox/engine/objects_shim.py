"""Puts the provider of these tests where the engine looks for the kubernetes plugin."""

import sys
from pathlib import Path

from cnai.sandbox.engine.files import write_atomically
from cnai.sandbox.engine.plugins import MODULES, write_shims

PLUGIN = Path(__file__).with_name("objects_plugin.py")


def with_objects_plugin(folder: Path) -> None:
    write_shims(folder, {"pulumi-language-python": MODULES["pulumi-language-python"]})
    plugin = folder / "pulumi-resource-kubernetes"
    write_atomically(plugin, f'#!/bin/sh\nexec {sys.executable} {PLUGIN} "$@"\n', mode=0o755)
