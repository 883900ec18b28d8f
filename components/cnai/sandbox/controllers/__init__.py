"""What attends a sandbox: the provisioner, the allocator and the real controllers, in one daemon per environment."""

from cnai.sandbox.controllers.specs import tool_names
from cnai.sandbox.controllers.state import ControllerState, states, wait_ready

__all__ = ["ControllerState", "states", "tool_names", "wait_ready"]
