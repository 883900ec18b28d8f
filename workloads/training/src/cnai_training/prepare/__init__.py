"""From raw text, conversations and preferences to packed, sharded rows of tokens."""

from cnai_training.prepare.pipeline import prepare

__all__ = ["prepare"]
