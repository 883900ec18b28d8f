"""Where a cluster runs: one protocol, a module per cloud, and the traits that everyone else reads."""

from cnai.clouds.traits import ClusterTraits as ClusterTraits
