"""Overlaps: the telling type wins, and nothing that any hit covered is left in the open."""

from hypothesis import given
from hypothesis import strategies as st

from clearance.classifiers.findings import Span
from clearance.classifiers.resolution import load_resolution
from clearance.classifiers.resolve import blank_tokens, resolve, settled, weighed

TYPES = ["EMAIL_ADDRESS", "URL", "PERSON", "PHONE_NUMBER", "DATE_TIME", "LOCATION", "STREET_ADDRESS", "TAX_ID"]


def _spans(draws: list[tuple[int, int, str, float, str]]) -> list[Span]:
    return [Span(start, start + length, kind, score, detector) for start, length, kind, score, detector in draws]


DRAWS = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.integers(1, 12),
        st.sampled_from(TYPES),
        st.sampled_from([0.4, 0.6, 1.0]),
        st.sampled_from(["d", "rampart", "PhoneRecognizer", "WrittenDate"]),
    ),
    max_size=8,
)
TEXT = "ab1 cd2,ef3 gh4.ij5 kl6-mn7 op8 qr9 st0 uv1 wx2"


def test_an_address_inside_a_url_is_an_address() -> None:
    text = "https://x.example.org/?to=ana@example.org&k=1"
    hits = [Span(0, len(text), "URL", 0.6, "UrlRecognizer"), Span(26, 41, "EMAIL_ADDRESS", 1.0, "EmailRecognizer")]
    kept = resolve(text, hits)
    assert [(s.entity_type, text[s.start : s.end]) for s in kept] == [
        ("URL", "https://x.example.org/?to="),
        ("EMAIL_ADDRESS", "ana@example.org"),
        ("URL", "&k=1"),
    ]


def test_longer_wins_then_higher_score() -> None:
    hits = [Span(0, 11, "PHONE_NUMBER", 0.4, "a"), Span(0, 11, "US_SSN", 0.85, "b"), Span(4, 11, "PERSON", 1.0, "c")]
    assert [(s.start, s.end, s.entity_type) for s in resolve("521-44-9382", hits)] == [(0, 11, "US_SSN")]


@given(draws=DRAWS)
def test_everything_that_counts_stays_covered_without_overlaps(draws: list[tuple[int, int, str, float, str]]) -> None:
    rules = load_resolution()
    hits = weighed(TEXT, _spans(draws), rules)
    assert set(hits) <= set(_spans(draws))
    kept = settled(TEXT, hits, rules)
    assert kept == resolve(TEXT, _spans(draws))
    covered = {i for s in hits for i in range(s.start, min(s.end, len(TEXT))) if TEXT[i].isalnum()}
    places = [i for s in kept for i in range(s.start, s.end)]
    assert len(places) == len(set(places))
    assert {i for i in places if i < len(TEXT) and TEXT[i].isalnum()} == covered
    assert list(kept) == sorted(kept, key=lambda s: s.start)


@given(draws=DRAWS, seed=st.randoms(use_true_random=False))
def test_order_of_hits_does_not_matter(draws: list[tuple[int, int, str, float, str]], seed: object) -> None:
    hits = _spans(draws)
    turned = list(hits)
    seed.shuffle(turned)  # type: ignore[attr-defined]
    assert resolve(TEXT, hits) == resolve(TEXT, turned)


def test_nothing_inside_a_token_is_a_finding() -> None:
    kept = resolve(TEXT, [Span(0, 11, "PERSON", 0.9, "d")], tokens=[(4, 7, "PERSON")])
    assert [(s.start, s.end) for s in kept] == [(0, 3), (7, 11)]
    assert blank_tokens("ab token cd", [(3, 8, "X")]) == "ab       cd"


def test_many_thousand_hits_are_quick() -> None:
    hits = [Span(i * 3, i * 3 + 4, "PERSON", 0.9, "d") for i in range(50_000)]
    assert len(resolve("ab " * 50_001, hits)) == 50_000


def test_the_digits_behind_a_point_are_no_card() -> None:
    ratio, note = "26.4111111111111111", "No.4111111111111111 is my card"
    assert resolve(ratio, [Span(3, 19, "CREDIT_CARD", 1.0, "d")]) == ()
    assert [span.entity_type for span in resolve(note, [Span(3, 19, "CREDIT_CARD", 1.0, "d")])] == ["CREDIT_CARD"]
