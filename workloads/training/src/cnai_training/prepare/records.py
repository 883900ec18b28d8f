"""One record out of bytes; what is said of a bad one holds none of its data."""

import json
from typing import Any

Record = dict[str, Any]


def parsed(content: bytes, is_json: bool) -> Record:
    """One record; a ValueError says what is wrong without showing the content."""
    text = content.decode("utf-8-sig")
    if "\0" in text:
        raise ValueError("it holds NUL bytes: is it UTF-16 or binary?")
    record = loaded(text) if is_json else {"text": text}
    if not isinstance(record, dict):
        raise ValueError(f"an object is wanted, not {type(record).__name__}")  # noqa: TRY004  the caller's one kind
    return record


def loaded(text: str) -> Any:
    """JSON that can be written again: one bad record of a topic must not stop every later run."""
    try:
        record = json.loads(text)
        if "\\ud" in text.lower():
            json.dumps(record, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half of a character (a lone surrogate)") from None
    return record


def reason(error: ValueError) -> str:
    """Words for the error that hold none of the data."""
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg} at column {error.colno}"
    return str(error)
