"""Quantities mean here what they mean to the API server."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from lightkube.utils.quantity import parse_quantity

from cnai.errors import UserError
from cnai.quantities import amount, quantity, spelled

POWERS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
DIGITS = st.text("0123456789", min_size=1, max_size=12)
SIGNS = st.sampled_from(["", "+", "-"])
NUMBERS = st.builds("{}{}".format, DIGITS, st.one_of(st.just(""), st.just("."), DIGITS.map(".{}".format)))


@given(SIGNS, DIGITS, st.sampled_from(sorted(POWERS)))
def test_a_decimal_suffix_is_a_power_of_a_thousand(sign: str, digits: str, suffix: str):
    assert Fraction(amount(sign + digits + suffix)) == int(sign + digits) * Fraction(10) ** POWERS[suffix]


@given(SIGNS, st.integers(0, 7), st.sampled_from(sorted(BINARY)))
def test_a_binary_suffix_is_a_power_of_1024(sign: str, count: int, suffix: str):
    assert amount(f"{sign}{count}{suffix}") == int(f"{sign}{count}") * 2 ** BINARY[suffix]


@given(SIGNS, DIGITS, st.sampled_from("eE"), st.integers(-9, 400))
def test_an_exponent_is_a_power_of_ten_in_either_case(sign: str, digits: str, letter: str, power: int):
    assert Fraction(amount(f"{sign}{digits}{letter}{power}")) == int(sign + digits) * Fraction(10) ** power


@given(SIGNS, NUMBERS, st.sampled_from(["m", "", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi"]))
@example("", "1.", "G")
def test_lightkube_reads_the_same_as_far_as_it_goes(sign: str, number: str, suffix: str):
    """It rounds to thousandths, knows neither `n`, `u` nor `1E3`, has no bound, and gives up beyond 28 digits."""
    text = sign + number + suffix
    assume(len(text) < 8 or not suffix)
    theirs = parse_quantity(text)
    if theirs is not None and abs(theirs) < 2**63:
        assert amount(text).quantize(Decimal("0.001"), "ROUND_UP") == theirs


@given(st.integers(-(10**20), 10**20), st.sampled_from([0, 3, 6, 9]))
def test_a_number_comes_back_from_its_own_spelling(digits: int, places: int):
    number = Decimal(digits).scaleb(-places)
    assert amount(spelled(number)) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.1n", "1e-9"),
        ("-0.1n", "-1e-9"),
        ("1.0000000000001", "1.000000001"),
        ("16Ei", str(2**63 - 1)),
        ("0.0000000001Ki", "1.03e-7"),
        ("1.1", "1.1"),
        ("1e0003", "1000"),
    ],
)
def test_what_the_server_rounds_and_caps_is_rounded_and_capped(text: str, number: str):
    assert amount(text) == Decimal(number)


@pytest.mark.parametrize(
    "text",
    [
        # The first line is upstream's own list (apimachinery's TestQuantityParse).
        *["1.1.M", "1+1.0M", "0.1mi", "0.1am", "aoeu", ".5i", "1i", "-3.01i", "-3.01e-"],
        *[
            ".",
            "-",
            "k",
            "1K",
            "1KI",
            "1ki",
            "1e3Gi",
            "1e1.5",
            "1Zi",
            "1Y",
            "٣",
            "1_000",
            "nan",
            "inf",
            "1e9999",
            "0x10",
            "--1",
        ],
        *("", "1 Gi", " 1", "1\n"),
    ],
)
def test_what_the_server_refuses_is_no_quantity(text: str):
    assert quantity(text) is None
    with pytest.raises(
        UserError, match="not a Kubernetes quantity: write a number, alone, with an exponent or with n, u"
    ):
        amount(text)


@pytest.mark.parametrize("value", [None, True, False, [], {}, object(), float("nan"), float("inf")])
def test_only_texts_and_numbers_are_quantities(value: object):
    assert quantity(value) is None


@pytest.mark.parametrize(("value", "number"), [(8, 8), (0.5, Decimal("0.5")), (1e22, 10**22), (-2, -2)])
def test_plain_numbers_are_quantities(value: float, number: object):
    assert quantity(value) == number


def test_a_finer_number_than_the_server_keeps_has_no_spelling():
    with pytest.raises(ValueError, match="finer than a billionth"):
        spelled(Decimal("1e-10"))
