"""A spaCy model's entities in Presidio's names, with only the pipes that NER needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import spacy

from clearance.classifiers.findings import Span
from clearance.classifiers.windows import in_windows
from clearance.errors import UsageError

#: spaCy's labels in Presidio's words, as ``presidio_analyzer.nlp_engine.NerModelConfiguration`` has them.
ENTITY_OF_LABEL = {
    "PER": "PERSON",
    "PERSON": "PERSON",
    "NORP": "NRP",
    "FAC": "LOCATION",
    "LOC": "LOCATION",
    "LOCATION": "LOCATION",
    "GPE": "LOCATION",
    "DATE": "DATE_TIME",
    "TIME": "DATE_TIME",
}
#: spaCy's NER gives no probability; Presidio's default stands in for it.
SCORE = 0.85
#: Texts of one ``nlp.pipe`` batch.
BATCH = 64


class SpacyNer:
    """The spaCy model ``package``, installed by the user.

    Raises UsageError when it has no NER or speaks another language.
    """

    def __init__(self, package: str, language: str) -> None:
        self.name = f"spacy:{package}"
        self._nlp = spacy.load(package)
        if "ner" not in self._nlp.pipe_names:
            raise UsageError(f"the spaCy model {package} has no entity recognizer", hint="name another model")
        if self._nlp.lang not in (language, "xx"):
            raise UsageError(
                f"the spaCy model {package} is for {self._nlp.lang!r}, not {language!r}", hint="name another model"
            )
        needed = {"ner", *_listened_to(self._nlp)}
        self._nlp.select_pipes(enable=[name for name in self._nlp.pipe_names if name in needed])
        labels = self._nlp.get_pipe("ner").labels  # type: ignore[attr-defined]
        self.entity_types = tuple(sorted({ENTITY_OF_LABEL[label] for label in labels if label in ENTITY_OF_LABEL}))
        self.facts: Mapping[str, Any] = {
            "model": self._nlp.meta["version"],
            "versions": {"spacy": metadata.version("spacy")},
        }

    def spans(self, texts: Sequence[str]) -> list[list[Span]]:
        """Entities of each text; a long one is looked at in windows, for spaCy takes a million characters."""
        return in_windows(self._entities, texts)

    def _entities(self, texts: Sequence[str]) -> list[list[Span]]:
        return [
            [
                Span(entity.start_char, entity.end_char, ENTITY_OF_LABEL[entity.label_], SCORE, self.name)
                for entity in doc.ents
                if entity.label_ in ENTITY_OF_LABEL
            ]
            for doc in self._nlp.pipe(texts, batch_size=BATCH)
        ]


def _listened_to(nlp: spacy.language.Language) -> list[str]:
    """Pipes that others share: NER may listen to a common ``tok2vec`` or ``transformer``."""
    return [name for name in nlp.pipe_names if name in ("tok2vec", "transformer", "curated_transformer")]
