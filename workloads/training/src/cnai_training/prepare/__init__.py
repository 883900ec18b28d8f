"""From raw text, conversations and preferences to packed, sharded rows of tokens; `pipeline.prepare` does it."""
