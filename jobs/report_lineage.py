"""Lineage as a drawing: datasets in layers, what they are made from on the left, what is made from them on the right.

Only places are worked out here; the page draws them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_WIDTH, _HEIGHT = 228, 46
_ACROSS, _DOWN = 64, 14
_MARGIN = 8
#: A layer shows so many datasets; the others are told by their number and in the list below.
_LAYER = 24
_LONGEST = 24

Edge = tuple[str, str, str]


def draw(key: str, up: Mapping[str, Any], down: Mapping[str, Any]) -> dict[str, Any] | None:
    """A drawing of two views (``Lineage.view``) of what a dataset comes from and goes to; None where there is nothing.

    Sizes are SVG user units. Nodes have a place, name, level and whether it is the dataset itself; edges a path and the
    job. ``steps``: every arrow in words, those that are not drawn too.
    """
    before, after = _edges(up), _edges(down)
    if not before and not after:
        return None
    layers = _layers(key, before, after)
    levels = {**down["datasets"], **up["datasets"]}
    columns = [[name for name, at in layers.items() if at == number] for number in sorted(set(layers.values()))]
    edges = list(dict.fromkeys([*before, *after]))
    columns = _ordered(columns, edges)
    tallest = max(min(len(column), _LAYER + 1) for column in columns)
    height = tallest * (_HEIGHT + _DOWN) - _DOWN + 2 * _MARGIN
    nodes: dict[str, dict[str, Any]] = {}
    more = []
    for number, column in enumerate(columns):
        shown = column[:_LAYER] if key not in column[_LAYER:] else [*column[: _LAYER - 1], key]
        rows = len(shown) + (len(shown) < len(column))
        top = (height - rows * (_HEIGHT + _DOWN) + _DOWN) / 2
        x = _MARGIN + number * (_WIDTH + _ACROSS)
        for row, name in enumerate(shown):
            y = top + row * (_HEIGHT + _DOWN)
            nodes[name] = {"key": name, "x": x, "y": round(y, 1), "level": levels.get(name), "own": name == key}
        if len(shown) < len(column):
            y = top + len(shown) * (_HEIGHT + _DOWN)
            more.append({"x": x, "y": round(y, 1), "count": len(column) - len(shown)})
    return {
        "width": 2 * _MARGIN + len(columns) * (_WIDTH + _ACROSS) - _ACROSS,
        "height": round(height, 1),
        "box": {"width": _WIDTH, "height": _HEIGHT},
        "nodes": list(nodes.values()),
        "more": more,
        "edges": [
            {"path": _path(nodes[source], nodes[target]), "job": job}
            for source, job, target in edges
            if source in nodes and target in nodes
        ],
        "steps": [{"source": source, "job": job, "dataset": target} for source, job, target in edges],
    }


def fitted(name: str, longest: int = _LONGEST) -> str:
    """A name cut in its middle, for its end tells more than its beginning."""
    return name if len(name) <= longest else f"{name[: longest // 3]}…{name[-(longest - longest // 3 - 1) :]}"


def _edges(view: Mapping[str, Any]) -> list[Edge]:
    """An arrow for each job between two datasets; what flows from column to column is told elsewhere."""
    return list(dict.fromkeys((step["source"], step["job"], step["dataset"]) for step in view["steps"]))


def _layers(key: str, before: Iterable[Edge], after: Iterable[Edge]) -> dict[str, int]:
    """How many steps each dataset is away, the nearest way: below zero what it comes from."""
    found = {key: 0}
    into: dict[str, list[str]] = {}
    out: dict[str, list[str]] = {}
    for source, _, target in before:
        into.setdefault(target, []).append(source)
    for source, _, target in after:
        out.setdefault(source, []).append(target)
    for ways, step in ((into, -1), (out, 1)):
        front = [key]
        while front:
            near = front.pop(0)
            new = [far for far in dict.fromkeys(ways.get(near, ())) if far not in found]
            found |= dict.fromkeys(new, found[near] + step)
            front += new
    return found


def _ordered(columns: Sequence[Sequence[str]], edges: Sequence[Edge]) -> list[list[str]]:
    """Neighbours of a dataset stand at about its height, so that few arrows cross."""
    beside: dict[str, list[str]] = {}
    for source, _, target in edges:
        beside.setdefault(source, []).append(target)
        beside.setdefault(target, []).append(source)
    made = [sorted(column) for column in columns]
    for _ in range(2):
        height = {name: (row + 0.5) / len(column) for column in made for row, name in enumerate(column)}
        for column in made:
            at = {
                name: sum(height[one] for one in beside[name]) / len(beside[name]) if beside.get(name) else height[name]
                for name in column
            }
            column.sort(key=lambda name: (at[name], name))
    return made


def _path(source: Mapping[str, Any], target: Mapping[str, Any]) -> str:
    x1, y1 = source["x"] + _WIDTH, source["y"] + _HEIGHT / 2
    x2, y2 = target["x"] - 5, target["y"] + _HEIGHT / 2
    if x2 <= x1:  # back, or within a layer: around the right side
        return f"M{x1} {y1:g}C{x1 + 50} {y1:g} {x1 + 50} {y2:g} {target['x'] + _WIDTH + 5} {y2:g}"
    half = (x2 - x1) / 2
    return f"M{x1} {y1:g}C{x1 + half:g} {y1:g} {x2 - half:g} {y2:g} {x2} {y2:g}"


__all__ = ["draw", "fitted"]
