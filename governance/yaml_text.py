"""YAML as we write it: names are kept exactly, and a sign that a terminal obeys or an eye misses is spelled out."""

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    """Texts with such signs are in double quotes, where YAML has escapes for them."""


def _represent(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent)


def yaml_text(content: Any, **layout: Any) -> str:
    """The YAML of plain data, keys in their order. ``layout`` is PyYAML's: ``width``, ``default_flow_style``."""
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, **layout)
    # Python spells a sign as YAML does.
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


__all__ = ["yaml_text"]
