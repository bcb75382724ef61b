"""Windows of a text: nothing is left out, nothing is looked at twice as a window's own, no name lies across a cut."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from clearance.classifiers.name_spans import Word
from clearance.classifiers.ner_windows import LEAST, OVERLAP, SIZE, ner_windows
from clearance.classifiers.rampart import joined

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


def test_a_name_across_a_seam_is_whole_if_one_window_sees_all_of_it() -> None:
    """Windows [0, 40) and [20, 60); Ana Diaz stands at 25 to 33, and the seam at 29 between the two words."""
    places = [(0, 40, 0, 29), (20, 60, 29, 60)]
    both = [Word(25, 28, "PERSON", 0.9), Word(29, 33, "PERSON", 0.9)]
    later = [word._replace(start=word.start - 20, end=word.end - 20) for word in both]
    for seen in ([both, []], [[], later], [both, later], [both, later[1:]], [both[:1], later[1:]]):
        assert list(joined(places, seen)) == both
    # What only the other window knows, apart from any name of the window's own, stays out.
    assert list(joined(places, [[Word(35, 39, "PERSON", 0.9)], []])) == []
