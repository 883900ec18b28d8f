"""Where a cluster runs: one protocol, a module per cloud, and the traits that everyone else reads."""

from cnai.clouds.machines import Machine as Machine
from cnai.clouds.machines import PoolError as PoolError
from cnai.clouds.machines import machines as machines
from cnai.clouds.machines import plan as plan
from cnai.clouds.pools import PoolPlan as PoolPlan
from cnai.clouds.traits import ClusterTraits as ClusterTraits
