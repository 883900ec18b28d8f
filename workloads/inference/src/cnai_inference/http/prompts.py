"""From messages or text to token ids, and from token ids to what log probabilities show."""

from collections.abc import Sequence

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from cnai_inference.errors import RequestError


def byte_alphabet() -> dict[str, int]:
    """The characters that byte-level BPE writes for bytes: printable ones stand for themselves, the rest follow 256."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    return table | {chr(256 + index): byte for index, byte in enumerate(others)}


class Prompts:
    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._template = tokenizer
        self.backend: Tokenizer = tokenizer.backend_tokenizer
        self.vocabulary = len(tokenizer)
        self._special = set(tokenizer.all_special_tokens)
        self._bytes = byte_alphabet() if "ByteLevel" in str(self.backend.decoder) else {}

    def chat(self, messages: Sequence[dict[str, str]]) -> str:
        if not self._template.chat_template:
            raise RequestError("this model has no chat template: use /v1/completions", param="messages")
        try:
            return str(self._template.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True))
        # jinja2 reports what a template refuses (an order of roles, say) as its own errors.
        except Exception as error:
            if type(error).__module__.startswith("jinja2"):
                raise RequestError(f"the chat template refuses these messages: {error}", param="messages") from error
            raise

    def encode(self, text: str, *, special: bool) -> tuple[int, ...]:
        return tuple(self.backend.encode(text, add_special_tokens=special).ids)

    def decode(self, ids: Sequence[int]) -> str:
        return self.backend.decode(list(ids), skip_special_tokens=False)

    def checked(self, ids: Sequence[int]) -> tuple[int, ...]:
        if any(not 0 <= token < self.vocabulary for token in ids):
            raise RequestError(f"prompt has a token outside 0 to {self.vocabulary - 1}", param="prompt")
        return tuple(ids)

    def special(self, token_id: int) -> bool:
        return self.backend.id_to_token(token_id) in self._special

    def token(self, token_id: int) -> tuple[str, list[int]]:
        """A token's text and bytes; the text of a part of a character is the replacement character."""
        piece = self.backend.id_to_token(token_id) or ""
        if piece in self._special or not self._bytes:
            text = piece if piece in self._special else self.backend.decode([token_id], skip_special_tokens=False)
            return text, list(text.encode())
        raw = bytes(self._bytes[character] for character in piece if character in self._bytes)
        return raw.decode(errors="replace"), list(raw)
