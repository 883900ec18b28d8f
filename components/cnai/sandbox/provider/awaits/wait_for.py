"""`pulumi.com/waitFor`: what a program waits for, in the official provider's syntax and with its meaning.

Upstream: `provider/pkg/metadata/overrides.go`, `pkg/jsonpath` and `pkg/await/condition` of pulumi/pulumi-kubernetes.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from cnai.sandbox.provider.awaits.jsonpath import JsonPathError, Query, parse, select
from cnai.sandbox.provider.awaits.verdicts import READY, Object, Surroundings, Verdict, waiting

ALLOWED = "jsonpath={.path}, jsonpath={.path}=value, condition=Type, condition=Type=Status, or a JSON array of these"
BRACES = re.compile(r"\{\s*(.*?)\s*\}")
EQUALS = "\N{REPLACEMENT CHARACTER}"
LARGE = 6
"""From this exponent on Go prints a float as `1e+06`."""


class WaitForError(ValueError):
    """What is wrong with an expression, in one sentence."""


@dataclass(frozen=True)
class Condition:
    """A condition of that type has that status, and is not of an older generation."""

    type: str
    status: str

    def __call__(self, obj: Object) -> Verdict:
        shown = self.type if self.status == "True" else f"{self.type}={self.status}"
        conditions = _conditions(obj)
        if not conditions:
            return waiting(f"it has no conditions yet, and waits for {shown}")
        for entry in conditions:
            if str(entry.get("type", "")).casefold() == self.type.casefold() and isinstance(entry.get("status"), str):
                return self._judged(obj, entry)
        return waiting(f"it has no condition {self.type} yet")

    def _judged(self, obj: Object, entry: Object) -> Verdict:
        wanted, seen = _generation(obj), _integer(entry, "observedGeneration")
        seen = _integer(_status(obj), "observedGeneration") if seen is None else seen
        if wanted is not None and seen is not None and seen < wanted:
            return waiting(f"its condition {self.type} is of generation {seen}, not yet of {wanted}")
        if entry["status"].casefold() == self.status.casefold():
            return READY
        words = ": ".join(str(entry[key]) for key in ("reason", "message") if entry.get(key))
        return waiting(f"its condition {self.type} is {entry['status']}, not {self.status}{words and f' ({words})'}")


@dataclass(frozen=True)
class Path:
    """A path selects something, or something of that value."""

    query: Query
    path: str
    value: str

    def __call__(self, obj: Object) -> Verdict:
        wanted, seen = _generation(obj), _integer(_status(obj), "observedGeneration")
        if wanted is not None and seen is not None and seen < wanted:
            return waiting(f"its status is of generation {seen}, not yet of {wanted}")
        found = select(self.query, obj)
        if not found:
            return waiting(f"{self.path} selects nothing yet")
        if not self.value:
            return READY
        if isinstance(found[0], dict | list):
            return waiting(f"{self.path} is no single value, and cannot be {self.value}")
        text = go_text(found[0])
        return READY if text == self.value else waiting(f"{self.path} is {text}, not {self.value}")


Expression = Condition | Path


def parsed(annotation: str) -> tuple[Expression, ...]:
    """Raises `WaitForError` where it is none of what is allowed."""
    expressions = tuple(_expression(text) for text in _texts(annotation))
    if not expressions:
        raise WaitForError(f"no expression given; give {ALLOWED}")
    return expressions


def judge(annotation: str) -> Callable[[Object, Surroundings], Verdict]:
    """Ready when every expression holds at once."""
    expressions = parsed(annotation)

    def judged(obj: Object, _: Surroundings) -> Verdict:
        verdicts = (expression(obj) for expression in expressions)
        return next((verdict for verdict in verdicts if verdict.state != "ready"), READY)

    return judged


def _texts(annotation: str) -> list[str]:
    try:
        found = json.loads(annotation)
    except ValueError:
        return [annotation]
    if found is None:
        return []
    texts = cast("list[Any]", found) if isinstance(found, list) else [None]
    return cast("list[str]", texts) if all(isinstance(text, str) for text in texts) else [annotation]


def _expression(text: str) -> Expression:
    if text.startswith("condition="):
        return _condition(text)
    if text.startswith("jsonpath="):
        return _path(text.removeprefix("jsonpath="))
    raise WaitForError(f"{text!r} is neither a path nor a condition; give {ALLOWED}")


def _condition(text: str) -> Condition:
    type_, equals, status = text.removeprefix("condition=").partition("=")
    if not type_ or (equals and not status):
        # The official provider would wait until its time is up: no condition is ever of an empty type or status.
        raise WaitForError(
            f"{text!r} names no {'status' if type_ else 'type'}: condition=Type or condition=Type=Status"
        )
    return Condition(type_, status or "True")


def _path(text: str) -> Path:
    parts = text.replace("==", EQUALS).split("=")
    path, *values = (part.replace(EQUALS, "==") for part in parts)
    if len(values) > 1:
        raise WaitForError(f"{text!r} has too many `=`: give {{.path}} or {{.path}}=value")
    if values == [""]:
        raise WaitForError(f"{path}= needs a value; without the `=`, any value will do")
    if path.startswith("'") and path.endswith("'"):
        raise WaitForError(f"{path} stands in a shell's quotes: leave them out")
    inner = BRACES.search(path)
    if inner is None:
        raise WaitForError(f"{path!r} has to stand in braces: {{.path}}")
    try:
        query = parse(inner[1] if inner[1].startswith("$") else f"${inner[1]}")
    except JsonPathError as error:
        raise WaitForError(f"{path} is no JSONPath (RFC 9535): {error}") from error
    return Path(query, path, values[0] if values else "")


def go_text(value: Any) -> str:
    """A value as Go prints it, which is what a path's value is compared with."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, float):
        return str(value)
    number = Decimal(repr(value)).normalize()
    exponent = number.adjusted()
    if -4 <= exponent < LARGE:
        return f"{number:f}"
    return f"{number.scaleb(-exponent):f}e{exponent:+03d}"


def _status(obj: Object) -> Object:
    status = obj.get("status")
    return cast("Object", status) if isinstance(status, dict) else {}


def _conditions(obj: Object) -> list[Object]:
    found = _status(obj).get("conditions")
    return [entry for entry in cast("list[Any]", found) if isinstance(entry, dict)] if isinstance(found, list) else []


def _generation(obj: Object) -> int | None:
    return _integer(obj.get("metadata") or {}, "generation")


def _integer(of: Object, key: str) -> int | None:
    found = of.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else None
