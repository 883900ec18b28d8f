"""The Pulumi engine's state, kept by a loopback service of our own: a journal per update, then a checkpoint."""

from cnai.engine.state.adopt import Inventory, no_inventory
from cnai.engine.state.loopback import StateService

__all__ = ["Inventory", "StateService", "no_inventory"]
