"""What a stack file may say of an object store in the cluster."""

from typing import Annotated

from pydantic import Field

from cnai.feature import FeatureSettings


class ObjectStoreSettings(FeatureSettings):
    """An S3 store in the cluster."""

    servers: Annotated[int, Field(strict=True, ge=1)] | None = None
    """Nodes that hold data: enough to lose one where it is left out, a single one on a disposable cluster."""
    storage_gib: Annotated[int, Field(strict=True, ge=1)] = 100
    """Volume of each server."""
