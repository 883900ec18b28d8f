"""Lets `pulumi.runtime.proto` load without the SDK around it: in a third of the time that `import pulumi` takes."""

import importlib.util
import sys
import types
from contextlib import suppress
from pathlib import Path


def without_sdk() -> None:
    """To be called before the first import of it; does nothing where the SDK is loaded already."""
    if "pulumi" in sys.modules:
        return
    spec = importlib.util.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the Pulumi SDK is not installed: `pip install cnai` installs it")
    folder = Path(next(iter(spec.submodule_search_locations)))
    _bare("pulumi", folder)
    _bare("pulumi.runtime", folder / "runtime")
    _bare("pulumi.runtime.proto", folder / "runtime" / "proto")


def _bare(name: str, folder: Path) -> None:
    """Puts a package in place whose `__init__` does not run."""
    package = types.ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package


def allow_deep_values() -> None:
    """Schemas of CRDs nest deeper than protobuf reads by default; the SDK does the same where it is loaded."""
    with suppress(ImportError):
        from google._upb._message import SetAllowOversizeProtos

        SetAllowOversizeProtos(True)
