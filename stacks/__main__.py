"""One environment: read what it has, build it, export what its users want to know."""

import pulumi

from cnai.environment import Environment
from cnai.errors import UserError
from cnai.platform import Platform

try:
    platform = Platform(Environment.from_stack())
except UserError as error:
    raise pulumi.RunError(str(error)) from None

for key, value in platform.exports().items():
    pulumi.export(key, value)
