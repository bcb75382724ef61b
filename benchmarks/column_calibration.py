"""How well a column's score is a probability: fits the calibration on made-up columns, and shows the curve on others.

Each column's most probable type, believed or not, is right or wrong; among those of probability p a share p should be
right. Fitted on half of the made-up columns: an isotonic curve over the sum of evidence. Shown, with the packaged
calibration: the other half, and labelled tables of other authors where a folder of them is named. ECE is the mean
distance of the curve from the diagonal over ten equal bins, weighted by their columns; Brier the mean squared error.

    python benchmarks/column_calibration.py [FOLDER_OF_TABLES] [--columns 8000] [--svg docs/images/column-scores.svg]
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from column_tables import HARMLESS, MadeUp, made_up_columns

from clearance.classifiers.column_score import Column, best_candidate, model
from clearance.classifiers.engine import Engine
from clearance.classifiers.labelled import read_truth
from clearance.classifiers.profile import LeafProfile
from clearance.classifiers.surroundings import Surroundings, surroundings
from clearance.jobs.evaluate import COLUMN_THRESHOLD, TRUTH, Configuration, read_columns

BINS = 10
#: Sums of evidence at which the calibration is fitted.
KNOTS = (-12.0, -8.0, -5.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
Numbers = npt.NDArray[np.float64]


class Judged(NamedTuple):
    """One column: the sum of evidence for its most probable type, that type, the true one, and its name."""

    evidence: float
    said: str
    truth: str | None
    name: str

    @property
    def right(self) -> bool:
        """Whether the most probable type is the true one."""
        return self.said == self.truth


def judge(
    engine: Engine, name: str, dtype: str, values: pa.Array, truth: str | None, around: Surroundings
) -> Judged | None:
    """The most probable type of a column; None where nothing speaks for any, or for one that is not scored."""
    profile = LeafProfile(name, dtype, salt=bytes(16))
    profile.update(values, engine)
    raw = {kind: counts for (form, kind), counts in profile.counts.items() if form == "raw"}
    best = best_candidate(Column(profile, name, dtype, raw, around)) if profile.filled else None
    if best is None or best.entity_type in HARMLESS:
        return None
    return Judged(best.evidence, best.entity_type, truth, name)


def judge_made_up(engine: Engine, columns: Iterator[MadeUp]) -> Iterator[Judged]:
    """The same for made-up columns."""
    for made in columns:
        around = surroundings([made.name, *made.beside])[made.name]
        judged = judge(engine, made.name, made.dtype, pa.array(made.values, pa.string()), made.truth, around)
        if judged is not None:
            yield judged


def judge_tables(engine: Engine, folder: Path) -> Iterator[Judged]:
    """The same for the columns of labelled tables."""
    truth = read_truth((folder / TRUTH).read_text(encoding="utf-8"))
    for file, labels in sorted(truth.items()):
        columns = read_columns(folder / file, 1000)
        around = surroundings([column.path for column in columns])
        for column in columns:
            found = judge(
                engine, column.path, column.dtype, column.values, labels.get(column.name), around[column.path]
            )
            if found is not None:
                yield found


def fit(evidence: Numbers, right: Numbers) -> dict[float, float]:
    """Share that is right about each knot that has columns, made monotone (pool adjacent violators, Ayer et al. 1955).

    Half a column is added to either side, so that nothing is certain.
    """
    nearest = np.abs(evidence[:, None] - np.array(KNOTS)).argmin(axis=1)
    pools: list[tuple[float, float, list[float]]] = []
    for place, knot in enumerate(KNOTS):
        here = right[nearest == place]
        if len(here):
            pools.append((float(here.sum()) + 0.5, len(here) + 1.0, [knot]))
        while len(pools) > 1 and pools[-2][0] / pools[-2][1] >= pools[-1][0] / pools[-1][1]:
            (hits, total, knots), (more, others, further) = pools[-2:]
            pools[-2:] = [(hits + more, total + others, knots + further)]
    return {knot: round(hits / total, 3) for hits, total, knots in pools for knot in knots}


class Bin(NamedTuple):
    """Columns of about one probability."""

    columns: int
    said: float
    right: float


def curve(probability: Numbers, right: Numbers) -> list[Bin]:
    """The bins that hold any column."""
    places = np.minimum((probability * BINS).astype(int), BINS - 1)
    return [
        Bin(int(inside.sum()), float(probability[inside].mean()), float(right[inside].mean()))
        for place in range(BINS)
        if (inside := places == place).any()
    ]


def show(what: str, judged: Sequence[Judged]) -> list[Bin]:
    """Prints one curve with its figures."""
    right = np.array([one.right for one in judged], dtype=np.float64)
    probability = np.array([model().probability(one.evidence) for one in judged])
    bins = curve(probability, right)
    error = sum(b.columns * abs(b.said - b.right) for b in bins) / len(judged)
    brier = float(((probability - right) ** 2).mean())
    base = float(right.mean() * (1 - right.mean()))
    print(f"\n{what}: {len(judged)} columns, ECE {error:.3f}, Brier {brier:.3f} (always the mean: {base:.3f})")
    for b in bins:
        print(f"  said {b.said:.2f}  right {b.right:.2f}  {b.columns:5d}  {'#' * round(40 * b.right)}")
    return bins


def svg(curves: dict[str, list[Bin]]) -> str:
    """The curves as a small figure."""
    side, margin, colours = 320, 40, ("#1f6feb", "#d9480f")
    size, middle = side + 2 * margin, margin / 2 + side / 2

    def at(x: float, y: float) -> str:
        return f"{margin + side * x:.1f},{margin / 2 + side * (1 - y):.1f}"

    def line(points: Sequence[str], style: str) -> str:
        return f'<polyline points="{" ".join(points)}" fill="none" {style}/>'

    def text(x: float, y: float, style: str, words: str) -> str:
        return f'<text x="{x:.0f}" y="{y:.0f}" {style}>{words}</text>'

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" font-family="sans-serif" font-size="12">',
        f'<rect width="{size}" height="{size}" fill="#fff"/>',
        line([at(0, 0), at(1, 0), at(1, 1), at(0, 1), at(0, 0)], 'stroke="#999"'),
        line([at(0, 0), at(1, 1)], 'stroke="#999" stroke-dasharray="4"'),
        text(margin + side / 2, side + 1.4 * margin, 'text-anchor="middle"', "score, 0 to 1"),
        text(
            14, middle, f'text-anchor="middle" transform="rotate(-90 14 {middle:.0f})"', "share that is right, 0 to 1"
        ),
    ]
    for place, ((what, bins), colour) in enumerate(zip(curves.items(), colours, strict=False)):
        parts.append(line([at(b.said, b.right) for b in bins], f'stroke="{colour}" stroke-width="2"'))
        for b in bins:
            x, y = at(b.said, b.right).split(",")
            radius = min(9.0, 2 + 2 * math.log10(b.columns))
            parts.append(f'<circle cx="{x}" cy="{y}" r="{radius:.1f}" fill="{colour}" fill-opacity="0.6"/>')
        parts.append(text(margin + 10, margin + 6 + 18 * place, f'fill="{colour}"', what))
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Fit, and show the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="labelled tables with their truth.json")
    parser.add_argument("--columns", type=int, default=8000)
    parser.add_argument("--svg", type=Path, help="where to write the figure")
    parser.add_argument("--verbose", action="store_true", help="name the kinds of mistakes")
    options = parser.parse_args()
    engine = Configuration(ner=None).engine(COLUMN_THRESHOLD)
    made = partial(made_up_columns, number=options.columns // 2)
    fitted, other = (list(judge_made_up(engine, made(seed))) for seed in (1, 2))
    evidence = np.array([one.evidence for one in fitted])
    print(f"fitted calibration: {fit(evidence, np.array([one.right for one in fitted], dtype=np.float64))}")
    print(f"packaged:           {dict(model().calibration)}")
    curves = {"made-up columns": show("made-up columns", other)}
    if options.folder is not None:
        curves["tables of other authors"] = show("tables", list(judge_tables(engine, options.folder)))
    if options.verbose:
        mistakes = Counter(
            (one.truth, one.said, one.name)
            for one in other
            if (model().probability(one.evidence) >= model().decision) != one.right
        )
        for (truth, said, name), count in mistakes.most_common(60):
            print(f"  {count:3d}  {name}: said {said}, true {truth}")
    if options.svg is not None:
        options.svg.write_text(svg(curves), encoding="utf-8")


if __name__ == "__main__":
    main()
