"""Puts the provider of these tests where the engine looks for the kubernetes and aws plugins."""

import sys
from collections.abc import Mapping
from pathlib import Path

from cnai.engine.plugins import MODULES, write_shims
from cnai.files import write_atomically

PLUGIN = Path(__file__).with_name("objects_plugin.py")


def with_objects_plugin(folder: Path, modules: Mapping[str, str] = MODULES) -> None:
    write_shims(folder, {name: module for name, module in modules.items() if name.startswith("pulumi-language")})
    for package in ("kubernetes", "aws"):
        plugin = folder / f"pulumi-resource-{package}"
        write_atomically(plugin, f'#!/bin/sh\nexec {sys.executable} {PLUGIN} "$@"\n', mode=0o755)
