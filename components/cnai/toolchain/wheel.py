"""kubectl, which a wheel among our own requirements brings."""

import importlib.metadata
from pathlib import Path

from cnai.errors import UserError
from cnai.toolchain.sources import kubectl_pin


def kubectl() -> Path:
    """The wheel's program; raises `UserError` where the wheel is not installed."""
    path = kubectl_in_wheel()
    if path is None:
        raise UserError(
            f"kubectl is missing: install the Python package {kubectl_pin().wheel}, or cnai with its dependencies"
        )
    return path


def kubectl_in_wheel() -> Path | None:
    try:
        files = importlib.metadata.files(kubectl_pin().wheel) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    paths = (Path(str(file.locate())).resolve() for file in files if file.name == "kubectl")
    return next((path for path in paths if path.is_file()), None)


def kubectl_version() -> str:
    return importlib.metadata.version(kubectl_pin().wheel)
