"""Stock Presidio with its pattern recognizers and no model. A module of its own: Spark's workers import it."""

from functools import cache

from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

from clearance.classifiers.nlp import WordsOnlyNlpEngine


@cache
def analyzer() -> AnalyzerEngine:
    """Built once a process."""
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    registry.remove_recognizer("SpacyRecognizer")
    return AnalyzerEngine(registry=registry, nlp_engine=WordsOnlyNlpEngine("en"), supported_languages=["en"])
