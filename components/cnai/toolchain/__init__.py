"""The sandbox's programs, each from the best source at hand: PATH, the cache, its release, or its Go module."""

from cnai.toolchain.progress import Reporter
from cnai.toolchain.resolve import ResolvedTool, ensure, tool_names
from cnai.toolchain.survey import ToolStatus, survey

__all__ = ["Reporter", "ResolvedTool", "ToolStatus", "ensure", "survey", "tool_names"]
