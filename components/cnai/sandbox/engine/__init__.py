"""Running the Pulumi engine: its state, its language host and plugins, and one command at a time per environment."""

from cnai.sandbox.engine.errors import Busy, EngineError
from cnai.sandbox.engine.events import Event
from cnai.sandbox.engine.forget import forget_stack
from cnai.sandbox.engine.lock import EnvironmentLock
from cnai.sandbox.engine.session import Session, Summary

__all__ = ["Busy", "EngineError", "EnvironmentLock", "Event", "Session", "Summary", "forget_stack"]
