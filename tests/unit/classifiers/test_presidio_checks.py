"""The faster forms of Presidio's checks say what Presidio's own say."""

from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from presidio_analyzer import PatternRecognizer
from presidio_analyzer import predefined_recognizers as presidio
from stdnum import iban, luhn

from clearance.classifiers.presidio_checks import invalidation, validation

digits = st.text("0123456789", min_size=1, max_size=20)
separated = st.lists(st.text("0123456789", min_size=1, max_size=5), min_size=1, max_size=5).flatmap(
    lambda parts: st.sampled_from([" ", "-", ".", ""]).map(lambda mark: mark.join(parts))
)
odd_digits = st.text("0123456789\u0664\u0967\u00b2 -", min_size=1, max_size=20)
accounts = st.builds(
    lambda country, rest, lower: (
        (country + iban.calc_check_digits(country + "00" + rest) + rest).swapcase()
        if lower
        else country + iban.calc_check_digits(country + "00" + rest) + rest
    ),
    st.sampled_from(["DE", "GB", "FR", "NL", "MT", "XX"]),
    st.text("0123456789ABCXYZ", min_size=8, max_size=30),
    st.booleans(),
)


@cache
def _recognizer(name: str) -> PatternRecognizer:
    made = getattr(presidio, name)()
    assert isinstance(made, PatternRecognizer)
    return made


@pytest.mark.parametrize(
    "name", ["CreditCardRecognizer", "NhsRecognizer", "IbanRecognizer", "MedicalLicenseRecognizer", "EmailRecognizer"]
)
@given(
    text=digits
    | separated
    | odd_digits
    | accounts
    | digits.map(lambda number: number + luhn.calc_check_digit(number))
    | digits.map(lambda number: "AB" + number)
    | st.emails()
    | st.from_regex(r"[a-z./?#:]{1,8}@[a-z]{1,5}\.(com|co\.uk|invalid|\u00e9)", fullmatch=True)
)
@example(text="AB1234563")
@example(text="DE89 3704 0044 0532 0130 00")
def test_confirming(name: str, text: str) -> None:
    recognizer = _recognizer(name)
    check = validation(recognizer)
    assert check is not None
    try:
        expected = recognizer.validate_result(text)
    except (ValueError, IndexError):
        return  # no match of the recognizer's patterns
    assert _kind(check(text)) == _kind(expected)


@given(text=separated | digits | odd_digits | st.from_regex(r"(000|666|123)[-. ]?\d\d[-. ]?\d{4}", fullmatch=True))
@example(text="078-05-1120")
@example(text="212-00-4567")
@example(text="212-33-0000")
@example(text="111-11-1111")
@example(text="212-33.4567")
def test_refusing(text: str) -> None:
    recognizer = _recognizer("UsSsnRecognizer")
    check = invalidation(recognizer)
    assert check is not None
    if any(character.isdigit() for character in text):
        assert _kind(check(text)) == _kind(recognizer.invalidate_result(text))


def test_a_recognizer_without_a_check_has_none() -> None:
    assert validation(_recognizer("UsPassportRecognizer")) is None
    assert invalidation(_recognizer("EmailRecognizer")) is None


def test_a_check_of_another_form_is_presidios_own() -> None:
    recognizer = presidio.IbanRecognizer(exact_match=True)
    assert validation(recognizer) == recognizer.validate_result


def _kind(answer: object) -> bool | None:
    return None if answer is None else bool(answer)
