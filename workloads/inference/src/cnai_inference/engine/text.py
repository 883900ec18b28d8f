"""Tokens to text as they come, holding back what may yet turn out to be a stop sequence."""

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

PENDING = 8
"""Tokens without a whole character that are waited for; a character has four bytes, and each wait decodes them all."""


class TextStream:
    def __init__(self, tokenizer: Tokenizer, stop: tuple[str, ...]) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._decode = DecodeStream(skip_special_tokens=True)
        self._pending: list[int] = []
        self._begun = False
        self._held = ""

    def push(self, token: int) -> tuple[str, bool]:
        """Text that is certain now, and whether a stop sequence was met."""
        self._pending.append(token)
        try:
            piece = self._decode.step(self._tokenizer, token)
        # Its only kind: a stray byte makes SentencePiece's decoders take back the characters right before it.
        except Exception:  # noqa: BLE001
            piece = self._given_up()
        if piece:
            self._begun = True
            self._pending.clear()
        elif len(self._pending) > PENDING:
            piece = self._given_up()
        return self._give(piece) if piece else ("", False)

    def finish(self) -> tuple[str, bool]:
        """The rest: bytes of a character never completed, and what was held back; whether a stop sequence is in it."""
        text, stopped = self._give(self._rest())
        return (text, True) if stopped else (text + self._held, False)

    def _given_up(self) -> str:
        rest = self._rest()
        self._decode = DecodeStream(ids=self._before(), skip_special_tokens=True)
        return rest

    def _rest(self) -> str:
        before = self._before()
        rest = self._text([*before, *self._pending])[len(self._text(before)) :]
        self._begun |= bool(rest)
        self._pending.clear()
        return rest

    def _before(self) -> list[int]:
        """Stands for the text so far: some decoders drop the space that a first token begins with."""
        return self._tokenizer.encode("a", add_special_tokens=False).ids if self._begun else []

    def _text(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=True)

    def _give(self, piece: str) -> tuple[str, bool]:
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
