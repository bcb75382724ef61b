"""Labelled data, read from what a file holds: texts with spans (JSON, JSON Lines, CoNLL), and the truth of tables.

An error names the item by its number, from 0, and never quotes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clearance.classifiers.findings import Span
from clearance.errors import UsageError

_TEXT = ("text", "full_text", "input", "content")
_SPANS = ("spans", "entities", "expected_entities", "label", "labels")
_START, _END = ("start", "start_position", "begin"), ("end", "end_position", "stop")
_TYPE = ("entity_type", "label", "type", "entity_group")
#: Names that other labelled sets use, in upper case, and ours.
ALIASES: Mapping[str, str] = {
    "PER": "PERSON",
    "NAME": "PERSON",
    "FULL_NAME": "PERSON",
    "FIRST_NAME": "PERSON",
    "LAST_NAME": "PERSON",
    "LOC": "LOCATION",
    "GPE": "LOCATION",
    "FAC": "LOCATION",
    "CITY": "LOCATION",
    "COUNTRY": "LOCATION",
    "STATE": "LOCATION",
    "ADDRESS": "STREET_ADDRESS",
    "ORG": "ORGANIZATION",
    "CORPORATION": "ORGANIZATION",
    "COMPANY": "ORGANIZATION",
    "NORP": "NRP",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
    "DOB": "DATE_OF_BIRTH",
    "BIRTH_DATE": "DATE_OF_BIRTH",
    "EMAIL": "EMAIL_ADDRESS",
    "PHONE": "PHONE_NUMBER",
    "PHONENUMBER": "PHONE_NUMBER",
    "SSN": "US_SSN",
    "CARD": "CREDIT_CARD",
    "CREDIT_CARD_NUMBER": "CREDIT_CARD",
    "IBAN": "IBAN_CODE",
    "IP": "IP_ADDRESS",
    "IPV4": "IP_ADDRESS",
    "IPV6": "IP_ADDRESS",
    "DOMAIN_NAME": "URL",
    "MRN": "MEDICAL_RECORD_NUMBER",
    "SEX": "GENDER",
}


@dataclass(frozen=True, slots=True)
class TypeNames:
    """Which types are scored, and under which name: labels and predictions alike.

    ``names`` is looked up in upper case, before ``ALIASES``. ``only`` (if not empty) and ``ignored`` are names of the
    result.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    only: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()

    def of(self, label: str) -> str | None:
        """The type's name, or None where it is not scored."""
        name = label.strip().upper().replace(" ", "_").replace("-", "_")
        name = self.names.get(name) or ALIASES.get(name, name)
        return None if name in self.ignored or (self.only and name not in self.only) else name

    def scored(self, spans: Iterable[Span]) -> list[Span]:
        """The spans that are scored, under their types' names."""
        named = ((span, self.of(span.entity_type)) for span in spans)
        return [Span(s.start, s.end, name, s.score, s.detector) for s, name in named if name is not None]


@dataclass(frozen=True, slots=True, repr=False)
class LabelledText:
    """One text with its true spans, in code points. It holds the text: keep it short-lived."""

    text: str
    spans: tuple[Span, ...]


def read_json(content: str) -> list[LabelledText]:
    """Texts of a JSON array, or of JSON Lines.

    An item has its text under ``text`` (``full_text``, ``input``, ``content``) and its spans under ``spans``
    (``entities``, ``expected_entities``, ``label``): objects with ``start``, ``end`` (``start_position``,
    ``end_position``) and ``entity_type`` (``label``, ``type``), or lists ``[start, end, type]``.
    Raises UsageError for anything else, and for a span that lies outside of its text.
    """
    return [_text(number, item) for number, item in enumerate(_items(content))]


def _items(content: str) -> list[Any]:
    whole = _loads(content)
    if isinstance(whole, list):
        return whole
    items = []
    for number, line in enumerate(line for line in content.splitlines() if line.strip()):
        item = _loads(line)
        if not isinstance(item, dict):
            raise UsageError(f"item {number} is no JSON object", hint="give a JSON array, or one object a line")
        items.append(item)
    return items


def _loads(content: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:  # its own error holds the document
        return None


def _text(number: int, item: Any) -> LabelledText:
    text, spans = (_first(item, names) for names in (_TEXT, _SPANS)) if isinstance(item, dict) else (None, None)
    if not isinstance(text, str) or not isinstance(spans, list):
        raise UsageError(
            f"item {number} has no text with a list of spans",
            hint=f"keys: {' or '.join(_TEXT)}; {' or '.join(_SPANS)}",
        )
    return LabelledText(text, tuple(_span(number, place, span, len(text)) for place, span in enumerate(spans)))


def _span(number: int, place: int, span: Any, length: int) -> Span:
    if isinstance(span, dict):
        start, end, kind = (_first(span, names) for names in (_START, _END, _TYPE))
    else:
        start, end, kind = span if isinstance(span, list) and len(span) == 3 else (None, None, None)
    fits = isinstance(start, int) and isinstance(end, int) and isinstance(kind, str)
    if not fits or not 0 <= start < end <= length:
        raise UsageError(
            f"span {place} of item {number} has no start, end and type, or lies outside of its text",
            hint="offsets count code points from 0, the end is exclusive",
        )
    return Span(start, end, kind, 1.0, "truth")


def _first(item: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((item[name] for name in names if name in item), None)


def read_conll(content: str) -> list[LabelledText]:
    """Texts of a CoNLL file: a token a line, its tag (IO, IOB, IOB2, BIOES, BILOU) last, a blank line after each text.

    Tokens are joined by one blank. Raises UsageError for a line without a tag.
    """
    return [_joined(rows) for rows in _sentences(content)]


def _sentences(content: str) -> Iterator[list[tuple[str, str]]]:
    rows: list[tuple[str, str]] = []
    for number, line in enumerate([*content.splitlines(), ""]):
        fields = line.split("\t") if "\t" in line else line.split()
        fields = [field for field in fields if field.strip()]
        if not fields or fields[0] == "-DOCSTART-":
            if rows:
                yield rows
            rows = []
            continue
        tag = fields[-1].strip()
        if len(fields) < 2 or not (tag == "O" or tag[1:2] == "-" or tag.isupper()):
            raise UsageError(f"line {number + 1} has no token with a tag", hint="a token and its tag a line")
        rows.append((fields[0].strip(), tag))


def _joined(rows: Sequence[tuple[str, str]]) -> LabelledText:
    spans: list[Span] = []
    at, last = 0, "O"
    for token, tag in rows:
        prefix, kind = (tag[0], tag[2:]) if tag[1:2] == "-" else ("I", tag)
        begins = prefix in "BSU" or last in ("O", "END") or spans[-1].entity_type != kind
        if tag != "O" and begins:
            spans.append(Span(at, at + len(token), kind, 1.0, "truth"))
        elif tag != "O":
            spans[-1] = _until(spans[-1], at + len(token))
        last = "O" if tag == "O" else "END" if prefix in "ELSU" else kind
        at += len(token) + 1
    return LabelledText(" ".join(token for token, _ in rows), tuple(spans))


def _until(span: Span, end: int) -> Span:
    return Span(span.start, end, span.entity_type, span.score, span.detector)


def read_truth(content: str) -> dict[str, dict[str, str]]:
    """The truth of tables: ``{file: {column: entity type}}``; columns that are not named are negatives.

    Raises UsageError for anything else.
    """
    data = _loads(content)
    tables = data.values() if isinstance(data, dict) else [None]
    if not all(isinstance(table, dict) and all(isinstance(kind, str) for kind in table.values()) for table in tables):
        raise UsageError("the truth of tables is not {file: {column: type}}", hint="see docs/how-to/evaluate.md")
    return dict(data)
