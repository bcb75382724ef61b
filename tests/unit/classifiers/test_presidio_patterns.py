"""What is looked for before a slow pattern stands in every text in which the pattern matches."""

import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer.predefined_recognizers import UsHealthInsuranceMemberIdRecognizer

from clearance.classifiers.presidio_patterns import _NEEDED
from clearance.classifiers.weblinks import BARE, bare_urls, has_bare_urls_only, url_places

_SLOW = [pattern.regex for pattern in UsHealthInsuranceMemberIdRecognizer.PATTERNS]


def test_presidio_still_has_the_patterns_that_are_helped() -> None:
    assert set(_SLOW) == set(_NEEDED)


@settings(max_examples=500, deadline=None)
@given(text=st.text(st.sampled_from("AZaz09-_ .,ſK٤é"), max_size=24))
def test_no_match_is_lost(text: str) -> None:
    for source in _SLOW:
        if regex.search(source, text, regex.DOTALL | regex.MULTILINE | regex.IGNORECASE):
            assert _NEEDED[source].search(text)


hosts = st.lists(st.sampled_from(["a", "x1", ".", ".com", ".co", ".community", "@", "-", " ", "\n", "_"]), max_size=9)


@given(st.lists(hosts.map("".join), max_size=6))
def test_urls_of_all_texts_at_once_are_those_of_each(texts: list[str]) -> None:
    assert all(map(has_bare_urls_only, texts))
    expected = [(row, *place) for row, text in enumerate(texts) for place in url_places(text).get(BARE, ())]
    assert list(zip(*(column.tolist() for column in bare_urls(texts)), strict=True)) == expected


def test_a_path_a_scheme_a_quote_or_a_long_host_is_looked_at_by_itself() -> None:
    unusual = ["x.com/a", "http://x.com", '"x.com"', "'x.com'", "\u017f.com", "a" * 260 + ".com"]
    assert not any(map(has_bare_urls_only, unusual))
