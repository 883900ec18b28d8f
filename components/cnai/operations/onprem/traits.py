"""What others may assume about a cluster here, before it exists."""

from cnai.clouds.onprem.traits import onprem_traits as traits

__all__ = ["traits"]
