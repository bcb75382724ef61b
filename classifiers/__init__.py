"""What is in the data: values go in, value-free findings come out. No session, no storage, no policy.

``load_engine(ner=None).spans(["write to ana@example.org"])`` gives the places in each text.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clearance.classifiers.engine import Engine, load_engine
    from clearance.classifiers.findings import Span

__all__ = ["Engine", "Span", "load_engine"]


def __getattr__(name: str) -> Any:
    # Presidio and spaCy take a second to import, and most of the command line needs neither.
    if name in ("Engine", "load_engine"):
        from clearance.classifiers import engine

        return getattr(engine, name)
    if name == "Span":
        from clearance.classifiers.findings import Span

        return Span
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
