"""What a scan says it proves is never more than it does."""

import json

from hypothesis import given
from hypothesis import strategies as st

from clearance.governance.coverage import ColumnCoverage, Coverage, bound_in_words

SAMPLE = Coverage("sample", 1000, 10, 0.01, 0.95, {"a": ColumnCoverage(10, 0.01), "b": ColumnCoverage(1000, None)})


def test_a_sample_says_what_it_would_have_found() -> None:
    assert bound_in_words(0.001, 0.95) == (
        "would have found a type present in at least 0.1 % of rows with 95 % confidence"
    )
    assert Coverage("sample", 1000, 10, 0.01, 0.95).words().startswith("looked at 10 of 1,000 rows: would have found")


def test_a_column_that_was_looked_at_more_closely_does_not_speak_for_the_others() -> None:
    assert SAMPLE.words().startswith("looked at 10 of 1,000 rows, in 1 of 2 columns at up to 1,000: would have found")


@given(st.floats(1e-6, 0.99), st.floats(0.5, 0.999999))
def test_words_promise_no_more_than_the_numbers(prevalence: float, confidence: float) -> None:
    words = bound_in_words(prevalence, confidence).split()
    told = [float(word) / 100 for word in words if word[0].isdigit()]
    assert told[0] >= prevalence * (1 - 1e-12) and told[1] <= confidence * (1 + 1e-12)


def test_proof_is_compared_in_both_parts() -> None:
    assert SAMPLE.proves(0.01, 0.95) and SAMPLE.proves(0.02, 0.9)
    assert not SAMPLE.proves(0.009, 0.95) and not SAMPLE.proves(0.01, 0.96)
    assert Coverage("full", 5, 5).proves(1e-9, 0.999999)


def test_a_bound_without_a_confidence_proves_nothing() -> None:
    assert not Coverage("sample", 1000, 10, 0.01).proves(0.5, 0.5)


def test_coverage_survives_json() -> None:
    for coverage in (SAMPLE, Coverage("full", 5, 5, asked="incremental", reason="why"), Coverage("full", 0, 0)):
        assert Coverage.from_dict(json.loads(json.dumps(coverage.to_dict()))) == coverage
    assert Coverage.from_dict({**SAMPLE.to_dict(), "later": 1}) == SAMPLE
