"""The text of a JSONPath query, read from left to right: blanks, tokens, numbers and quoted text."""

import json
import re

INTEGER = re.compile(r"0|-?[1-9][0-9]*")
BLANK = re.compile(r"[ \t\r\n]*")
TEXT = re.compile(
    r"'((?:[^'\\\x00-\x1f]|\\(?:[bfnrt/\\']|u[0-9A-Fa-f]{4}))*)'"
    r'|"((?:[^"\\\x00-\x1f]|\\(?:[bfnrt/\\"]|u[0-9A-Fa-f]{4}))*)"'
)
LARGEST = 2**53 - 1


class JsonPathError(ValueError):
    """What is wrong with a path, and where."""


class Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def error(self, what: str) -> JsonPathError:
        return JsonPathError(f"{what} at position {self.at + 1} of {self.text}")

    def blank(self) -> None:
        if found := BLANK.match(self.text, self.at):
            self.at = found.end()

    def accept(self, token: str) -> bool:
        """Whether the token comes next; steps over it."""
        found = self.text.startswith(token, self.at)
        self.at += len(token) if found else 0
        return found

    def expect(self, token: str) -> None:
        if not self.accept(token):
            raise self.error(f"`{token}` expected")

    def matched(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def integer(self) -> int | None:
        found = self.matched(INTEGER)
        if found is not None and abs(int(found)) > LARGEST:
            raise self.error("a smaller number expected")
        return None if found is None else int(found)

    def string(self) -> str | None:
        found = TEXT.match(self.text, self.at)
        if found is None:
            return None
        inner = found[2] if found[1] is None else found[1].replace("\\'", "'").replace('"', '\\"')
        text = str(json.loads(f'"{inner}"'))
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise self.error("half a surrogate pair")
        self.at = found.end()
        return text
