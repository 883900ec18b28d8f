"""Tokens to text as they come, holding back what may yet turn out to be a stop sequence."""

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream


class TextStream:
    def __init__(self, tokenizer: Tokenizer, stop: tuple[str, ...]) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._decode = DecodeStream(skip_special_tokens=True)
        self._ids: list[int] = []
        self._decoded = 0
        self._held = ""

    def push(self, token: int) -> tuple[str, bool]:
        """Text that is certain now, and whether a stop sequence was met."""
        self._ids.append(token)
        piece = self._decode.step(self._tokenizer, token)
        return self._give(piece) if piece else ("", False)

    def finish(self) -> str:
        """The rest: bytes of a character never completed, and what was held back."""
        whole = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        text, stopped = self._give(whole[self._decoded :])
        return text if stopped else text + self._held

    def _give(self, piece: str) -> tuple[str, bool]:
        self._decoded += len(piece)
        if not self._stop:
            return piece, False
        text = self._held + piece
        met = [at for at in map(text.find, self._stop) if at >= 0]
        if met:
            self._held = ""
            return text[: min(met)], True
        keep = held_back(text, self._stop)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep], False


def held_back(text: str, stop: tuple[str, ...]) -> int:
    """How many characters at the end of `text` could begin a stop sequence."""
    longest = max(map(len, stop)) - 1
    for size in range(min(longest, len(text)), 0, -1):
        if any(sequence.startswith(text[-size:]) for sequence in stop):
            return size
    return 0
