"""Running the Pulumi engine: its state, its language host and plugins, and one command at a time per environment."""

from cnai.engine.errors import Busy, EngineError
from cnai.engine.events import Event
from cnai.engine.forget import forget_stack
from cnai.engine.lock import EnvironmentLock
from cnai.engine.session import Session, Summary

__all__ = ["Busy", "EngineError", "EnvironmentLock", "Event", "Session", "Summary", "forget_stack"]
