"""What others may assume about a cluster here, before it exists."""

from cnai.clouds.azure.traits import azure_traits as traits

__all__ = ["traits"]
