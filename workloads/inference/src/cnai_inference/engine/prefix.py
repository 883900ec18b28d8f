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
    """Least recently used blocks go first, of one prompt's its last: without its beginning a block is never found.

    `limit` is in tokens.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._blocks: OrderedDict[bytes, Tensor] = OrderedDict()

    @property
    def tokens(self) -> int:
        return len(self._blocks) * BLOCK

    def load(self, cache: SlotCache, row: int, prompt: Sequence[int], adapter: str | None) -> int:
        """Fills the row with what is known of the prompt, all but its last token, and says how many tokens that is."""
        known: list[bytes] = []
        for digest in block_hashes(prompt[:-1], adapter) if self.limit else ():
            block = self._blocks.get(digest)
            if block is None:
                break
            end = (len(known) + 1) * BLOCK
            cache.reserve(end)
            cache.write(row, end - BLOCK, block)
            known.append(digest)
        self._touch(known)
        return len(known) * BLOCK

    def store(self, cache: SlotCache, row: int, tokens: Sequence[int], adapter: str | None) -> None:
        digests = list(block_hashes(tokens, adapter)) if self.limit else []
        for index, digest in enumerate(digests[: self.limit // BLOCK]):
            if digest not in self._blocks:
                self._blocks[digest] = cache.read(row, index * BLOCK, (index + 1) * BLOCK)
        self._touch(digests[: self.limit // BLOCK])
        while self.tokens > self.limit:
            self._blocks.popitem(last=False)

    def _touch(self, digests: Sequence[bytes]) -> None:
        for digest in reversed(digests):
            self._blocks.move_to_end(digest)
