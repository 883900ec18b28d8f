"""The sandbox's programs, each from the best source at hand: PATH, the cache, a release, an image, or Go modules."""

from cnai.toolchain.making import Making
from cnai.toolchain.progress import Reporter
from cnai.toolchain.resolve import ResolvedTool, ensure, missing, tool_names
from cnai.toolchain.survey import ToolStatus, survey

__all__ = ["Making", "Reporter", "ResolvedTool", "ToolStatus", "ensure", "missing", "survey", "tool_names"]
