"""Protecting texts: what detectors find in them, and what a plan says of the leaves inside them.

A text that holds JSON or XML is still JSON or XML afterwards: only values change, each in its own notation.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from clearance.classifiers.embedded import MAX_NESTING, Document, read_document, replaced
from clearance.classifiers.findings import Span
from clearance.classifiers.places import Place
from clearance.classifiers.profile import UNVERIFIED
from clearance.jobs.plans import InsidePlan
from clearance.jobs.token_texts import strangers_in
from clearance.jobs.workers import find_in_texts
from clearance.method_spec import MethodSpec
from clearance.methods import Redact, Surrogate, parse_method
from clearance.paths import VALUE, Step
from clearance.perturbing import DateShift
from clearance.tokenization.methods import NO_ROWS, RowContext, apply, redaction
from clearance.tokenization.text import forgiving, rewrite_spans, written_places

if TYPE_CHECKING:
    from clearance.classifiers.engine import Engine
    from clearance.tokenization.tokens import Tokenizer

ROUNDS = 3
"""How often a text is detected again and replaced before the whole cell is redacted."""

Types = frozenset[str]
_Piece = tuple[int, int, str]


@dataclass(slots=True)
class Inside:
    """What a plan does to the leaves inside a string: a tree of steps, with entity type and method where decided."""

    below: dict[Step, "Inside"] = field(default_factory=dict)
    decided: tuple[str, MethodSpec] | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the plan says that it stays as it is, whatever is in it."""
        return self.decided is not None and self.decided[1].name == "keep"

    @classmethod
    def of(cls, leaves: Iterable[InsidePlan]) -> "Inside":
        """From the plans of the leaves."""
        root = cls()
        for leaf in leaves:
            node = root
            for step in leaf.steps:
                node = node.below.setdefault(step, cls())
            node.decided = leaf.entity_type, parse_method(leaf.method)
        return root

    def at(self, steps: Iterable[Step]) -> "Inside":
        """What is said of the place with these steps. A name that the plan does not know may be the key of a map."""
        node = self
        for step in steps:
            below = node.below.get(step) or (node.below.get(VALUE) if step.kind == "name" else None)
            if below is None:
                return _UNDECIDED
            node = below
        return node


_UNDECIDED = Inside()


class _Memory:
    """Of one text under way: what it was, whose row it is in, and what was written into it that looks like a value."""

    def __init__(self, raw: str, row: RowContext) -> None:
        self.raw, self.row = raw, row
        self.written: frozenset[str] = frozenset()

    def without_written(self, text: str, spans: Sequence["Span"]) -> Sequence["Span"]:
        """The spans that are not all of what was written."""
        places = written_places(text, self.written)
        return [span for span in spans if not any(low <= span.start and span.end <= high for low, high in places)]

    def kept(self, method: MethodSpec, value: str, entity_type: str) -> str:
        """What stands for a leaf: the value, or the constant where the source holds what was made up."""
        if not isinstance(method, DateShift | Surrogate):
            return value
        if isinstance(method, Surrogate) and value.casefold() in self.raw.casefold():
            return redaction(entity_type)
        self.written |= {value}
        return value


class TextProtector:
    """Replaces what is found in texts by its type's method, and the leaves inside them by the plan's."""

    def __init__(
        self, methods: Mapping[str, MethodSpec], inside: Inside, engine: "Engine", tokenizer: "Tokenizer"
    ) -> None:
        self._methods = methods
        self._inside = inside
        self._engine = engine
        self._tokenizer = tokenizer

    def protect(self, texts: Sequence[str], subjects: pa.Array | None = None) -> tuple[list[str], list[Types]]:
        """Each text protected, and the entity types it still holds in protected or kept form.

        ``subjects``: whose row each text is in, where dates are shifted by that. Detected again after each replacement,
        until nothing more is found or ``ROUNDS`` are over; then the cell is redacted as a whole.
        """
        result, types = list(texts), [frozenset[str]()] * len(texts)
        open_ = list(range(len(texts)))
        memories = self._memories(texts, subjects)
        for round_ in range(ROUNDS + 1):
            before = [result[i] for i in open_]
            still = []
            for i, text, kinds in zip(open_, *self._round(before, [memories[i] for i in open_]), strict=True):
                types[i] = types[i] | kinds
                if text == result[i]:
                    continue
                result[i] = redaction("TEXT") if round_ == ROUNDS else text
                still.append(i)
            open_ = still
            if not open_:
                break
        return result, types

    def once(self, texts: Sequence[str]) -> tuple[list[str], list[Types]]:
        """One round of ``protect``; a protected text stays as it is, but for surrogates and shifted dates."""
        return self._round(texts, self._memories(texts, None))

    def _memories(self, texts: Sequence[str], subjects: pa.Array | None) -> list[_Memory]:
        rows = (
            [NO_ROWS] * len(texts)
            if subjects is None
            else [RowContext(subjects.slice(i, 1)) for i in range(len(texts))]
        )
        return [_Memory(text, row) for text, row in zip(texts, rows, strict=True)]

    def _round(self, texts: Sequence[str], memories: Sequence[_Memory]) -> tuple[list[str], list[Types]]:
        return self._once(texts, [self._inside] * len(texts), memories, MAX_NESTING)

    def _once(
        self, texts: Sequence[str], inside: Sequence[Inside], memories: Sequence[_Memory], nesting: int
    ) -> tuple[list[str], list[Types]]:
        documents = {i: document for i, text in enumerate(texts) if nesting and (document := read_document(text))}
        result, types = list(texts), [frozenset[str]()] * len(texts)
        for i, places, kinds in self._in_documents(documents, inside, memories, nesting):
            types[i] = kinds
            if places:
                result[i] = replaced(result[i], places)
        for i, found in enumerate(find_in_texts(result, self._engine, self._tokenizer)):
            spans = memories[i].without_written(result[i], found) if memories[i].written else found
            spans = [*spans, *self._strangers(result[i])]
            held = {kind for _, _, kind in self._tokenizer.verified_spans(result[i])}
            types[i] = types[i] | held | {span.entity_type for span in spans}
            if spans:
                document = read_document(result[i]) if i in documents else None
                result[i] = self._replace(result[i], spans, document, inside[i], memories[i])
        return result, types

    def _strangers(self, text: str) -> "list[Span]":
        """What looks like a token and is none of this domain: a value of the type that it names, for all anyone knows.

        A second protection, or a scan by whoever lacks a key, would find it as that.
        """
        return [Span(*found, 1.0, UNVERIFIED) for found in strangers_in(text, self._tokenizer, self._engine)]

    def _in_documents(
        self, documents: Mapping[int, Document], inside: Sequence[Inside], memories: Sequence[_Memory], nesting: int
    ) -> Iterable[tuple[int, list[tuple[Place, str]], Types]]:
        """For each document its places that get another value, and the types found in any of its places."""
        changes: dict[int, list[tuple[Place, str]]] = {i: [] for i in documents}
        types: dict[int, set[str]] = {i: set() for i in documents}
        decided: dict[tuple[str, MethodSpec], list[tuple[int, Place]]] = {}
        open_: list[tuple[int, Place, Inside]] = []
        for i, document in documents.items():
            for place in document.places:
                if not place.steps or not place.text or place.text.isspace():
                    continue
                node = inside[i].at(place.steps)
                if node.decided is None:
                    open_.append((i, place, node))
                else:
                    decided.setdefault(node.decided, []).append((i, place))
        for (entity_type, method), all_places in decided.items():
            places = [(i, place) for i, place in all_places if place.text not in memories[i].written]
            rows = [memories[i].row.subjects for i, _ in places]
            values = self._apply(method, entity_type, [place.text or "" for _, place in places], rows)
            for (i, place), made in zip(places, values, strict=True):
                types[i].add(entity_type)
                value = memories[i].kept(method, made, entity_type)
                if value != place.text:
                    changes[i].append((place, value))
        if open_:
            texts = [place.text or "" for _, place, _ in open_]
            nested = [memories[i] for i, _, _ in open_]
            found = self._once(texts, [node for _, _, node in open_], nested, nesting - 1)
            for (i, place, _), value, kinds in zip(open_, *found, strict=True):
                types[i] |= kinds
                if value != place.text:
                    changes[i].append((place, value))
        for i in documents:
            _spell(memories[i], changes[i])
        return [(i, changes[i], frozenset(types[i])) for i in documents]

    def _apply(
        self, method: MethodSpec, entity_type: str, values: list[str], subjects: Sequence[pa.Array | None]
    ) -> list[str]:
        # A gap would change what the document says; so would a date of nobody known.
        known = [each for each in subjects if each is not None]
        nobodys = method.subject_column is not None and len(known) != len(values)
        method = Redact() if method.name in ("suppress", "null") or nobodys else forgiving(method)
        rows = RowContext(pa.concat_arrays(known)) if method.subject_column is not None and known else NO_ROWS
        column = pa.array(values, pa.string())
        texts: list[str] = apply(method, column, entity_type, self._tokenizer, rows).to_pylist() if values else []
        return texts

    def _replace(
        self, text: str, spans: Sequence["Span"], document: Document | None, inside: Inside, memory: _Memory
    ) -> str:
        pieces = [(span.start, span.end, span.entity_type) for span in spans]
        if document is not None:
            kept = [place for place in document.places if place.steps and inside.at(place.steps).is_kept]
            pieces = [p for p in pieces if not any(place.start <= p[0] and p[1] <= place.end for place in kept)]
            by_place = _by_place(text, document.places, pieces) if document.form in ("json", "xml") else None
            if by_place is not None:
                changes = [(place, self._in_place(text, place, own, memory)) for place, own in by_place]
                _spell(memory, changes)
                return replaced(text, changes)
        return self._rewrite(text, pieces, memory)

    def _rewrite(self, text: str, pieces: Sequence[_Piece], memory: _Memory) -> str:
        new, memory.written = rewrite_spans(
            text,
            pieces,
            self._methods,
            self._tokenizer,
            row=memory.row,
            written=memory.written,
            raw=memory.raw,
        )
        return new

    def _in_place(self, text: str, place: Place, pieces: Sequence[_Piece], memory: _Memory) -> str:
        source = text[place.start : place.end]
        value, own = _read_with(source, place, [(s - place.start, e - place.start, kind) for s, e, kind in pieces])
        return self._rewrite(value, own, memory)


def _spell(memory: _Memory, changes: Iterable[tuple[Place, str]]) -> None:
    """What was written may stand in the document in another spelling: ``&amp;`` for an ampersand."""
    for place, value in changes if memory.written else ():
        memory.written |= {place.notation.write(each) for each in memory.written if each in value}


def _by_place(text: str, places: Sequence[Place], pieces: Iterable[_Piece]) -> list[tuple[Place, list[_Piece]]] | None:
    """What of the pieces lies in which place; None if a letter or digit lies in none, so that the text must break."""
    starts = [place.start for place in places]
    found: dict[int, list[_Piece]] = {}
    for start, end, kind in pieces:
        touched = []
        at = start
        for number in range(max(bisect_right(starts, start) - 1, 0), bisect_right(starts, end - 1)):
            place = places[number]
            low, high = max(start, place.start), min(end, place.end)
            if low >= high:
                continue
            if _says_something(text[at:low]):
                return None
            at = high
            touched.append((number, low, high))
        if _says_something(text[at:end]):
            return None
        for number, low, high in touched:
            # A find that goes from value to value goes over the names of the fields between them.
            if places[number].text is not None and (places[number].steps or len(touched) == 1):
                found.setdefault(number, []).append((low, high, kind))
    return [(places[number], found[number]) for number in sorted(found)]


def _says_something(structure: str) -> bool:
    return any(character.isalnum() for character in structure)


def _read_with(source: str, place: Place, pieces: Sequence[_Piece]) -> tuple[str, list[_Piece]]:
    """What the source of a place spells, and where in it the pieces are: all of an escape, or nothing of it."""
    escapes = place.notation.escape
    if escapes is None or not escapes.search(source):
        return source, list(pieces)
    parts: list[str] = []
    # Of each character of the source, where what it spells begins and ends in the value.
    begins: list[int] = []
    ends: list[int] = []
    at = length = 0
    for escape in [*escapes.finditer(source), None]:
        start, end = escape.span() if escape else (len(source), len(source))
        begins += range(length, length + start - at)
        ends += range(length + 1, length + 1 + start - at)
        length += start - at
        spelled = place.notation.read(source[start:end])
        parts += [source[at:start], spelled]
        begins += [length] * (end - start)
        length += len(spelled)
        ends += [length] * (end - start)
        at = end
    return "".join(parts), [(begins[start], ends[end - 1], kind) for start, end, kind in pieces]


__all__ = ["Inside", "TextProtector", "Types"]
