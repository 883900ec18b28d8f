"""The recording engine, as tests ask for it."""

from collections.abc import Callable

from cnai.render.recording import SECRET, Registered, record

__all__ = ["SECRET", "Declare", "Registered", "record"]

Declare = Callable[..., list[Registered]]
