"""The report as HTML: ``report.html`` filled with what ``jobs/report.py`` tells, style and script inside.

Every text is made printable and escaped in one place, whatever a column is called. The page may load nothing, and runs
no script but ours: its Content-Security-Policy names the digests of the style and of the script.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from clearance.jobs.report_dataset import short_name
from clearance.jobs.report_lineage import fitted
from clearance.jobs.verdict_words import RULES, printable

#: So many columns are one table; of more, those with nothing to tell stand in one of their own.
_FEW = 30
#: So many solutions have a column each in the table of datasets.
_SOLUTIONS = 5


def page(told: Mapping[str, Any]) -> str:
    """The whole page."""
    datasets = told["datasets"]
    names = {each["key"]: f"d{number}" for number, each in enumerate(datasets)}
    style, script = _read("report.css"), _read("report.js")
    return _template().render(
        told,
        ids=names,
        style=Markup(style),  # noqa: S704 - ours
        script=Markup(script),  # noqa: S704 - ours
        policy_of_content=f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'",
        few=_FEW,
        wide=len(told["solutions"]) <= _SOLUTIONS,
        ranks={level: _rank(number, len(told["levels"])) for number, level in enumerate(told["levels"])},
        rules=RULES,
        bars=_bars,
        fitted=fitted,
        short=short_name,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        autoescape=True, finalize=_visible, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {each.__name__.removeprefix("_"): each for each in (_share, _whole, _count, _sentence)}
    environment.tests["telling"] = _is_telling
    return environment.from_string(_read("report.html"))


def _visible(value: Any) -> Any:
    """What is put into the page: a text with nothing in it that turns the writing round or hides; None is told."""
    if value is None:
        return "–"
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _rank(number: int, levels: int) -> int:
    """A level on a scale of 0 to 3, whatever their number: how loud it is shown."""
    return round(number * 3 / (levels - 1))


def _share(share: float) -> str:
    """A share with a tenth of a per cent, rounded to neither nothing nor all."""
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{share:.1%}".replace(".0%", "%")


def _whole(share: float | None) -> str | None:
    """A share in whole per cents."""
    if share is None:
        return None
    return "<1%" if 0 < share < 0.005 else ">99%" if 0.995 <= share < 1 else f"{share:.0%}"


def _count(number: int | None) -> str | None:
    return None if number is None else f"{number:,}"


def _sentence(text: str) -> str:
    """With a capital at its beginning and a full stop at its end."""
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}." if text else ""


def _is_telling(column: Mapping[str, Any]) -> bool:
    """Whether there is more to tell of a column than its shape."""
    return any(column[name] for name in ("found", "was", "role", "rules", "recorded")) or column["kind"] == "unknown"


def _bars(counts: list[int]) -> list[tuple[float, float]]:
    """Where each part of a bar of width 100 begins, and how wide it is."""
    total, at, found = sum(counts) or 1, 0.0, []
    for count in counts:
        width = 100 * count / total
        found.append((round(at, 2), round(width, 2)))
        at += width
    return found


__all__ = ["page"]
