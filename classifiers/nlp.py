"""Words for Presidio's context enhancement, without a model: blank spaCy, each word its own lemma."""

from __future__ import annotations

from typing import Any

import spacy
from presidio_analyzer.nlp_engine import NlpArtifacts, SpacyNlpEngine


class WordsOnlyNlpEngine(SpacyNlpEngine):
    """Presidio NLP engine that only splits text into words.

    With blank spaCy as it is every lemma is empty, and Presidio's context words never fire.
    """

    def __init__(self, language: str) -> None:
        super().__init__(models=[{"lang_code": language, "model_name": "blank"}])
        self._words = spacy.blank(language)
        self.nlp: Any = {language: self._words}

    def load(self) -> None:
        """Nothing to load: stock Presidio would download a model here."""

    def artifacts(self, text: str, language: str) -> NlpArtifacts:
        """Words of ``text``, their places, and the same words as lemmas."""
        tokens = self._words.make_doc(text)
        return NlpArtifacts(
            entities=[],
            tokens=tokens,
            tokens_indices=[token.idx for token in tokens],
            lemmas=[token.text for token in tokens],
            nlp_engine=self,
            language=language,
        )

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """Presidio's entry to :meth:`artifacts`."""
        return self.artifacts(text, language)

    def get_supported_entities(self) -> list[str]:
        """None: there is no model."""
        return []
