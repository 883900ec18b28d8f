"""The engine's protocol without the SDK around it: it loads in a third of the time that `import pulumi` takes."""

import importlib.util
import sys
import types
from pathlib import Path


def _bare(name: str, folder: Path) -> None:
    """Puts a package in place whose `__init__` does not run."""
    package = types.ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package


def _without_sdk() -> None:
    spec = importlib.util.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the Pulumi SDK is not installed: `pip install cnai` brings it")
    folder = Path(next(iter(spec.submodule_search_locations)))
    _bare("pulumi", folder)
    _bare("pulumi.runtime", folder / "runtime")
    _bare("pulumi.runtime.proto", folder / "runtime" / "proto")


if "pulumi" not in sys.modules:
    _without_sdk()

from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2  # noqa: E402

__all__ = ["language_pb2", "language_pb2_grpc", "plugin_pb2"]
