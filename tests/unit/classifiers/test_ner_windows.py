"""Windows of a text: nothing is left out, nothing is looked at twice as a window's own, no name lies across a cut."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from clearance.classifiers.ner_windows import LEAST, OVERLAP, SIZE, ner_windows

WORDS = ["ok", "Ana", "wrote", "to", "Dr.", "J.", "Łukasz.", "came!", "why?", "late.", "\n", "approx.", "😀", "x" * 400]
texts = st.lists(st.sampled_from(WORDS), max_size=400).map(" ".join) | st.text(max_size=2000)


@given(texts)
def test_each_place_is_one_window_s_own(text: str) -> None:
    windows = list(ner_windows(text))
    assert [low for _, _, low, _ in windows] == [0, *(high for _, _, _, high in windows[:-1])]
    assert windows[-1][3] == len(text)
    for start, end, low, high in windows:
        assert start <= low <= high <= end <= start + SIZE


@given(texts)
def test_windows_part_at_a_sentence_s_end_or_share_something(text: str) -> None:
    windows = list(ner_windows(text))
    for (first, end, _, _), (start, _, _, _) in itertools.pairwise(windows):
        if start == end:
            assert end - first >= LEAST
            assert text[:end].rstrip()[-1:] in ".!?\"'”’)" or text[end - 1] == "\n"
        else:
            assert 0 < end - start <= OVERLAP + OVERLAP // 4 + 1


def test_titles_initials_and_abbreviations_end_no_sentence() -> None:
    filler = "the order came late and nobody at the office could say why it was so and then "
    for before in ("Dr. ", "Mrs. ", "Prof. ", "J. ", "Anna K. ", "St. ", "no. "):
        text = filler * 3 + before + "Lindqvist " + filler * 3
        assert all(start < end for (_, end, *_), (start, *_) in itertools.pairwise(ner_windows(text))), before


def test_a_full_stop_behind_a_small_word_does() -> None:
    sentence = "Nobody at the office could say why the order came so late. "
    windows = list(ner_windows(sentence * 20))
    assert all(start % len(sentence) == 0 for start, *_ in windows)
    assert [end for _, end, *_ in windows[:-1]] == [start for start, *_ in windows[1:]]


def test_a_million_characters_without_a_blank() -> None:
    windows = list(ner_windows("x" * 1_000_000))
    assert windows[-1][1] == 1_000_000
    assert len(windows) < 1_000_000 // (SIZE - OVERLAP - OVERLAP // 4) + 2
