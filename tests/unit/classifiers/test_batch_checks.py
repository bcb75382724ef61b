"""Checks of a whole batch say of each match what the check says of it alone."""

from itertools import accumulate

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from presidio_analyzer import PatternRecognizer
from presidio_analyzer import predefined_recognizers as presidio
from stdnum import iban, luhn

from clearance.classifiers.batch_checks import for_batches
from clearance.classifiers.presidio_checks import invalidation, validation

_DIGITS = "0123456789"


def _number(length: int) -> st.SearchStrategy[str]:
    return st.integers(0, 10**length - 1).map(f"{{:0{length}}}".format)


def _marked(*lengths: int, marks: str = "- ") -> st.SearchStrategy[str]:
    """Groups of digits with one mark between all, or with different ones."""
    mark = st.sampled_from([*marks, "", None])

    def written(number: str, one: str | None, several: list[str]) -> str:
        ends = list(accumulate(lengths))
        parts = [number[end - length : end] for length, end in zip(lengths, ends, strict=True)]
        if one is not None:
            return one.join(parts)
        return "".join(map("".join, zip(parts, several, strict=True))).rstrip(marks)

    several = st.lists(st.sampled_from([*marks, ""]), min_size=len(lengths), max_size=len(lengths))
    return st.builds(written, _number(sum(lengths)), mark, several)


def _iban(country: str, rest: str) -> str:
    return country + iban.calc_check_digits(country + "00" + rest) + rest


_MATCHES = {
    "CreditCardRecognizer": st.integers(12, 18).flatmap(_number).map(lambda n: n + luhn.calc_check_digit(n))
    | _marked(4, 4, 4, 4),
    "NhsRecognizer": _marked(3, 3, 4),
    "MedicalLicenseRecognizer": st.builds(str.__add__, st.sampled_from(["AB", "ab"]), _number(7)),
    "UsSsnRecognizer": _marked(3, 2, 4, marks="-. ")
    | st.sampled_from(["078-05-1120", "111-11-1111", "000-12-3456", "123456789"]),
    "IbanRecognizer": st.builds(
        _iban, st.sampled_from(["DE", "GB", "XX"]), st.text(_DIGITS + "ABZ", min_size=17, max_size=19)
    )
    | _number(20).map("DE".__add__)
    | _number(18).map(lambda rest: _iban("DE", rest))
    | _number(18).map(lambda rest: _iban("DE", rest).lower()),
}


@pytest.mark.parametrize("name", sorted(_MATCHES))
@settings(max_examples=40)
@given(data=st.data())
def test_each_match_gets_what_it_would_get_alone(name: str, data: st.DataObject) -> None:
    recognizer = getattr(presidio, name)()
    assert isinstance(recognizer, PatternRecognizer)
    check = validation(recognizer) or invalidation(recognizer)
    assert check is not None
    checks = for_batches(recognizer, check)
    assert checks is not None
    matches = data.draw(st.lists(_MATCHES[name], min_size=8, max_size=20))
    # Enough of one length to be judged together, whatever was drawn.
    matches += [matches[0]] * 8
    assert list(checks(matches)) == [check(match) for match in matches]


@given(
    matches=st.lists(
        st.sampled_from(["4111111111111111", "4111111111111112", "41111111111１1111", "4111 1111 1111 1111"])
    )
)
@example(matches=[])
@example(matches=["4111111111111111"] * 9 + ["41111111111１1111"])
def test_a_match_that_is_not_ascii_is_checked_by_itself(matches: list[str]) -> None:
    recognizer = presidio.CreditCardRecognizer()
    check = validation(recognizer)
    checks = for_batches(recognizer, check)
    assert check is not None
    assert checks is not None
    assert list(checks(matches)) == [check(match) for match in matches]


def test_what_has_no_check_has_none_for_batches() -> None:
    assert for_batches(presidio.UrlRecognizer(), None) is None
