"""Surrogates, shifted dates, coarser values, noise and reversible tokens inside a text that stays readable."""

import re
from datetime import date, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from clearance.generalizing import Bins, Ip
from clearance.method_spec import MethodSpec
from clearance.methods import DateShift, Noise, Reversible, Surrogate
from clearance.tokenization.keys import KeyRing
from clearance.tokenization.methods import RowContext
from clearance.tokenization.text import replace_spans, reverse_tokens, rewrite_spans
from clearance.tokenization.tokens import Tokenizer

TOKENS = Tokenizer(KeyRing({"golden": bytes(range(32))}, "golden"))

pieces = st.sampled_from(
    ["😀", "👩‍👩‍👧", "e\u0301", "ß", "中文", "\u200d", "\ufeff", " ", ", ", "a", "\n", "🇩🇪", "tk1r_"]
)
secrets = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text
)


@given(st.lists(st.tuples(pieces, st.one_of(st.none(), secrets)), max_size=10))
def test_reversible_tokens_in_any_text_give_it_back_exactly(parts: list[tuple[str, str | None]]) -> None:
    text, spans = "", []
    for piece, secret in parts:
        text += piece + " "
        if secret is not None:
            spans.append((len(text), len(text) + len(secret), "PERSON"))
            text += secret + " "
    protected = replace_spans(text, spans, {"PERSON": Reversible()}, TOKENS)
    assert reverse_tokens(protected, TOKENS) == text
    for start, end, _ in spans:
        assert TOKENS.reversible_token(text[start:end], "PERSON") in protected


UNMARKED: dict[str, MethodSpec] = {
    "PERSON": Surrogate(),
    "DATE_TIME": DateShift(max_days=365, subject="id"),
    "AGE": Bins(width=10),
    "SALARY": Noise(distribution="uniform", amount=5, lower=0, upper=100, row_key="id"),
    "IP_ADDRESS": Ip(),
}
ROW = RowContext(subjects=pa.array(["s1"]), row_keys=pa.array(["r1"]), column="note")


def test_a_text_stays_readable() -> None:
    text = "😀 Jane e\u0301 (41) of 10.1.2.3 came on 2020-02-01 and 2020-02-15, March 3rd, for 50."
    found = [("Jane", "PERSON"), ("41", "AGE"), ("10.1.2.3", "IP_ADDRESS"), ("2020-02-01", "DATE_TIME"),
             ("2020-02-15", "DATE_TIME"), ("March 3rd", "DATE_TIME"), ("50", "SALARY")]  # fmt: skip
    spans = [(text.index(value), text.index(value) + len(value), kind) for value, kind in found]
    done = rewrite_spans(text, spans, UNMARKED, TOKENS, row=ROW)
    shown = re.fullmatch(
        r"😀 (\w+ \w+) e\u0301 \(\[40, 50\)\) of 10\.1\.0\.0/16 came on (\S+) and (\S+), \[DATE_TIME\], for (\d+)\.",
        done.text,
    )
    assert shown
    name, first, second, pay = shown.groups()
    assert name != "Jane"
    assert date.fromisoformat(second) - date.fromisoformat(first) == timedelta(days=14)
    assert first != "2020-02-01"
    assert 45 <= int(pay) <= 55
    # What looks like any other value is listed, so that the next round leaves it alone.
    places = [done.text[start:end] for start, end in done.written]
    assert places == [name, "[40, 50)", "10.1.0.0/16", first, second, pay]
    again = [(start, end, "PERSON") for start, end in done.written]
    assert rewrite_spans(done.text, again, UNMARKED, TOKENS, row=ROW, written=done.written) == done


def test_places_written_before_move_with_what_is_replaced_around_them() -> None:
    text = "a Jane b Joan c"
    first = rewrite_spans(text, [(9, 13, "PERSON")], UNMARKED, TOKENS)
    second = rewrite_spans(
        first.text, [(2, 6, "PERSON"), (*first.written[0], "PERSON")], UNMARKED, TOKENS, written=first.written
    )
    at_once = rewrite_spans(text, [(2, 6, "PERSON"), (9, 13, "PERSON")], UNMARKED, TOKENS)
    assert second == at_once
    assert [second.text[start:end] for start, end in second.written] == second.text[2:-2].split(" b ")


def test_without_a_row_or_a_second_run_s_memory_a_text_is_redacted() -> None:
    text = "Jane 2020-02-01 50"
    spans = [(0, 4, "PERSON"), (5, 15, "DATE_TIME"), (16, 18, "SALARY")]
    done = rewrite_spans(text, spans, UNMARKED, TOKENS)
    assert done.text.endswith(" [DATE_TIME] [SALARY]")
    assert replace_spans(text, spans, UNMARKED, TOKENS) == "[PERSON] [DATE_TIME] [SALARY]"
