import itertools
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clearance.tokenization.canonical import message, messages
from clearance.tokenization.normalization import normalize

TYPES = ["EMAIL_ADDRESS", "PHONE_NUMBER", "US_SSN", "CREDIT_CARD", "PERSON", "IP_ADDRESS", "DATE_OF_BIRTH", "CUSTOM"]
types = st.sampled_from(TYPES)
# Half free text, half strings near what the rules read, where their edges are.
near = st.text(alphabet="aZß0159٣ \t@.-+()/x:;<>\u00a0\u0130\u0301\u212a\ufeff\0", max_size=24)
texts = st.one_of(near, st.text(max_size=40))


@given(texts, types)
def test_every_value_has_a_canonical_form_that_stays_canonical(value: str, entity_type: str) -> None:
    rule, canonical = normalize(value, entity_type)
    assert rule.endswith("/1")
    if rule != "ip/1":  # its canonical form is bytes, no longer an address
        assert normalize(canonical, entity_type) == (rule, canonical)


@given(st.lists(texts, max_size=12), types)
@example(["jane@example.com", "JANE@EXAMPLE.COM", "a@b@c.d", "mailto:a@b.c", "a@b.", "@", ""], "EMAIL_ADDRESS")
@example(["4111 1111-1111 1111", "4111111111111111.0", "4111  1111", "-1", "ß", "", " 4"], "CREDIT_CARD")
@example(["012-34-5678", "12345678", "1234567", "123456", "0-1-2345678", "0123456789"], "US_SSN")
@example(["+14155550132", "+0123456789", "+123456", "4155550132", "+1 415 555 0132"], "PHONE_NUMBER")
@example(["Jane Doe", "jane  doe", "JANE\tDOE", "J. Doe-Roe", "ſmith", ""], "PERSON")
@example([" a", "a ", "a", "a\nb", "e\u0301", "", "a\0b", "\x7f"], "CUSTOM")
def test_a_batch_gives_what_each_value_gives(values: list[str], entity_type: str) -> None:
    for kind, region in itertools.product((pa.string(), pa.large_string()), ("US", "DE")):
        found = messages(pa.array(values, kind), entity_type, region)
        assert found.to_pylist() == [message(value, entity_type, region) for value in values]


written = st.from_regex(r"\A[+]?1?[ .(-]{0,2}[0-9]{3}[ .)-]{0,2}[0-9]{3}[ .-]?[0-9]{4}( ?x[0-9])?\Z")


numeric = st.sampled_from(["PHONE_NUMBER", "US_SSN"])


@given(st.lists(written, max_size=12), st.sampled_from(["US", "CA", "GB", "IT"]), numeric)
def test_a_batch_reads_written_numbers_like_one(values: list[str], region: str, entity_type: str) -> None:
    found = messages(pa.array(values, pa.string()), entity_type, region)
    assert found.to_pylist() == [message(value, entity_type, region) for value in values]


@given(st.text(min_size=1, max_size=30), types)
def test_unicode_spellings_of_one_text_are_one_value(value: str, entity_type: str) -> None:
    composed, apart = (unicodedata.normalize(form, value) for form in ("NFC", "NFD"))
    assert normalize(composed, entity_type) == normalize(apart, entity_type)


@given(st.integers(min_value=10**7, max_value=10**19), st.sampled_from(["CREDIT_CARD", "US_SSN", "IBAN_CODE"]))
def test_a_number_and_its_grouped_spelling_are_one_value(number: int, entity_type: str) -> None:
    digits = str(number)
    grouped = "-".join(digits[i : i + 4] for i in range(0, len(digits), 4))
    assert normalize(digits, entity_type) == normalize(grouped, entity_type) == normalize(f"{digits}.0", entity_type)


@pytest.mark.parametrize(
    ("region", "spellings"),
    [
        ("US", ["+14155550132", "(415) 555-0132", "415.555.0132", "1 415 555 0132", "4155550132"]),
        ("GB", ["+44 20 7946 0958", "+44 (0) 20 7946 0958", "020 7946 0958", "0044 20 79460958", "442079460958"]),
        ("GB", ["+442079460958", "2079460958"]),
        ("DE", ["+49 30 901820", "030 901820", "030/901820", "0049 30 901820"]),
        ("FR", ["+33 1 42 68 53 00", "01 42 68 53 00", "01.42.68.53.00", "33142685300"]),
        ("IT", ["+39 06 698 12345", "06 698 12345", "0039 06 69812345"]),
    ],
)
def test_spellings_of_one_phone_number(region: str, spellings: list[str]) -> None:
    assert {normalize(spelling, "PHONE_NUMBER", region) for spelling in spellings} == {
        normalize(spellings[0], "PHONE_NUMBER", region)
    }
    assert normalize(spellings[0], "PHONE_NUMBER", region)[0] == "phone/1"


def test_numbers_at_one_switchboard_stay_apart() -> None:
    assert normalize("+1 415 555 0132 x1", "PHONE_NUMBER") != normalize("+1 415 555 0132 x2", "PHONE_NUMBER")


@pytest.mark.parametrize("entity_type", TYPES)
def test_long_and_hostile_values_are_read_in_linear_time(entity_type: str) -> None:
    long = ["a" * 10**6, "@" * 10**6, "1" * 10**6, " " * 10**6 + "x"]
    for value in [*long, "+1 " * 300_000, "x1" * 500_000, "\u0301" * 10**5]:
        rule, _ = normalize(value, entity_type)
        assert rule


def test_the_interpreter_s_new_characters_do_not_matter_for_assigned_ones() -> None:
    # Normalisation of assigned characters is stable by Unicode's policy; the frozen vectors hold this one sample.
    assert normalize("ﬁ①Å", "PERSON") == ("name/1", "fi1å")
