"""WHAT an environment has: the only reader of stack configuration."""

from cnai.documents import read_yaml as read_yaml
from cnai.environment.environment import Environment as Environment
from cnai.environment.policies import PoliciesSpec as PoliciesSpec
from cnai.environment.schema import stack_schema as stack_schema
from cnai.environment.schema import write_schema as write_schema
from cnai.environment.spec import PoolSpec as PoolSpec
from cnai.environment.spec import TeamSpec as TeamSpec
