"""What others may assume of a cluster here, before there is one."""

from cnai.clouds.azure.traits import azure_traits as traits

__all__ = ["traits"]
