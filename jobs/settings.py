"""How a dataset is looked at: what travels from the driver to the workers, in one frozen value."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clearance.tokenization.keys import KeyReference

if TYPE_CHECKING:
    from clearance.classifiers.engine import Engine
    from clearance.tokenization.tokens import Tokenizer


@dataclass(frozen=True, slots=True)
class Detection:
    """Language, regions (None: the language's usual ones), NER model and threshold of an engine."""

    language: str = "en"
    regions: tuple[str, ...] | None = None
    ner: str | None = "rampart"
    threshold: float = 0.35

    def engine(self) -> "Engine":
        """This process's engine, built at most once."""
        from clearance.classifiers.engine import load_engine

        return load_engine(language=self.language, regions=self.regions, ner=self.ner, threshold=self.threshold)

    @property
    def phone_region(self) -> str:
        """The region whose national phone numbers are read without a country code."""
        if self.regions:
            return {"uk": "GB"}.get(self.regions[0], self.regions[0].upper())
        return {"en": "US"}.get(self.language, self.language.upper())


@dataclass(frozen=True, slots=True)
class Tokens:
    """Where the key is and which join scope tokens are made in. Holds no secret."""

    key: KeyReference
    domain: str = "default"
    region: str = "US"

    def open(self) -> "Tokenizer":
        """A tokenizer of this process; the key file is read once a process."""
        from clearance.tokenization.tokens import Tokenizer

        return Tokenizer(self.key.open(), self.domain, region=self.region)
