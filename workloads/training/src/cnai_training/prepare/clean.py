"""Text made regular, and the reasons why a text is not worth training on."""

import re
import unicodedata
from collections import Counter

import py3langid

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
SURE_CHARACTERS = 60
"""A language is guessed wrongly too often in less."""


def cleaned(text: str) -> str:
    """NFC, no control or direction characters, no spaces at line ends, no more than one empty line."""
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    text = CONTROL.sub("", text)
    text = re.sub(r"[^\S\n]+", " ", text)
    text = re.sub(r" *\n *", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def poor_quality(text: str, minimum_words: int) -> str | None:
    """Why a text is left out (the rules that Gopher's authors used, Rae et al. 2021, A1.1), or nothing."""
    words = text.split()
    if len(words) < minimum_words:
        return "too_short"
    if not 2 <= sum(map(len, words)) / len(words) <= 12:
        return "word_length"
    if sum(any(c.isalpha() for c in word) for word in words) < 0.7 * len(words):
        return "few_letters"
    if sum(text.count(mark) for mark in ("#", "...", "\N{HORIZONTAL ELLIPSIS}")) > 0.1 * len(words):
        return "symbols"
    return "repetition" if repetitive(text, words) else None


def repetitive(text: str, words: list[str]) -> bool:
    lines = [line for line in text.split("\n") if line]
    if len(lines) > 3 and len(set(lines)) < 0.7 * len(lines):
        return True
    if len(words) < 20:
        return False
    (_, times), *_ = Counter(zip(words, words[1:], words[2:], strict=False)).most_common(1)
    return times * 3 > 0.3 * len(words)


def other_language(text: str, languages: list[str]) -> bool:
    """True where the text is long enough to tell, and is in none of the languages."""
    return bool(languages) and len(text) >= SURE_CHARACTERS and py3langid.classify(text)[0] not in languages
