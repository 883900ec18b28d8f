"""The one place that goes from a cloud's name to what talks to it, and what it may lack."""

import importlib
import importlib.util
from types import ModuleType

from cnai.errors import UserError

INSTALL = {
    "botocore": "./cnai install aws",
    "boto3": "./cnai install aws",
    "google": "uv pip install google-cloud-storage google-cloud-kms google-cloud-compute",
    "azure": "uv pip install azure-identity azure-mgmt-resource azure-mgmt-storage azure-mgmt-keyvault "
    "azure-mgmt-compute azure-keyvault-keys",
}
"""First part of a missing module's name -> what brings it."""


def adapter(cloud: str, operation: str) -> ModuleType | None:
    """`cnai.operations.<cloud>.<operation>`; None where the cloud has nothing of the kind."""
    name = f"cnai.operations.{cloud}.{operation}"
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    return importlib.import_module(name) if found else None


def library(name: str) -> ModuleType:
    """A cloud's SDK module, which not every installation has."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        how = INSTALL.get(name.split(".", 1)[0], f"uv pip install {name}")
        raise UserError(f"{name} is not installed: {how}") from error
