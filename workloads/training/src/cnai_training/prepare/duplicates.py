"""Copies left out: exact ones by digest, near ones by MinHash."""

import hashlib
import re

from datasketch import MinHash, MinHashLSH

PERMUTATIONS = 128
SHINGLE_WORDS = 3


class Seen:
    """What went by so far; the first of each kind stays. About 2 KiB of memory a text, 64 bytes for exact ones."""

    def __init__(self, threshold: float) -> None:
        self._digests: set[bytes] = set()
        self._near = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS) if threshold else None

    def before(self, text: str) -> str | None:
        """`exact` or `near` where the text is a copy, else nothing, and the text is remembered."""
        words = re.findall(r"\w+", text.lower())
        digest = hashlib.blake2b(" ".join(words).encode(), digest_size=16).digest()
        if digest in self._digests:
            return "exact"
        if self._near is not None:
            sketch = sketched(words)
            if self._near.query(sketch):
                return "near"
            self._near.insert(digest, sketch)
        self._digests.add(digest)
        return None


def sketched(words: list[str]) -> MinHash:
    shingles = {
        " ".join(words[start : start + SHINGLE_WORDS]) for start in range(max(1, len(words) - SHINGLE_WORDS + 1))
    }
    sketch = MinHash(num_perm=PERMUTATIONS, seed=1)
    sketch.update_batch([shingle.encode() for shingle in sorted(shingles)])
    return sketch
