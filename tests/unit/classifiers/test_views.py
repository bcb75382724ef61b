"""Views show what was hidden, lead back to the original, and are not made for plain texts."""

import base64
from itertools import pairwise

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from clearance.classifiers.views import VIEW_GATES, View, views


def _found(text: str, wanted: str) -> list[tuple[str, str]]:
    """Views in which ``wanted`` is and is touched by the rewriting, with the original's part that it comes from."""
    found = []
    for view in views(text):
        at = view.text.find(wanted)
        if at >= 0 and view.touches(at, at + len(wanted)):
            start, end = view.original(at, at + len(wanted))
            found.append((view.name, text[start:end]))
    return found


@pytest.mark.parametrize(
    ("text", "wanted", "name", "original"),
    [
        ("card ４１１１１１１１１１１１１１１１ ok", "4111111111111111", "folded", "４１１１１１１１１１１１１１１１"),
        ("mail an\u200ba@exam\u00adple.org", "ana@example.org", "folded", "an\u200ba@exam\u00adple.org"),
        ("is 𝟓𝟐𝟏-𝟒𝟒-𝟗𝟑𝟖𝟐.", "521-44-9382", "folded", "𝟓𝟐𝟏-𝟒𝟒-𝟗𝟑𝟖𝟐"),
        ("to аnа@ехample.org", "ana@example.org", "look-alikes", "аnа@ехample.org"),
        ("john (at) example (dot) com", "john@example.com", "spoken address", "john (at) example (dot) com"),
        ("a.b[AT]example[dot]co[dot]uk!", "a.b@example.co.uk", "spoken address", "a.b[AT]example[dot]co[dot]uk"),
        ("write john at example dot com", "john@example.com", "spoken address", "john at example dot com"),
        ("write john AT example.com", "john@example.com", "spoken address", "john AT example.com"),
        ("is 1 2 3 - 4 5 - 6 7 8 9, ok", "123-45-6789", "spaced digits", "1 2 3 - 4 5 - 6 7 8 9"),
        (
            "one two three - four five - six seven eight nine",
            "123-45-6789",
            "spelled digits",
            "one two three - four five - six seven eight nine",
        ),
        (
            "it's five five five, one two one two.",
            "5551212",
            "spelled digits",
            "five five five, one two one two",
        ),
        ("card 4 1 1 1  1 1 1 1  1 1 1 1!", "4" + "1" * 11, "spaced digits", "4 1 1 1  1 1 1 1  1 1 1 1"),
        ("?to=ana%40example.org&x", "ana@example.org", "percent", "ana%40example.org"),
        ("?n=Zo%C3%AB", "Zoë", "percent", "Zo%C3%AB"),
        ("id YW5hLmRpYXpAZXhhbXBsZS5vcmc= end", "ana.diaz@example.org", "base64", "YW5hLmRpYXpAZXhhbXBsZS5vcmc="),
        ("رقم ٤١١١ ١١١١ ١١١١ ١١١١.", "4111 1111 1111 1111", "folded", "٤١١١ ١١١١ ١١١١ ١١١١"),
        ("write to a n a @ e x a m p l e . o r g!", "example", "spaced address", "e x a m p l e"),
        ("(j o h n @ e x a m p l e . c o m)", "john@example.com", "spaced address", "j o h n @ e x a m p l e . c o m"),
        ("to j o h n @ x y . c o m, please", "john@xy.com", "spaced address", "j o h n @ x y . c o m"),
        ("mail ana&#64;example&#x2E;org or call", "ana@example.org", "escaped", "ana&#64;example&#x2E;org"),
        ("mail &#97;n&#0097;&commat;example.org", "ana@example.org", "escaped", "&#97;n&#0097;&commat;example.org"),
        ('{"m": "ana\\u0040example.org"}', "ana@example.org", "escaped", "ana\\u0040example.org"),
        ("at 4111\u00a01111\u00a01111.", "4111 1111 1111", "set apart", "4111\u00a01111\u00a01111"),
        ("IBAN GB29\u202fNWBK\u202f6016", "GB29 NWBK 6016", "set apart", "GB29\u202fNWBK\u202f6016"),
        ("ssn 536–90–4399", "536-90-4399", "set apart", "536–90–4399"),
        ("card%3D4111111111111111", "4111111111111111", "percent", "4111111111111111"),
        ("john_at_example_dot_com", "john@example.com", "spoken address", "john_at_example_dot_com"),
        ("mail john(a)example.com", "john@example.com", "spoken address", "john(a)example.com"),
        ("id YW5hLmRpYXpAZXhhbXBsZS5vcmc end", "example.org", "base64", "YW5hLmRpYXpAZXhhbXBsZS5vcmc"),
    ],
)  # fmt: skip
def test_hidden_values_are_seen_and_lead_back(text: str, wanted: str, name: str, original: str) -> None:
    assert (name, original) in _found(text, wanted)


@pytest.mark.parametrize(
    "text",
    [
        "We met at noon and looked at example.com together.",
        "One of the two, at least, was late by five minutes; three came at four.",
        "Call 212-555-0187 or write to ana.diaz@example.org, card 4111 1111 1111 1111.",
        "Он живёт в Москве, она в Афинах: Αθήνα.",
        "It&#39;s 5 &lt; 6 &amp; &#8364;5, n&#233;e, caf\\u00e9",
        "we meet @ 5 p m",
        "100% of 40% is 40%, internationalisation notwithstanding.",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "responsibilities-and-counterrevolutionaries",
        "1 2 3 4 5 6",
        "look at_this, File(A).txt, log_dot_com",
        "Kant – a life, 5\u00a0km, A–z",
        "😀 fine",
        "",
    ],
)
def test_plain_texts_have_no_view(text: str) -> None:
    assert [view.name for view in views(text)] == []


def test_what_was_plain_already_is_not_touched() -> None:
    (view,) = views("ana@example.org and bob%40example.org")
    assert not view.touches(0, 15)
    assert not view.touches(15, 23)
    assert view.touches(20, len(view.text))
    (folded,) = views("ab\u200bcd")
    assert [folded.touches(0, 2), folded.touches(2, 4), folded.touches(1, 3)] == [False, False, True]


PIECES = [
    "ana%40example.org", "%C3%AB", "%ff", "john (at) example dot com", "one two three four five six seven eight",
    "4 1 1 1 1 1 1 1 1 1", "ａｎａ", "\u200b", "аnа", "𝟓", base64.b64encode("ana@example.org, Zoë".encode()).decode(),
    "plain words", "[dot]", " ", "%", "=", "７", "\n",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=8).map("".join)


@given(texts, st.data())
def test_the_way_back_is_monotone_and_within_bounds(text: str, data: st.DataObject) -> None:
    for view in views(text):
        length = len(view.text)
        if not length:
            continue
        places = [view.original(place, place + 1) for place in range(length)]
        assert all(0 <= start < end <= len(text) for start, end in places)
        assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(places))
        start = data.draw(st.integers(0, length - 1))
        end = data.draw(st.integers(start + 1, length))
        assert view.original(start, end) == (places[start][0], places[end - 1][1])
        if not view.touches(start, end):
            low, high = view.original(start, end)
            assert text[low:high] == view.text[start:end]


@given(texts)
def test_a_gate_holds_back_no_view(text: str) -> None:
    for view in views(text):
        assert regex.search(VIEW_GATES[view.name], text)
        assert isinstance(view, View)
        assert view.text != text


@pytest.mark.parametrize("piece", ["%40", "one ", "4 ", "(at)", "a\u200b", "YW5h", "аb", " dot a", " at a dot "])
def test_long_texts_are_rewritten_whole(piece: str) -> None:
    text = piece * 20_000
    for view in views(text):
        assert view.original(0, len(view.text))[1] <= len(text)
