"""Cloud-native AI platforms as code."""

from cnai._version import __version__

__all__ = ["__version__"]
