"""The sandbox's programs, each from the best source at hand: PATH, the cache, its release, or its Go module."""

from cnai.sandbox.toolchain.progress import Reporter
from cnai.sandbox.toolchain.resolve import ResolvedTool, ensure, tool_names
from cnai.sandbox.toolchain.survey import ToolStatus, survey

__all__ = ["Reporter", "ResolvedTool", "ToolStatus", "ensure", "survey", "tool_names"]
