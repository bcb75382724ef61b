"""From labelled words to spans: what case says of a name, which neighbours are one name, what is cut off its ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple


class Word(NamedTuple):
    """A word of a text, the entity type that fits it best, and the probability of that."""

    start: int
    end: int
    entity: str
    score: float


@dataclass(slots=True)
class _Piece:
    start: int
    end: int
    entity: str
    score: float


#: A span needs one word of this probability ...
MIN_SCORE = 0.5
#: ... and then takes in its neighbours down to this one: half a name left in the open is a name left in the open.
WEAK_SCORE = 0.4
#: The model reads small letters only, so a word's case is evidence of its own: likelihood ratios for names and places.
CAPITAL_INSIDE, CAPITAL_FIRST, SMALL_LETTER = 4.0, 2.0, 0.5
#: Of a capital beside a name: half a name left in the open is a name left in the open.
CAPITAL_BESIDE_NAME = 8.0
#: Of a small word behind a name with a capital: "Ms Tremblay flew". Particles ("de", "van") need no score.
SMALL_AFTER_NAME = 0.05
#: Changes with every change of this file's code that changes a span.
RULES = 6

#: Text that is broken into lines has lines of so many characters.
_FULL_LINE = 40
#: How far the lines go that are compared with it.
_LINES_AROUND = 600
#: A court's words are looked for in so many characters on either side.
_NEAR = 200

_NAMES = ("PERSON", "LOCATION")
#: Words of chats that a model of small letters takes for short names.
_NO_NAME = re.compile(
    r"I|(?i:l+o+l+z?|lmf?a+o+|rofl+|omf?g+|wtf+|(?:h[aei]|j[ae]){2,}h?|a?(?:ha){2,}h?|ya+y+|rt|smh|idk|tbh|imh?o|btw"
    r"|pl[sz]|thx|wo+w+|yeah|yep|nope|hey+|hi+|hello+|ugh+|hm+)"
)
#: Small words that are in no name; "of", "de", "will" and "may" can be.
_FUNCTION_WORD = re.compile(
    r"a|about|after|all|also|although|an|and|any|are|as|at|be|because|been|before|being|both|but|by|can|could"
    r"|did|do|does|each|every|few|for|from|had|has|have|he|her|here|him|his|how|i|if|in|into|is|it|its|just|me"
    r"|more|most|much|must|my|no|nor|not|on|only|or|other|our|over|shall|she|should|so|some|such|than|that|the"
    r"|their|them|then|there|these|they|this|those|though|to|too|under|until|very|was|we|were|what|when|where"
    r"|which|while|who|whom|whose|why|with|without|would|you|your"
)
_HANDLE = re.compile(r"(?<![\w.])@\w+")

_NAME_GLUE = re.compile(
    # A full stop ends a sentence, unless at most two letters stand before it: "Wm. Penn", and not "Ana. Bob".
    r"(?:[ '’\-]{0,2}|[.'’\-]{1,2}|(?<![^\W\d_]{3})\. )"
    r"|(?:(?<![^\W\d_]{3})\.)?[ \t]{1,2}"
    r"(?:(?:[A-Z]\.?|de|del|della|di|da|dos|du|la|le|van|von|der|den|bin|al|el|y)[ \t]{1,2}){1,3}"
)
_AFTER_INITIAL = re.compile(r"[^\W\d_]{2,30}(?: [A-Z]\.?){1,2} ([^\W\d_a-z][^\W\d_][\w'’\-]{0,30})")
#: "J. T. Fernsby": initials in front of what the model calls a name are a part of it.
_INITIALS_BEFORE = re.compile(
    r"(?<![\w./])(?!(?:U\.[SKN]|E\.[UG]|D\.C|N\.Y|L\.A|P\.[OMS]|A\.[MDK]|[QK]\.C|I\.E)\.)"
    r"(?:[^\W\d_a-z]\.[ \-]?){1,3}(?<=[. \-])$"
    # "Mr H J Neal", "B Rogers" on a line or in a list of its own: without stops, an initial may be a word ("A", "I").
    r"|(?:(?<=\n)|(?<=[,;&(] )|(?<=\bM[rs] )|(?<=\bMrs )|(?<=\bMiss )|(?<=\bDr ))"
    r"(?![AIO] [^\W\d_][^\W\d_])(?:[A-Z] ){1,3}$"
)
#: Forms of address, nobody's name, that the model takes into one.
_ADDRESSED = re.compile(
    r"(?:HHJ|Shri|Smt\.?|Barrister|Herr|Frau|Maître|Adv\.?|Trooper|Constable|Sergeant|Detective|Corporal|Lieutenant|Officer"
    r"|Oba|OBA|Alhaji|ALHAJI|Sardar|Magistrate|Judge|JUDGE|Recorder|RECORDER|(?<=[RrSs]\.)J(?:USTICE|ustice))"
    r" (?=[^\W\d_a-z])"
    # "S/O. Ravi", "W/o Anitha": the letters of a relation.
    r"|(?<=\b[SDWHCsdwhc]/)[Oo]\.? ?(?=[^\W\d_a-z])"
)
#: "tell Dave Olsen": what is done with somebody is no part of a name.
_SMALL_WORD = re.compile(
    r"(?:tell|ask|remind|call|e-?mail|message|text|ping|contact|notify|inform|invite|thank|meet|cc|tag|assign|refund"
    r"|pay|bill|charge|interview|hire|address(?:ed)?|named?|called|said|says|signed|aka) (?=[^\W\d_a-z][^\W\d_]*[a-z])"
)
#: "WILHELM ROCHER 3rd", "MARGA ROUX N.O.": what number a party has, and that it acts for somebody.
_BEHIND_A_PARTY = re.compile(r",? (?:\d{1,2} ?(?:st|nd|rd|th)\b|N\. ?O\b)")
#: Offices in front of names: "LORD JUSTICE HALE LORD JUSTICE WEBB" are two people, "Mr Justice Hale" is one of them.
_OFFICES = frozenset({"justice", "lord", "lady", "sir", "dame", "hhj", "coram"})
#: Words between the names that a court sets one behind another.
_ROLE = re.compile(
    r"(?:appellant|applicant|claimant|defendant|petitioner|plaintiff|respondent)s?|recorder", re.IGNORECASE
)
#: ... and what stands behind a name: "KC Webb" is called so, "Jack Webb KC" is not.
_BEHIND_A_NAME = re.compile(r"(?<!\w)[^\W\d_a-z][\w'’\-]+,? (?:[QK]C|[CDKMO]BE)$")
_BEFORE_JUSTICE = re.compile(r"(?:M(?:r|s|rs|iss)\.?|Lord|Lady|Madam|Chief|Associate|by|Hon\S{0,8})\s$", re.IGNORECASE)
#: "Latham J", "MOKWENA AJ", "Vane JJ.A": where a court speaks, these at a name's end are an office and no initial.
_OFFICE_BEHIND = re.compile(
    r"(?<=[^\W\d_]{2}),? (?:J|[ADCLP]{0,2}CJ|[AD]?JA|JJA?|LJJ?|J{1,2}[SC][CA]|AJ[AP]?|DJP|PCJ|SC|PC|JJ?\.[ASC])\.?$"
)
_COURT = re.compile(
    r"court|judg|justice|coram|appeal|appell|plaintiff|respondent|counsel|tribunal|(?-i:\b(?:JJ?A|CJ|LJJ?|SCJJ)\b)",
    re.IGNORECASE,
)
#: What stands behind "J." where it is no initial: "Hale J. The court", "Hale J. Judgment by".
_NO_SURNAME = re.compile(
    r"(?:Judge?ment|Status|Ruling|Order|Reasons|Between|Delivered|Dated?|Introduction|Background|Held|Court|Case|Counsel)s?$"
)
_PLACE_GLUE = re.compile(
    r"[\s.,;'’>\-#/]{0,4}"
    r"(?:(?:apt|apartment|suite|ste|unit|floor|fl|room|rm|box|building|bldg|lot|no|nr|po|p\.o)\b[\s.:#]{0,3}){0,2}",
    re.IGNORECASE,
)


def facts() -> list[Any]:
    """What of this file decides about spans: its numbers, its patterns, and the version of its rules."""
    numbers = [
        MIN_SCORE,
        WEAK_SCORE,
        CAPITAL_INSIDE,
        CAPITAL_FIRST,
        CAPITAL_BESIDE_NAME,
        SMALL_LETTER,
        SMALL_AFTER_NAME,
        _FULL_LINE,
        _NEAR,
        _LINES_AROUND,
    ]
    patterns = [
        *(_FUNCTION_WORD, _NO_NAME, _HANDLE, _NAME_GLUE),
        *(_AFTER_INITIAL, _INITIALS_BEFORE, _ADDRESSED, _BEFORE_JUSTICE, _ROLE, _BEHIND_A_NAME, _PLACE_GLUE),
        *(_OFFICE_BEHIND, _COURT, _NO_SURNAME, _SMALL_WORD, _BEHIND_A_PARTY),
    ]
    return [RULES, numbers, [pattern.pattern for pattern in patterns], sorted(_OFFICES)]


def may_be_named(word: str) -> bool:
    """Whether ``word`` may be part of a name or number at all: no punctuation, no emoji, no small function word."""
    return not _FUNCTION_WORD.fullmatch(word) and any(map(str.isalnum, word))


def spans_of_words(text: str, words: Iterable[Word]) -> Iterator[tuple[int, int, str, float]]:
    """Start, end, entity type and score of what ``words`` make together, in order, not overlapping.

    Neighbours of one entity type become one span: "Ana" "Diaz", or "12" "Elm Street" "4"; weak ones alone go.
    """
    joined: list[_Piece] = []
    weak: Word | None = None
    shouted = 2 * sum(map(str.isupper, text)) > sum(map(str.isalpha, text))
    for word in _possible(text, words):
        last = joined[-1] if joined else None
        if last is not None and (last.entity != word.entity or not _glued(text, last, word)):
            last = None
        score = _with_case(text, word, last, shouted=shouted)
        if score < WEAK_SCORE:
            weak = word
            continue
        if last is not None:
            last.end = max(last.end, word.end)
            last.score = max(last.score, score)
        else:
            start = word.start if weak is None else _start_with(text, weak, word, shouted=shouted)
            joined.append(_Piece(start, word.end, word.entity, score))
        weak = None
    for piece in joined:
        if piece.entity == "PERSON":
            piece.end = _end_of_name(text, piece)
            piece.start = _start_of_name(text, piece)
        if piece.score >= MIN_SCORE:
            yield piece.start, piece.end, piece.entity, piece.score


def _end_of_name(text: str, name: _Piece) -> int:
    """With the surname that an initial is followed by, and without the letters of an office."""
    end = name.end
    rest = _AFTER_INITIAL.match(text, name.start, end + 40)
    if rest is not None and rest.start(1) <= end + 2 and not _is_no_surname(rest[1]):
        # "Stefanía K. Oddgeirsdóttir": whatever the model says, an initial is followed by a surname.
        return max(end, rest.end(1))
    party = _BEHIND_A_PARTY.search(text, name.start + 1, end + 4)
    if party is not None and party.start() < end <= party.end() + 1:
        return party.start()
    office = _OFFICE_BEHIND.search(text[name.start : end])
    if office is None or _COURT.search(text, max(0, name.start - _NEAR), end + _NEAR) is None:
        return end
    return name.start + office.start()


def _is_no_surname(word: str) -> bool:
    return _NO_SURNAME.fullmatch(word) is not None or _FUNCTION_WORD.fullmatch(word.lower()) is not None


def _start_with(text: str, weak: Word, name: Word, *, shouted: bool) -> int:
    """Where a name starts, with the word before it if the model is not too sure that it is none."""
    first = _Piece(weak.start, weak.end, weak.entity, weak.score)
    if not name.entity == weak.entity == "PERSON" or not _glued(text, first, name):
        return name.start
    beside = _Piece(name.start, name.end, name.entity, name.score)
    return weak.start if _with_case(text, weak, beside, shouted=shouted) >= WEAK_SCORE else name.start


def _start_of_name(text: str, name: _Piece) -> int:
    """Behind a form of address and in front of initials: "Shri R. K. Rao" and "Dr. S. N. Rao" are three words."""
    if addressed := _ADDRESSED.match(text, name.start, name.end):
        return addressed.end()
    if small := _SMALL_WORD.match(text, name.start, name.end):
        return small.end()
    before = max(0, name.start - 12)
    initials = _INITIALS_BEFORE.search(text[before : name.start])
    return before + initials.start() if initials else name.start


def _possible(text: str, words: Iterable[Word]) -> Iterator[Word]:
    """Words without those that can be no part of a name: punctuation, emoji, "lol"; "@ana" is a user's name."""
    handles = {match.start() + 1: match.end() for match in _HANDLE.finditer(text)} if "@" in text else {}
    end = 0
    for word in words:
        said = text[word.start : word.end]
        if word.start < end or not may_be_named(said):
            continue
        small = said.lower()
        if _ROLE.fullmatch(said) or (small in _OFFICES and _is_office(text, word, small)):
            continue
        if (
            word.entity == "PERSON"
            and said.isupper()
            and _BEHIND_A_NAME.search(text[max(0, word.start - 24) : word.end])
        ):
            continue
        if word.entity in _NAMES and (end := handles.get(word.start, 0)):
            yield Word(word.start, end, "USERNAME", word.score)
        elif word.entity not in _NAMES or not _NO_NAME.fullmatch(text, word.start, word.end) or _initial(text, word):
            yield word


def _is_office(text: str, word: Word, said: str) -> bool:
    """Whether a word is an office here: Justice, Lord and Lady are also what people are called."""
    following = text[word.end : word.end + 9].lower()
    if said in ("sir", "dame", "hhj", "coram"):
        return following[:1] in (" ", ":") and text[word.start].isupper()
    if said == "justice":
        return _BEFORE_JUSTICE.search(text, max(0, word.start - 12), word.start) is not None
    return following == " justice "


def _initial(text: str, word: Word) -> bool:
    return word.end - word.start == 1 and text.startswith(".", word.end)


def _with_case(text: str, word: Word, before: _Piece | None, *, shouted: bool) -> float:
    """The word's probability after a look at its first letter (Bayes); in ``shouted`` text a capital says nothing.

    ``before`` is the piece that the word would continue.
    """
    letter, ratio = text[word.start], 1.0
    if word.entity in _NAMES:
        if letter.islower():
            after_name = before is not None and before.entity == "PERSON" and text[before.start].isupper()
            ratio = SMALL_AFTER_NAME if after_name else SMALL_LETTER
        elif letter.isupper() and not shouted:
            left = text[max(0, word.start - 4) : word.start].rstrip(" \"'(")
            ratio = CAPITAL_INSIDE if left and left[-1] not in ".!?:\n" else CAPITAL_FIRST
            if before is not None and before.entity == word.entity == "PERSON":
                ratio = CAPITAL_BESIDE_NAME
    return round(word.score * ratio / (word.score * ratio + 1 - word.score), 4)


def _glued(text: str, left: _Piece, right: Word) -> bool:
    glue = _PLACE_GLUE if left.entity in ("STREET_ADDRESS", "LOCATION") else _NAME_GLUE
    # "Ana, Bob and Eve" are three people: a comma parts names, a hyphen or an initial's dot does not.
    if glue.fullmatch(text, left.end, max(left.end, right.start)) is not None:
        return True
    return left.entity == "PERSON" and _is_wrapped(text, left, right.start)


def _is_wrapped(text: str, left: _Piece, start: int) -> bool:
    """Whether a line was full where a name was broken: names on short lines of their own are several."""
    if text[left.end : start] != "\n":
        return False
    begin = text.rfind("\n", 0, left.end) + 1
    if left.end - begin < _FULL_LINE or " " not in text[begin : left.start].strip():
        return False
    # Broken text is broken everywhere: beside lines much longer than this one, a line ends where it was meant to.
    around = text[max(0, begin - _LINES_AROUND) : start + _LINES_AROUND]
    return max(map(len, around.split("\n"))) <= 2 * (left.end - begin)
