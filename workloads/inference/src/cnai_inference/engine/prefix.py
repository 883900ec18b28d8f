"""Keys and values of prompts seen before, in blocks, found by a hash of everything up to the block's end."""

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence

from torch import Tensor

from cnai_inference.engine.kv import SlotCache

BLOCK = 16


def block_hashes(tokens: Sequence[int], adapter: str | None) -> Iterator[bytes]:
    """A cryptographic hash, since one user's tokens must never be taken for another's."""
    digest = (adapter or "").encode()
    for end in range(BLOCK, len(tokens) + 1, BLOCK):
        block = array("I", tokens[end - BLOCK : end]).tobytes()
        digest = hashlib.blake2b(digest + b"\0" + block, digest_size=32).digest()
        yield digest


class PrefixCache:
    """Least recently used blocks go first; `limit` tokens at most."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._blocks: OrderedDict[bytes, Tensor] = OrderedDict()

    @property
    def tokens(self) -> int:
        return len(self._blocks) * BLOCK

    def load(self, cache: SlotCache, row: int, prompt: Sequence[int], adapter: str | None) -> int:
        """Fills the row with what is known of the prompt, all but its last token, and says how many tokens that is."""
        found = 0
        for digest in block_hashes(prompt[:-1], adapter) if self.limit else ():
            block = self._blocks.get(digest)
            if block is None:
                break
            self._blocks.move_to_end(digest)
            cache.reserve(found + BLOCK)
            cache.write(row, found, block)
            found += BLOCK
        return found

    def store(self, cache: SlotCache, row: int, tokens: Sequence[int], adapter: str | None) -> None:
        for index, digest in enumerate(block_hashes(tokens, adapter) if self.limit else ()):
            if digest in self._blocks:
                self._blocks.move_to_end(digest)
            else:
                self._blocks[digest] = cache.read(row, index * BLOCK, (index + 1) * BLOCK)
        while self.tokens > self.limit:
            self._blocks.popitem(last=False)
