"""What others may assume of a cluster here, before there is one."""

from cnai.clouds.onprem.traits import onprem_traits as traits

__all__ = ["traits"]
