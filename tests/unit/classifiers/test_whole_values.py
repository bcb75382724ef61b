"""Values that are settled together count as they do one by one."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearance.classifiers import profile as profile_module
from clearance.classifiers.engine import Engine, load_engine
from clearance.classifiers.hit_columns import HitColumns, Said
from clearance.classifiers.looking import Hits, find
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.resolution import load_resolution
from clearance.classifiers.whole_values import WholeValues, _in_re2
from clearance.classifiers.yaml_files import RulesFile

_RULES = """
resolution:
  allow:
    - {of: [EMAIL_ADDRESS], values: [kim@example.com]}
  thresholds: {PHONE_NUMBER/PhoneRecognizer: 0.5}
  precedence: {URL: 200}
  nonsense:
    Teatime: {of: [PHONE_NUMBER], value: '(?x: 212 .* )'}
    Even: {of: [US_SSN], value: '.*[02468]'}
"""
_WHOLE = [
    *("kim@example.com", "jo@wide-river-crossing.com", "ana.diaz7@example.org", "ca.com@x.org", "link@url.com"),
    *("078-05-1120", "123-45-6789", "457-55-5462", "666-12-1234", "4111111111111111", "4111 1111 1111 1111"),
    *("(212) 555-0143", "212-555-0143", "+1 212 555 0187", "2125550187", "+44 20 7946 0958", "0049 30 123456"),
    *(
        "DE89370400440532013000",
        "GB33BUKB20201555555555",
        "10.1.2.3",
        "AB1234563",
        "943 476 5919",
        "https://a.com/b?c=d",
    ),
    *("TK1234567", "x", "phone", "", "[EMAIL_ADDRESS]", "Ana Diaz", "no. 5", "١٢٣-45-6789", "555-123-4567-A"),
]
_VALUES = st.one_of(
    st.sampled_from(_WHOLE),
    st.lists(st.sampled_from([*_WHOLE, " ", "-", "call ", "\t", "é", "\x1c"]), min_size=1, max_size=3).map("".join),
    st.from_regex(r"\d{3}[- .]?\d{2,3}[- .]?\d{4}", fullmatch=True),
    st.from_regex(r"[a-c.]{1,6}\d?@[a-c]{1,9}\.(com|ca|zz)", fullmatch=True),
)


@pytest.fixture(scope="module", params=["packaged rules", "rules of the user's"])
def engine(request: pytest.FixtureRequest) -> Engine:
    files = [RulesFile("rules.yaml", _RULES)] if request.param != "packaged rules" else []
    return load_engine(ner=None, detectors=files)


def _one_by_one(*given: Any) -> Hits:
    """``find`` without the last of its arguments, the values that may be settled together."""
    return find(*given[:4])


def _profile(engine: Engine, values: list[str]) -> tuple[bytes, bool]:
    profile = LeafProfile("c", "string", salt=b"x" * 16)
    profile.update(pa.array(values, pa.string()), engine)
    return profile.to_bytes(), bool(profile.counts)


@settings(deadline=None, max_examples=60)
@given(values=st.lists(_VALUES, max_size=25))
def test_the_profile_is_that_of_values_settled_one_by_one(engine: Engine, values: list[str]) -> None:
    together, _ = _profile(engine, values)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(profile_module, "find", _one_by_one)
        assert together == _profile(engine, values)[0]


def test_a_column_of_one_kind_is_settled_together(engine: Engine) -> None:
    values = pa.array([f"ana.diaz{number}@example.org" for number in range(300)])
    hits = find(engine, values.to_pylist(), None, [False] * 300, values)
    assert hits.wholes is not None
    settled = sorted(row for group in hits.wholes.alike for row in group.rows.tolist())
    # In the user's rules a URL ranks above the address that it is in: that is for each value to say.
    assert settled == ([] if engine.resolution.of("URL", "UrlRecognizer").precedence == 200 else list(range(300)))
    assert all(bool(raw) != (row in settled) for row, raw in enumerate(hits.raw))


def test_rules_in_re2_say_what_the_rules_say() -> None:
    """Of printable ASCII, which is all they are asked about."""
    rules = [rule for _, rule in load_resolution()._nonsense if rule.value is not None]
    samples = [
        *_WHOLE,
        *(
            "000-12-3456",
            "2024-12345",
            "10.0.one",
            "gate 12",
            "Grade 4",
            "1 2 3 4",
            "12345-6789",
            "12,5",
            "0x1F",
            "U.S. 411",
        ),
        *(
            "ABCDEF",
            "01/32",
            "3/99/2020",
            "19/45/22",
            "a_b",
            "§",
            " x",
            "no. 1/2",
            "code",
            "7 km",
            "12 months old",
            "$5",
            "-",
        ),
    ]
    printable = [text for text in samples if text.isascii() and text.isprintable()]
    tried = 0
    for rule in rules:
        pattern = _in_re2((rule,))
        assert rule.value is not None
        if pattern is not None:
            tried += 1
            found = pc.match_substring_regex(pa.array(printable), pattern).to_pylist()
            assert found == [rule.value.fullmatch(text) is not None for text in printable], rule.value.pattern
    assert tried >= 10
    # Asked of nearly every column that has numbers in it: without RE2, that alone is a tenth of a scan.
    for selector in (("PHONE_NUMBER", "PhoneRecognizer"), ("US_SSN", "UsSsnRecognizer")):
        assert _in_re2(load_resolution().of(*selector).nonsense_alone) is not None


@pytest.mark.parametrize("value", ["(?=a)a", r"\d{,9}", "(?:123456){e<=1}", r"(\d)\1", "a(?i)b", "[[a]]", r"a\Z"])
def test_a_rule_that_re2_may_read_otherwise_is_left_to_regex(value: str) -> None:
    rules = load_resolution(
        [RulesFile("r.yaml", f"resolution: {{nonsense: {{One: {{of: [URL], value: '{value}'}}}}}}")]
    )
    # By its words: two compilations of one pattern are equal only as long as regex's cache holds the first.
    (rule,) = [
        rule for rule in rules.of("URL", "x").nonsense_alone if rule.value is not None and rule.value.pattern == value
    ]
    assert _in_re2((rule,)) is None


def _settled(rules: str, texts: list[str], hits: list[tuple[Said, int]]) -> dict[int, list[str]]:
    """Row -> types that count, of rows that are settled together; each hit is the whole of its row."""
    columns = HitColumns()
    for said, row in hits:
        places = columns.of(said)
        places.rows.append(row)
        places.starts.append(0)
        places.ends.append(len(texts[row]))
    resolution = load_resolution([RulesFile("r.yaml", f"resolution: {rules}")])
    wholes = WholeValues(pa.array(texts), resolution, np.zeros(len(texts), np.bool_))
    wholes.settle(columns, texts, lambda _row, _words: False)
    return {
        row: sorted({said.entity_type for said in group.said}) for group in wholes.alike for row in group.rows.tolist()
    }


def test_a_value_is_judged_by_its_own_nonsense() -> None:
    """The hits of a recognizer with two patterns are not in the order of the rows."""
    date, birth = Said("DATE_TIME", 0.6, "DateRecognizer"), Said("DATE_OF_BIRTH", 0.6, "Own")
    rules = "{nonsense: {Never: {of: [DATE_TIME], value: '1900-01-01'}}}"
    found = _settled(rules, ["01/02/1985", "1900-01-01"], [(date, 1), (date, 0), (birth, 0)])
    assert found == {0: ["DATE_OF_BIRTH", "DATE_TIME"]}


def test_a_hit_that_gave_way_to_a_better_one_stays_away_when_that_one_is_nonsense() -> None:
    """Presidio drops it before any rule is asked, so the value is left to be settled by itself."""
    better, worse = Said("US_SSN", 0.9, "Better", source=1), Said("US_SSN", 0.5, "Worse", source=2)
    rules = "{nonsense: {Never: {of: [US_SSN/Better], value: '.*0'}}}"
    hits = [(said, row) for said in (better, worse) for row in (0, 1)]
    assert _settled(rules, ["457555460", "457555461"], hits) == {1: ["US_SSN"]}
