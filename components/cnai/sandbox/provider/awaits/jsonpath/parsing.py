"""A JSONPath query from its text: one method for each rule of the RFC's grammar."""

import json
import re

from cnai.sandbox.provider.awaits.jsonpath.syntax import (
    FUNCTIONS,
    And,
    Call,
    Comparison,
    Filter,
    Holds,
    Index,
    Kind,
    Logical,
    Name,
    Not,
    Operand,
    Or,
    Query,
    Segment,
    Selector,
    Slice,
    Value,
    Wildcard,
)

SHORTHAND = re.compile(r"[A-Za-z_\u0080-\U0010ffff][\w\u0080-\U0010ffff]*", re.ASCII)
INTEGER = re.compile(r"0|-?[1-9][0-9]*")
NUMBER = re.compile(r"(?:-?0|-?[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
FUNCTION = re.compile(r"([a-z][a-z_0-9]*)\(")
OPERATOR = re.compile(r"==|!=|<=|>=|<|>")
KEYWORD = re.compile(r"(true|false|null)(?![\w])")
BLANK = re.compile(r"[ \t\r\n]*")
TEXT = re.compile(
    r"'((?:[^'\\\x00-\x1f]|\\(?:[bfnrt/\\']|u[0-9A-Fa-f]{4}))*)'"
    r'|"((?:[^"\\\x00-\x1f]|\\(?:[bfnrt/\\"]|u[0-9A-Fa-f]{4}))*)"'
)
LARGEST = 2**53 - 1


class JsonPathError(ValueError):
    """What is wrong with a path, and where."""


def parse(text: str) -> Query:
    """`$…`, whole; raises `JsonPathError`."""
    parser = _Parser(text)
    query = parser.query("$")
    if parser.at < len(text):
        raise parser.error("unexpected text")
    return query


class _Parser:
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

    def query(self, start: str) -> Query:
        self.expect(start)
        segments: list[Segment] = []
        while True:
            before = self.at
            self.blank()
            segment = self.segment()
            if segment is None:
                self.at = before
                return Query(start == "$", tuple(segments))
            segments.append(segment)

    def segment(self) -> Segment | None:
        if self.accept(".."):
            return Segment(self.bracketed() or (self.shorthand(),), descendant=True)
        if self.accept("."):
            return Segment((self.shorthand(),))
        selectors = self.bracketed()
        return Segment(selectors) if selectors else None

    def shorthand(self) -> Name | Wildcard:
        if self.accept("*"):
            return Wildcard()
        name = self.matched(SHORTHAND)
        if name is None:
            raise self.error("a name or `*` expected")
        return Name(name)

    def bracketed(self) -> tuple[Selector, ...]:
        """What stands in brackets; nothing where none comes next."""
        if not self.accept("["):
            return ()
        selectors: list[Selector] = []
        while True:
            self.blank()
            selectors.append(self.selector())
            self.blank()
            if not self.accept(","):
                self.expect("]")
                return tuple(selectors)

    def selector(self) -> Selector:
        if self.accept("*"):
            return Wildcard()
        if self.accept("?"):
            self.blank()
            return Filter(self.either())
        text = self.string()
        return Name(text) if text is not None else self.index_or_slice()

    def index_or_slice(self) -> Index | Slice:
        start = self.integer()
        before = self.at
        self.blank()
        if not self.accept(":"):
            self.at = before
            if start is None:
                raise self.error("a selector expected: a quoted name, an index, a slice, `*` or `?`")
            return Index(start)
        self.blank()
        stop, step = self.integer(), None
        self.blank()
        if self.accept(":"):
            self.blank()
            step = self.integer()
        return Slice(start, stop, step)

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

    def either(self) -> Logical:
        parts = [self.both()]
        while self.after_blank("||"):
            self.blank()
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def both(self) -> Logical:
        parts = [self.basic()]
        while self.after_blank("&&"):
            self.blank()
            parts.append(self.basic())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def after_blank(self, token: str) -> bool:
        before = self.at
        self.blank()
        if self.accept(token):
            return True
        self.at = before
        return False

    def basic(self) -> Logical:
        if self.accept("!"):
            self.blank()
            return Not(self.group() if self.text.startswith("(", self.at) else self.test(self.operand()))
        if self.text.startswith("(", self.at):
            return self.group()
        left = self.operand()
        before = self.at
        self.blank()
        operator = self.matched(OPERATOR)
        if operator is None:
            self.at = before
            return self.test(left)
        self.comparable(left)
        self.blank()
        return Comparison(left, operator, self.comparable(self.operand()))

    def group(self) -> Logical:
        self.expect("(")
        self.blank()
        inner = self.either()
        self.blank()
        self.expect(")")
        return inner

    def operand(self) -> Operand:
        if self.text.startswith(("$", "@"), self.at):
            return self.query(self.text[self.at])
        if (text := self.string()) is not None:
            return Value(text)
        if (number := self.matched(NUMBER)) is not None:
            return Value(json.loads(number))
        if (word := self.matched(KEYWORD)) is not None:
            return Value(json.loads(word))
        return self.call()

    def call(self) -> Call:
        found = FUNCTION.match(self.text, self.at)
        if found is None or found[1] not in FUNCTIONS:
            raise self.error(f"a path, a value or a function ({', '.join(FUNCTIONS)}) expected")
        self.at = found.end()
        wanted, _ = FUNCTIONS[found[1]]
        arguments: list[Operand] = []
        for position, kind in enumerate(wanted):
            if position:
                self.blank()
                self.expect(",")
            self.blank()
            arguments.append(self.argument(kind))
        self.blank()
        self.expect(")")
        return Call(found[1], tuple(arguments))

    def argument(self, kind: Kind) -> Operand:
        operand = self.operand()
        if kind == "value":
            return self.comparable(operand)
        if not isinstance(operand, Query):
            raise self.error("a path expected before it")
        return operand

    def comparable(self, operand: Operand) -> Operand:
        """What can be compared: one value."""
        if isinstance(operand, Query) and not operand.is_singular:
            raise self.error("a path that selects one value at most expected before it")
        if isinstance(operand, Call) and FUNCTIONS[operand.function][1] != "value":
            raise self.error(f"{operand.function}() gives nothing that can be compared:")
        return operand

    def test(self, operand: Operand) -> Holds:
        """What can stand alone: a path, or a function that says yes or no."""
        if isinstance(operand, Value) or (isinstance(operand, Call) and FUNCTIONS[operand.function][1] == "value"):
            raise self.error("a comparison expected")
        return Holds(operand)
