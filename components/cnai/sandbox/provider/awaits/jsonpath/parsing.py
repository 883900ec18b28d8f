"""A JSONPath query from its text: one method for each rule of the RFC's grammar."""

import json
import re

from cnai.sandbox.provider.awaits.jsonpath.reading import Reader
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
NUMBER = re.compile(r"(?:-?0|-?[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
FUNCTION = re.compile(r"([a-z][a-z_0-9]*)\(")
OPERATOR = re.compile(r"==|!=|<=|>=|<|>")
KEYWORD = re.compile(r"(true|false|null)(?![\w])")
LITERALS = ("true", "false", "null")
"""The RFC takes them for names after a dot, the official provider does not."""


def parse(text: str) -> Query:
    """`$…`, whole; raises `JsonPathError`."""
    parser = _Parser(text)
    query = parser.query("$")
    if parser.at < len(text):
        raise parser.error("unexpected text")
    return query


class _Parser(Reader):
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
        if name is None or name in LITERALS:
            raise self.error(f"a name or `*` expected (['{name}'] for {name})" if name else "a name or `*` expected")
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

    def either(self) -> Logical:
        """As in `both`, blanks are skipped after the first part alone: the official provider skips no others."""
        parts = [self.both()]
        self.blank()
        while self.accept("||"):
            self.blank()
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def both(self) -> Logical:
        parts = [self.basic()]
        self.blank()
        while self.accept("&&"):
            self.blank()
            parts.append(self.basic())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

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
            if not (isinstance(left, Query) and left.is_singular):
                self.at = before
            return self.test(left)
        self.comparable(left)
        self.blank()
        return Comparison(left, operator, self.comparable(self.operand()))

    def group(self) -> Logical:
        self.expect("(")
        self.blank()
        inner = self.either()
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
