"""Personal data masked in text: each find becomes its kind in brackets, and only kinds are counted."""

import re
from collections import Counter
from collections.abc import Callable

DATE = re.compile(r"\d{4}([-./ ])\d\d\1\d\d\b|\d\d([-./ ])\d\d\2\d{4}\b")


def luhn(digits: str) -> bool:
    """The check digit of payment cards."""
    total = 0
    for place, digit in enumerate(reversed([int(d) for d in digits if d.isdigit()])):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def iban(text: str) -> bool:
    """ISO 13616: moved and turned into a number, the remainder by 97 is 1."""
    compact = text.replace(" ", "").upper()
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def phone(text: str) -> bool:
    return 9 <= sum(c.isdigit() for c in text) <= 15 and not DATE.match(text)


def anything(_: str) -> bool:
    return True


KINDS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    (
        "SECRET",
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
            r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bxox[abprs]-[A-Za-z0-9-]{10,}"
            r"|\bsk-[A-Za-z0-9_-]{20,}|\bAIza[0-9A-Za-z_-]{35}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+"
            r"|(?<=://)[^\s/:@]+:[^\s/@]+(?=@)"
        ),
        anything,
    ),
    ("EMAIL", re.compile(r"\b[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})*\.[^\W\d_]{2,24}\b"), anything),
    ("IBAN", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), iban),
    ("CARD", re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])"), luhn),
    ("SSN", re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\d-])"), anything),
    (
        "IP",
        re.compile(
            r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.]*\d)"
            r"|(?<![\w:])(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}(?![\w:])"
        ),
        anything,
    ),
    (
        "PHONE",
        re.compile(
            r"(?<![\w.])(?:\+\d{8,15}"
            r"|(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)[ .-]?\d{2,4}(?:[ .-]?\d{2,4}){1,3}|\d{2,4}(?:[ .-]\d{2,4}){2,4}))"
            r"(?![\w.]*\d)"
        ),
        phone,
    ),
)


def masked(text: str, counts: Counter[str]) -> str:
    """The text with `[EMAIL]` and the like in it; `counts` grows by kind, and nothing else leaves this function."""
    for kind, pattern, is_one in KINDS:

        def replace(match: re.Match[str], kind: str = kind, is_one: Callable[[str], bool] = is_one) -> str:
            if not is_one(match.group()):
                return match.group()
            counts[kind] += 1
            return f"[{kind}]"

        text = pattern.sub(replace, text)
    return text


def found(text: str) -> set[str]:
    """The kinds of personal data that a text holds."""
    counts: Counter[str] = Counter()
    masked(text, counts)
    return set(counts)
