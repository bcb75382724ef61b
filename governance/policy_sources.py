"""From policy files to one policy: the default, what is included, and the file itself, put together with their lines.

The file itself wins over what it includes, entry by entry, and both over the default. Files that are included must not
contradict each other: of rules the strictest holds, and two different entries of one name are an error.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clearance.errors import PolicyError
from clearance.governance.strict_yaml import Location, Marks, parse, read_text, suggest, where

DEFAULT_NAME = "default_policy.yaml"
PACKS = Path(__file__).with_name("packs")
_PACK = "pack:"

#: Sections whose entries are replaced one by one.
_ENTRIES = ("regimes", "entity_types", "combinations", "deidentification", "columns", "domains", "reversal", "rules")
#: Rules that bind where one file turns them on.
_EITHER = frozenset(
    {"regimes", "regions", "purposes", "restricted_uses", "obsolescence", "retention", "approval", "manifest"}
)
#: Rules that let something through: only where every file does.
_BOTH = frozenset({"text_without_model", "derived_labels"})
_LISTED = frozenset({"usage", "consent"})
_TABLES = frozenset({"environments", "stores", "needs"})

Parsed = tuple[dict[str, Any], dict[Location, str]]


def pack_names() -> list[str]:
    """The packs that ``include: [pack:NAME]`` knows."""
    return sorted(path.stem for path in PACKS.glob("*.yaml"))


def read_sources(path: str | Path) -> Parsed:
    """What a policy file says with all it includes and extends, and "file:line" of every place.

    ``pack:NAME`` reads a pack as if it were a policy that extends the default and includes nothing else.
    """
    if str(path).startswith(_PACK):
        data, marks = _read_pack(str(path), {})
        own = {"version": data.get("version"), "name": data.get("name"), "extends": "default"}
        tests = {"tests": data.pop("tests")} if "tests" in data else {}
        return _whole(_include(_base(own), (data, marks), frozenset()), ({**own, **tests}, marks))
    file = Path(path)
    data, marks = _parsed(read_text(file), str(path))
    base = _base(data)
    included: frozenset[Location] = frozenset()
    for part in _included(data, marks, file.parent, (file.resolve(),)):
        base = _include(base, part, included)
        included |= {place[:2] for place in part[1] if len(place) > 1}
    return _whole(base, (data, marks))


def default_source() -> Parsed:
    """The packaged default."""
    return _parsed(read_text(Path(__file__).with_name(DEFAULT_NAME)), DEFAULT_NAME)


def _base(data: Mapping[str, Any]) -> Parsed:
    return default_source() if data.get("extends") == "default" else ({}, {})


def _parsed(text: str, source: str) -> Parsed:
    data, marks = parse(text, source)
    places = dict(marks)
    rules = data.get("rules")
    for name in _LISTED if isinstance(rules, dict) else ():
        table = rules.get(name)  # type: ignore[union-attr]
        for usage, listed in table.items() if isinstance(table, dict) else ():
            for number, item in enumerate(listed if isinstance(listed, list) else ()):
                # By its name too: numbers don't outlive the union of two lists, and a frozen set has none.
                place: Location = ("rules", name, usage, number)
                if isinstance(item, str) and place in places:
                    places[("rules", name, usage, item)] = places[place]
    return data, places


def _read_pack(name: str, marks: Marks, place: Location = ()) -> Parsed:
    known = pack_names()
    stem = name.removeprefix(_PACK)
    if stem not in known:
        at = where(marks, place)
        raise PolicyError(f"{at + ': ' if at else ''}there is no pack '{stem}'", hint=suggest(stem, known))
    return _parsed(read_text(PACKS / f"{stem}.yaml"), f"packs/{stem}.yaml")


def _included(data: Mapping[str, Any], marks: Marks, folder: Path, seen: tuple[Path, ...]) -> Iterator[Parsed]:
    """Every file that is included, those that it includes before it."""
    names = data.get("include", [])
    if not isinstance(names, list):
        return  # the model says what is wrong with it
    for number, name in enumerate(names):
        place: Location = ("include", number)
        if not isinstance(name, str):
            continue
        if name.startswith(_PACK):
            yield _read_pack(name, marks, place)
            continue
        file = folder / name
        if file.resolve() in seen:
            raise PolicyError(f"{where(marks, place)}: {name} includes itself", hint="take it out of one of the files")
        try:
            part = _parsed(read_text(file), str(file))
        except PolicyError as error:
            raise PolicyError(f"{where(marks, place)}: {error.message}", hint=error.hint) from None
        for key in ("extends", "levels"):
            if key in part[0]:
                raise PolicyError(
                    f"{where(part[1], (key,))}: {key} is for the policy that includes this file",
                    hint=f"say it in {where(marks, ()) or 'the policy'}",
                )
        yield from _included(part[0], part[1], file.parent, (*seen, file.resolve()))
        yield part


def _include(base: Parsed, part: Parsed, included: frozenset[Location]) -> Parsed:
    """The base with an included file. ``included``: entries that other included files gave."""
    data, marks = part
    merged, places = dict(base[0]), dict(base[1])
    for key, value in data.items():
        if key in {"version", "name", "include", "extends"}:
            continue
        if key in _ENTRIES and key != "rules" and isinstance(value, dict):
            old = merged.get(key) or {}
            for name in value:
                if (key, name) in included and name in old and old[name] != value[name]:
                    raise PolicyError(
                        f"{where(marks, (key, name))}: {key}.{name} is said otherwise at {where(places, (key, name))}",
                        hint="both are included: say in your own policy what holds",
                    )
                places = _moved(places, marks, (key, name))
            merged[key] = {**value, **{name: old[name] for name in old if name not in value}}
        elif key == "rules" and isinstance(value, dict):
            merged["rules"], places = _strictest(merged.get("rules") or {}, places, value, marks, merged)
        elif key in {"claims", "tests", "taxonomy", "basis"}:
            merged[key], places = _joined(merged.get(key), places, value, marks, (key,))
        else:
            merged[key], places = value, _moved(places, marks, (key,))
    return merged, places


def _whole(base: Parsed, own: Parsed) -> Parsed:
    """The base with the file itself over it."""
    data, marks = own
    merged, places = dict(base[0]), dict(base[1])
    for key, value in data.items():
        if key in _ENTRIES and isinstance(value, dict):
            old = merged.get(key)
            for name in value:
                places = _moved(places, marks, (key, name))
            kept = old if isinstance(old, dict) else {}
            merged[key] = {**value, **{name: kept[name] for name in kept if name not in value}}
        elif key in {"claims", "tests", "taxonomy", "basis"}:
            merged[key], places = _joined(merged.get(key), places, value, marks, (key,))
        else:
            merged[key], places = value, _moved(places, marks, (key,))
    return merged, {**places, (): marks[()]}


def _moved(places: dict[Location, str], marks: Marks, place: Location) -> dict[Location, str]:
    """Places with those at and below one taken from other marks: an entry that is replaced keeps none of its own."""
    size = len(place)
    kept = {where: line for where, line in places.items() if where[:size] != place}
    kept |= {where: line for where, line in marks.items() if where[:size] == place}
    # What holds the entry, such as its section, keeps the line it has, or gets one.
    for depth in range(1, size):
        if place[:depth] not in kept and place[:depth] in marks:
            kept[place[:depth]] = marks[place[:depth]]
    return kept


def _joined(
    old: Any, places: dict[Location, str], new: Any, marks: Marks, place: Location
) -> tuple[Any, dict[Location, str]]:
    """Lists one after the other, mappings key by key, text with a semicolon between; anything else as it comes."""
    if isinstance(old, dict) and isinstance(new, dict):
        joined = dict(old)
        for name, value in new.items():
            joined[name], places = _joined(old.get(name), places, value, marks, (*place, name))
        return joined, places
    if isinstance(old, list) and isinstance(new, list):
        size = len(place)
        moved = {
            (*place, len(old) + int(spot[size]), *spot[size + 1 :]): line
            for spot, line in marks.items()
            if len(spot) > size and spot[:size] == place and isinstance(spot[size], int)
        }
        return [*old, *new], {**places, **moved}
    if isinstance(old, str) and isinstance(new, str) and old != new:
        return f"{old}; {new}", _moved(places, marks, place)
    return new, _moved(places, marks, place)


def _strictest(
    old: Mapping[str, Any], places: dict[Location, str], new: Mapping[str, Any], marks: Marks, data: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[Location, str]]:
    """Rules of which the stricter holds, rule by rule."""
    rules = dict(old)
    for name, value in new.items():
        place: Location = ("rules", name)
        had = old.get(name)
        if name in _EITHER:
            if value is not False or had is None:
                rules[name], places = value, _moved(places, marks, place)
        elif name in _BOTH:
            rules[name] = value if had is None else value and had
        elif name in _LISTED and isinstance(value, dict):
            rules[name], places = _unions(had or {}, places, value, marks, place)
        elif name == "hosting" and isinstance(value, dict) and isinstance(had, dict):
            levels = data.get("levels") or []
            rank = {level: number for number, level in enumerate(levels) if isinstance(level, str)}
            rules[name] = dict(had)
            for host, level in value.items():
                if rank.get(level, -1) < rank.get(str(had.get(host)), len(rank)):
                    rules[name][host], places = level, _moved(places, marks, (*place, host))
        elif name == "age_groups" and isinstance(value, dict):
            rules[name] = dict(had or {})
            for usage, groups in value.items():
                before = rules[name].get(usage)
                both = isinstance(before, list) and isinstance(groups, list)
                rules[name][usage] = [group for group in groups if group in before] if both else groups
                places = _moved(places, marks, (*place, usage))
        elif name in _TABLES and isinstance(value, dict) and isinstance(had, dict):
            for key in value:
                _same(had.get(key), value[key], (*place, key), places, marks)
                places = _moved(places, marks, (*place, key))
            rules[name] = {**had, **value}
        else:
            _same(had, value, place, places, marks)
            rules[name], places = value, _moved(places, marks, place)
    return rules, places


def _unions(
    old: Any, places: dict[Location, str], new: Mapping[str, Any], marks: Marks, place: Location
) -> tuple[dict[str, Any], dict[Location, str]]:
    joined = dict(old) if isinstance(old, dict) else {}
    for usage, listed in new.items():
        before = joined.get(usage)
        if isinstance(before, list) and isinstance(listed, list):
            fresh = [item for item in listed if item not in before]
            joined[usage] = [*before, *fresh]
            for item in fresh:
                spot: Location = (*place, usage, item)
                if isinstance(item, str) and spot in marks:
                    places[spot] = marks[spot]
        else:
            joined[usage], places = listed, _moved(places, marks, (*place, usage))
    return joined, places


def _same(had: Any, value: Any, place: Location, places: Marks, marks: Marks) -> None:
    if had is not None and had != value:
        told = ".".join(map(str, place))
        raise PolicyError(
            f"{where(marks, place)}: {told} is said otherwise at {where(places, place)}",
            hint="which of the two is stricter can't be told: say in your own policy what holds",
        )
