"""What is looked for before a slow pattern stands in every text in which the pattern matches."""

import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer.predefined_recognizers import UsHealthInsuranceMemberIdRecognizer

from clearance.classifiers.presidio_patterns import _NEEDED

_SLOW = [pattern.regex for pattern in UsHealthInsuranceMemberIdRecognizer.PATTERNS]


def test_presidio_still_has_the_patterns_that_are_helped() -> None:
    assert set(_SLOW) == set(_NEEDED)


@settings(max_examples=500, deadline=None)
@given(text=st.text(st.sampled_from("AZaz09-_ .,ſK٤é"), max_size=24))
def test_no_match_is_lost(text: str) -> None:
    for source in _SLOW:
        if regex.search(source, text, regex.DOTALL | regex.MULTILINE | regex.IGNORECASE):
            assert _NEEDED[source].search(text)
