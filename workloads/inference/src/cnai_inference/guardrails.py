"""Checks before and after generation: length, blocked content, personal data. Off unless a file turns them on."""

import importlib
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cnai_inference.errors import InferenceError, Refused

WINDOW = 96
"""Characters of a stream held back, so that what spans two chunks is seen whole: the longest match sure to be found."""

PERSONAL = {
    "email": r"[\w.+-]{1,32}@[\w-]{1,24}(?:\.[\w-]{1,12}){1,3}",
    "card": r"\b(?:\d[ -]?){13,16}\b",
    "iban": r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b",
    "phone": r"(?<![\w.])\+?\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]\d{2,4}){1,4}\b",
    "ip": r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
}


class Blocked(Exception):
    """A reply met something that must not go out; what came before it may."""

    def __init__(self, before: str) -> None:
        super().__init__("blocked")
        self.before = before


class Guardrail(Protocol):
    """One check; a hook of your own is a class with these two methods."""

    def before(self, prompt: str) -> str:
        """The prompt, perhaps changed; raises Refused."""
        ...

    def after(self, text: str, last: bool) -> str:
        """A piece of a reply, perhaps changed; raises Blocked. Unless `last`, more comes, and the end is seen again."""
        ...


@dataclass(frozen=True)
class PromptLength:
    limit: int

    def before(self, prompt: str) -> str:
        if len(prompt) > self.limit:
            raise Refused(f"the prompt has {len(prompt)} characters, and {self.limit} are allowed", param="messages")
        return prompt

    def after(self, text: str, last: bool) -> str:
        return text


class BlockedContent:
    def __init__(self, patterns: Sequence[str]) -> None:
        self._pattern = re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)

    def before(self, prompt: str) -> str:
        if self._pattern.search(prompt):
            raise Refused("the prompt asks for content that this server does not allow", param="messages")
        return prompt

    def after(self, text: str, last: bool) -> str:
        met = self._pattern.search(text)
        if met:
            raise Blocked(text[: met.start()])
        return text


class PersonalData:
    def __init__(self, kinds: Sequence[str], *, in_prompt: bool = False) -> None:
        self._pattern = re.compile("|".join(f"(?P<{kind}>{PERSONAL[kind]})" for kind in kinds))
        self._in_prompt = in_prompt

    def before(self, prompt: str) -> str:
        return self.after(prompt, True) if self._in_prompt else prompt

    def after(self, text: str, last: bool) -> str:
        def masked(met: re.Match[str]) -> str:
            # A match that begins late may still grow: it stays in what is held back until it cannot.
            return f"[{met.lastgroup}]" if last or met.start() <= len(text) - WINDOW else met.group()

        return self._pattern.sub(masked, text)


class ReplyFilter:
    """One reply's way through the checks, chunk by chunk."""

    def __init__(self, checks: Sequence[Callable[[str, bool], str]]) -> None:
        self._checks = checks
        self._held = ""
        self.blocked = False

    def push(self, text: str, *, last: bool = False) -> str:
        """Text that may go out now; after `blocked` is true, nothing more comes."""
        if not self._checks:
            return text
        if self.blocked:
            return ""
        self._held += text
        try:
            for check in self._checks:
                self._held = check(self._held, last)
        except Blocked as met:
            self.blocked = True
            return met.before
        cut = len(self._held) if last else between_words(self._held, max(0, len(self._held) - WINDOW))
        ready, self._held = self._held[:cut], self._held[cut:]
        return ready


def between_words(text: str, at: int) -> int:
    """`at`, or shortly before: what is seen again must not begin within a word, where it would look like another."""
    for cut in range(at, max(0, at - WINDOW), -1):
        if not (text[cut - 1].isalnum() or text[cut - 1] in "_.+-@"):
            return cut
    return 0 if at <= WINDOW else at


class Guardrails:
    def __init__(self, rails: Sequence[Guardrail] = ()) -> None:
        self._rails = rails

    @property
    def on(self) -> bool:
        return bool(self._rails)

    def before(self, prompt: str) -> str:
        for rail in self._rails:
            prompt = rail.before(prompt)
        return prompt

    def reply(self) -> ReplyFilter:
        return ReplyFilter([rail.after for rail in self._rails])


def from_file(path: str) -> Guardrails:
    """Sections `length`, `blocked`, `personal_data`; `hooks` names classes as module:Class."""
    if not path:
        return Guardrails()
    try:
        return Guardrails(rails_from(tomllib.loads(Path(path).read_text(encoding="utf-8"))))
    except (OSError, tomllib.TOMLDecodeError, re.error, KeyError, TypeError) as error:
        raise InferenceError(f"the guardrails in {path} cannot be used: {error}") from error


def rails_from(config: dict[str, Any]) -> list[Guardrail]:
    rails: list[Guardrail] = []
    if "length" in config:
        rails.append(PromptLength(int(config["length"]["prompt_characters"])))
    if "blocked" in config:
        rails.append(BlockedContent(config["blocked"]["patterns"]))
    if "personal_data" in config:
        section = config["personal_data"]
        rails.append(PersonalData(section.get("kinds", list(PERSONAL)), in_prompt=section.get("prompts", False)))
    for name in config.get("hooks", ()):
        module, _, attribute = name.partition(":")
        rails.append(getattr(importlib.import_module(module), attribute)())
    return rails
