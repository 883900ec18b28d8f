"""Kubernetes quantities (`500m`, `64Gi`, `1e3`) as numbers, read as the API server reads them."""

import decimal
import re
from decimal import Decimal

from cnai.errors import UserError

_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+))"
    r"(?:[eE](?P<exponent>[+-]?0*[0-9]{1,3})|(?P<suffix>[KMGTPE]i|[numkMGTPE]))?"
)
"""An exponent of four digits is no amount of anything that a cluster has."""
_DECIMAL = {suffix: Decimal(1000) ** power for power, suffix in enumerate("num", start=-3)} | {
    suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)
}
_BINARY = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}
_FINEST = Decimal("1e-9")
_MOST_BINARY = Decimal(2**63 - 1)


def quantity(value: object) -> Decimal | None:
    """The number that a quantity stands for; None where the value is no quantity.

    As on the API server, what is finer than a billionth is rounded away from zero, and a quantity with a binary suffix
    is at most 2^63 - 1.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return None
    # Enough digits for every product to be exact, however long the number is.
    context = decimal.Context(prec=len(match[0]) + 1000)
    number, suffix = Decimal(match["number"]), match["suffix"] or ""
    number = context.scaleb(number, int(match["exponent"] or 0))
    if suffix in _BINARY:
        number = min(context.multiply(number, _BINARY[suffix]), _MOST_BINARY)
    number = context.multiply(number, _DECIMAL.get(suffix, Decimal(1)))
    coarse = context.to_integral_value(number) == number
    return number if coarse else number.quantize(_FINEST, decimal.ROUND_UP, context)


def amount(value: object) -> Decimal:
    """The number that a quantity stands for. Raises `UserError` for what is no quantity."""
    number = quantity(value)
    if number is None:
        allowed = ", ".join((*_DECIMAL, *_BINARY))
        raise UserError(
            f"{value!r} is not a Kubernetes quantity: write a number, alone, with an exponent or with {allowed}"
        )
    return number


def spelled(number: Decimal) -> str:
    """A quantity that stands for this number: without a suffix where it is whole, else in the coarsest fraction."""
    exact = decimal.Context(prec=1000)
    for suffix in ("", *reversed("num")):
        count = exact.divide(number, _DECIMAL.get(suffix, Decimal(1)))
        if count == exact.to_integral_value(count):
            return f"{int(count)}{suffix}"
    raise ValueError(f"{number} is finer than a billionth")


def canonical(milli: int) -> str:
    """So many thousandths as the API server's own clients write them: `1500m`, `96`, `2k`."""
    return f"{milli}m" if milli % 1000 else _scaled(milli // 1000, 1000, ("", *"kMGTPE"))


def canonical_binary(mib: int) -> str:
    """So many MiB as the API server's own clients write them: `1536Mi`, `230Gi`, `2Ti`."""
    return _scaled(mib, 1024, ("Mi", "Gi", "Ti", "Pi", "Ei")) if mib else "0"


def _scaled(number: int, base: int, suffixes: tuple[str, ...]) -> str:
    step = 0
    while number and number % base == 0 and step < len(suffixes) - 1:
        number, step = number // base, step + 1
    return f"{number}{suffixes[step]}"
