"""From labelled words to spans: what a user would see of a name that is cut, joined to a neighbour, or none at all."""

import re
from collections.abc import Mapping

import pytest

from clearance.classifiers.name_spans import Word, may_be_named, spans_of_words


def found(text: str, scores: Mapping[str, float], entity: str = "PERSON") -> list[tuple[str, str]]:
    """Texts and types of the spans, when the model gives the words of ``scores`` these probabilities."""
    words = [
        Word(*match.span(), entity, scores[match[0]])
        for match in re.finditer(r"\w+|[^\w\s]", text)
        if match[0] in scores
    ]
    return [(text[start:end], kind) for start, end, kind, _ in spans_of_words(text, words)]


def test_neighbours_are_one_name_and_a_list_is_several() -> None:
    names = {"Ana": 0.9, "Diaz": 0.9, "Bob": 0.9, "Eve": 0.9, "Cruz": 0.9}
    assert found("then Ana Diaz came", names) == [("Ana Diaz", "PERSON")]
    assert found("then Ana de la Cruz came", names) == [("Ana de la Cruz", "PERSON")]
    assert found("then Ana, Bob and Eve came", names) == [("Ana", "PERSON"), ("Bob", "PERSON"), ("Eve", "PERSON")]


def test_qc_is_quebec_in_an_address() -> None:
    assert found("in Levis QC today", {"Levis": 0.9, "QC": 0.9}, "LOCATION") == [("Levis QC", "LOCATION")]


def test_an_initial_is_followed_by_a_surname() -> None:
    assert found("then Stefanía K. Oddgeirsdóttir spoke", {"Stefanía": 0.9, "K": 0.9}) == [
        ("Stefanía K. Oddgeirsdóttir", "PERSON")
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("LORD JUSTICE HALE LORD JUSTICE WEBB and SIR MARK DOE", ["HALE", "WEBB", "MARK DOE"]),
        ("judgment of Mr Justice Hale", ["Hale"]),
        ("MARK DOE QC HALE APPELLANT WEBB", ["MARK DOE", "HALE", "WEBB"]),
        ("then QC Webb came", ["QC Webb"]),
        ("her friend Justice Webb", ["Justice Webb"]),
        ("Mr Jack Lord spoke", ["Jack Lord"]),
        ("ask Marta. Jack knows", ["Marta", "Jack"]),
        ("ask Wm. Webb", ["Wm. Webb"]),
        ("then Trooper Hale and Officer Jack Webb", ["Hale", "Jack Webb"]),
    ],
)
def test_an_office_and_a_full_stop_part_names(text: str, names: list[str]) -> None:
    titles = ("QC", "APPELLANT", "LORD", "JUSTICE", "SIR", "Justice", "Lord", "Trooper", "Officer")
    words = dict.fromkeys((*titles, "HALE", "WEBB", "MARK", "DOE", "Hale", "Webb", "Jack", "Marta", "Wm"), 0.95)
    assert found(text, words) == [(name, "PERSON") for name in names]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("by Dr. S. N. Rao, who", "S. N. Rao"),
        ("by J.-P. Rao", "J.-P. Rao"),
        ("in the U.S. Rao said", "Rao"),
        ("by Shri R. K. Rao", "R. K. Rao"),
        ("HHJ Rao sat", "Rao"),
        ("at 3.p. Rao", "Rao"),
        ("S/O. Rao", "Rao"),
        ("Magistrate Rao", "Rao"),
        ("see www.A. Rao", "Rao"),
    ],
)
def test_a_name_begins_at_its_initials_and_behind_a_form_of_address(text: str, name: str) -> None:
    words = {"Shri": 0.9, "R": 0.9, "K": 0.9, "Rao": 0.9, "HHJ": 0.9, "O": 0.9, "Magistrate": 0.9}
    assert found(text, words) == [(name, "PERSON")]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("the decision of Latham J on appeal", ["Latham"]),
        ("Coram: MOKWENA AJ Introduction", ["MOKWENA"]),
        ("Doreen Latham SC for the plaintiff", ["Doreen Latham"]),
        ("Judgment by: Latham J. Status of Judgment", ["Latham"]),
        ("Latham and Doreen JJ.A. of the court", ["Latham", "Doreen"]),
        ("ask Doreen J about it", ["Doreen J"]),
        ("the court heard Doreen J. Fernsby today", ["Doreen J. Fernsby"]),
        ("DOREEN LATHAM N.O. First Applicant", ["DOREEN LATHAM"]),
        ("DOREEN LATHAM 3rd Respondent", ["DOREEN LATHAM"]),
        ("per Latham J, SCJJ sitting", ["Latham"]),
    ],
)
def test_letters_of_an_office_are_no_part_of_a_name_where_a_court_speaks(text: str, names: list[str]) -> None:
    labelled = ("Latham", "MOKWENA", "Doreen", "J", "AJ", "SC", "JJ", "A", "DOREEN", "LATHAM", "N", "O", "3rd")
    words = dict.fromkeys(labelled, 0.95)
    assert found(text, words) == [(name, "PERSON") for name in names]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Mr H J Rao for the Crown", "H J Rao"),
        ("COUNSEL:\nB Rao", "B Rao"),
        ("C Rao, D Rao", "Rao"),
        ("A Rao of that kind", "Rao"),
        ("then I Rao", "Rao"),
        ("by Barrister Rao", "Rao"),
    ],
)
def test_initials_without_stops_where_nothing_else_can_stand(text: str, name: str) -> None:
    assert found(text, {"Rao": 0.9, "Barrister": 0.9})[0] == (name, "PERSON")


def test_a_name_goes_on_in_the_next_line_where_lines_are_full() -> None:
    names = {"Tahir": 0.9, "Abbas": 0.9, "Bhatti": 0.9}
    text = "and it was submitted by the learned counsel Tahir\nAbbas Bhatti that"
    assert found(text, names) == [("Tahir\nAbbas Bhatti", "PERSON")]
    listed = "Invited to it were these two of us\nTahir\nAbbas Bhatti\n"
    assert found(listed, names) == [("Tahir", "PERSON"), ("Abbas Bhatti", "PERSON")]


def test_beside_much_longer_lines_a_line_of_names_is_a_list() -> None:
    names = {"Tahir": 0.9, "Abbas": 0.9, "Bhatti": 0.9}
    text = "and it was submitted by the learned counsel Tahir\nAbbas Bhatti\n"
    paragraph = "The judgment of the court is one paragraph of a text that nobody has broken into lines. " * 3
    assert found(text + paragraph, names) == [("Tahir", "PERSON"), ("Abbas Bhatti", "PERSON")]


@pytest.mark.parametrize("verb", ["tell", "remind", "email", "refund"])
def test_what_is_done_with_somebody_is_no_part_of_a_name(verb: str) -> None:
    words = dict.fromkeys((verb, "Dave", "Olsen"), 0.95)
    assert found(f"then {verb} Dave Olsen today", words)[-1] == ("Dave Olsen", "PERSON")


def test_a_capital_beside_a_name_belongs_to_it_unless_the_model_is_sure_that_it_does_not() -> None:
    assert found("saw Ali Raza Kanjan there", {"Ali": 0.1, "Raza": 0.6, "Kanjan": 0.12}) == [
        ("Ali Raza Kanjan", "PERSON")
    ]
    assert found("saw Ali, Raza there", {"Ali": 0.1, "Raza": 0.6}) == [("Raza", "PERSON")]
    assert found("saw ali Raza there", {"ali": 0.1, "Raza": 0.6}) == [("Raza", "PERSON")]


def test_half_a_name_brings_its_weaker_half_but_weak_ones_alone_go() -> None:
    assert found("saw Trevor Noah there", {"Trevor": 0.9, "Noah": 0.2}) == [("Trevor Noah", "PERSON")]
    assert found("saw noah there", {"noah": 0.6}) == []


def test_case_counts_inside_a_sentence_and_says_nothing_where_all_is_shouted() -> None:
    assert found("we met Sanjay", {"Sanjay": 0.25}) == [("Sanjay", "PERSON")]
    assert found("we met sanjay", {"sanjay": 0.25}) == []
    assert found("WE MET SANJAY", {"SANJAY": 0.25}) == []
    assert found("Rose water", {"Rose": 0.3}) == []


def test_a_small_word_behind_a_name_is_no_part_of_it() -> None:
    assert found("Ms Tremblay flew home", {"Tremblay": 0.9, "flew": 0.8}) == [("Tremblay", "PERSON")]
    assert found("ms tremblay marie called", {"tremblay": 0.9, "marie": 0.8}) == [("tremblay marie", "PERSON")]


@pytest.mark.parametrize("word", ["LMAO", "lol", "hahahaha", "Haha", "RT", "omg", "I"])
def test_chatter_is_nobody_s_name(word: str) -> None:
    assert found(f"so {word} what", {word: 0.99}) == []


@pytest.mark.parametrize("word", ["Yayoi", "Halle", "Ty", "Oh", "I."])
def test_names_that_begin_like_chatter_stay(word: str) -> None:
    text = f"so {word} said"
    assert [span[2] for span in spans_of_words(text, [Word(3, 3 + len(word.rstrip(".")), "PERSON", 0.9)])] == ["PERSON"]


def test_only_small_function_words_are_passed_over_unseen() -> None:
    assert [
        word for word in ("the", "The", "will", "May", "may", "de", "12", "?", "😂", "US", "us") if may_be_named(word)
    ] == [*("The", "will", "May", "may", "de", "12", "US", "us")]


def test_emoji_and_punctuation_are_no_part_of_a_name() -> None:
    assert found("in Amsterdam 😂 !", {"Amsterdam": 0.9, "😂": 0.9, "!": 0.9}, "LOCATION") == [
        ("Amsterdam", "LOCATION")
    ]


def test_a_handle_is_a_user_s_name_as_a_whole_and_an_address_s_domain_is_none() -> None:
    assert found("thanks @ana_diaz for it", {"ana_diaz": 0.9}) == [("ana_diaz", "USERNAME")]
    text = "thanks @MiSS_SOTO2 for it"
    parts = [Word(8, 12, "PERSON", 0.9), Word(13, 17, "PERSON", 0.9)]
    assert [(text[start:end], kind) for start, end, kind, _ in spans_of_words(text, parts)] == [
        ("MiSS_SOTO2", "USERNAME")
    ]
    assert found("thanks ana@diaz for it", {"diaz": 0.9}) == [("diaz", "PERSON")]


def test_the_parts_of_an_address_are_one() -> None:
    address = {"12": 0.9, "Elm": 0.9, "Street": 0.9, "4": 0.9}
    assert found("send to 12 Elm Street, Apt 4 please", address, "STREET_ADDRESS") == [
        ("12 Elm Street, Apt 4", "STREET_ADDRESS")
    ]
