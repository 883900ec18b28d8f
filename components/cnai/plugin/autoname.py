"""Names for what the program left unnamed."""

import hashlib
import secrets

from cnai.plugin.errors import ProviderError

SUFFIX_LENGTH = 8
DISABLE = 2
"""`CheckRequest.AutonamingOptions.Mode.DISABLE`; the other modes give the name to use."""


def autoname(logical_name: str, seed: bytes, proposed: str = "", mode: int = 0) -> str:
    """A name for a new object: the engine's proposal, else the logical name and a suffix from the engine's seed."""
    if mode == DISABLE:
        raise ProviderError("autonaming is disabled: set `metadata.name`")
    if proposed:
        return proposed
    suffix = hashlib.sha256(seed).hexdigest() if seed else secrets.token_hex(SUFFIX_LENGTH)
    return f"{logical_name}-{suffix[:SUFFIX_LENGTH]}"
