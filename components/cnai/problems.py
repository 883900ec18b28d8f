"""One line for each thing that is wrong with a stack file: the key's path, what was given, what is allowed."""

import difflib
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

Loc = tuple[int | str, ...]


@dataclass(frozen=True, order=True)
class Problem:
    """`path` starts below `cnai:`, such as `("pools", "h100", "min")`."""

    path: Loc
    text: str

    def line(self, prefix: str) -> str:
        shown = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return " ".join(f"{prefix}{shown.removeprefix('.')}: {self.text}".split())


def message(problems: Iterable[Problem], prefix: str = "cnai:") -> str:
    """A line for each, sorted by path; `prefix` says where the paths start."""
    return "\n".join(sorted({problem.line(prefix) for problem in problems}))


def nearest(word: object, allowed: Sequence[str]) -> str:
    """`did you mean 'x'? Allowed: …`, without the guess where nothing is near."""
    close = difflib.get_close_matches(str(word), allowed, n=1)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{guess}Allowed: {', '.join(allowed)}" if allowed else "nothing is allowed here"


def of_validation(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    return [_problem(dict(each), model) for each in error.errors(include_url=False, include_context=True)]


def _problem(error: dict[str, Any], model: type[BaseModel]) -> Problem:
    loc: Loc = tuple(part for part in error["loc"] if part != "[key]")
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return Problem(loc, f"unknown key: {nearest(loc[-1], _keys(model, loc[:-1]))}")
    if kind == "value_error":
        return Problem(loc, str(context["error"]))
    if kind == "missing":
        return Problem(loc, "required, but not given")
    text = _TEXTS.get(kind)
    return Problem(loc, text.format(**context) if text else error["msg"])


_TEXTS = {
    "bool_type": "give true or false",
    "dict_type": "give a mapping of names",
    "greater_than_equal": "give at least {ge}",
    "int_type": "give a whole number",
    "less_than_equal": "give at most {le}",
    "literal_error": "give {expected}",
    "model_type": "give a mapping",
    "model_attributes_type": "give a mapping",
    "string_type": "give text",
    "string_too_short": "give at least {min_length} character(s)",
    "too_short": "give at least {min_length}",
    "tuple_type": "give a list",
}


def _keys(model: type[BaseModel], loc: Loc) -> list[str]:
    """The keys that the mapping at `loc` may have."""
    here: Any = model
    for part in loc:
        fields = _fields(here)
        here = fields[part].annotation if isinstance(part, str) and part in fields else _element(here)
    return list(_fields(here))


def _fields(annotation: Any) -> dict[str, Any]:
    """Fields of the model in `annotation`, which may be optional or annotated."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return dict(annotation.model_fields)
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return next((found for arg in get_args(annotation) if (found := _fields(arg))), {})
    return {}


def _element(annotation: Any) -> Any:
    """What a mapping or a list holds."""
    return next((arg for arg in reversed(get_args(annotation)) if arg is not ...), None)
