"""Datasets that have the shape of a chat: who says what is told by a role beside the words, or by a column's name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from clearance.leaves import read_leaf
from clearance.paths import Step
from clearance.values import texts_of, to_text

#: Whose words a leaf holds. Any other role is ``other``: a role is a value of the data, and never reported as it is.
ROLES = ("system", "user", "assistant", "tool", "other")
_SPELLINGS = {
    "system": ("system", "developer"),
    "user": ("user", "human", "prompter", "instruction"),
    "assistant": ("assistant", "gpt", "model", "bot", "ai", "chatgpt", "bard", "claude", "gemini", "llm", "agent"),
    "tool": ("tool", "function", "ipython", "observation", "tool_result", "function_response", "environment"),
}
_ROLES = {spelling: role for role, spellings in _SPELLINGS.items() for spelling in spellings}
#: A message says who speaks in one of these fields, and what in one of those: OpenAI, Anthropic, Gemini, ShareGPT.
_MESSAGE = {"role": ("content", "text", "parts", "message", "value"), "from": ("value",)}
#: Columns that make a pair of prompt and answer, and whose words the others beside them are.
_PROMPTS = ("prompt", "instruction", "question", "query", "input", "prompts")
_ANSWERS = ("completion", "response", "output", "answer", "chosen", "rejected", "completions", "responses", "answers")
_PAIRED = {
    **dict.fromkeys(_PROMPTS, "user"),
    **dict.fromkeys(_ANSWERS, "assistant"),
    **dict.fromkeys(("system", "system_prompt", "developer"), "system"),
}
_MESSAGES = ("messages", "conversations", "conversation")


class Message(NamedTuple):
    """The field of a message that tells who speaks, and those that hold what is said."""

    who: str
    said: tuple[str, ...]


def role_named(name: str | None) -> str:
    """The role that a dataset calls ``name``."""
    return _ROLES.get((name or "").strip().lower(), "other")


def message_of(names: Collection[str]) -> Message | None:
    """The fields that make a chat's message, among an object's; None if it is no message."""
    for who, said in _MESSAGE.items():
        found = tuple(name for name in said if name in names)
        if who in names and found:
            return Message(who, found)
    return None


def paired_roles(names: Iterable[str]) -> dict[str, str]:
    """Roles of columns or fields that make a prompt and its answer, by name; empty if they don't."""
    known = {name: name.lower() for name in names}
    lower = set(known.values())
    talks = bool(lower & set(_PROMPTS) and lower & set(_ANSWERS))
    if talks:
        return {name: _PAIRED[low] for name, low in known.items() if low in _PAIRED}
    if lower & set(_MESSAGES):
        # What stands beside the messages of a chat, as Anthropic's system prompt does.
        return {name: "system" for name, low in known.items() if _PAIRED.get(low) == "system"}
    return {}


class Speaker(NamedTuple):
    """Who says what a leaf holds: always the same ``role``, or whoever the field ``who`` names.

    ``message`` are the steps to the struct that has the field; () for a table whose rows are messages.
    """

    role: str
    message: tuple[Step, ...] = ()
    who: str = ""

    def turns(self, batch: pa.RecordBatch, steps: tuple[Step, ...]) -> Iterator[tuple[str, pa.Array]]:
        """Each role, and the values of the leaf that it says, in text form."""
        column = batch.column(batch.schema.get_field_index(steps[0].name))
        if not self.who:
            yield self.role, to_text(read_leaf(column, steps[1:])[0])
            return
        if self.message:
            messages, _ = read_leaf(column, self.message[1:])
            named, _ = read_leaf(messages, (Step("name", self.who),))
            values, rows = read_leaf(messages, steps[len(self.message) :])
        else:
            named = batch.column(batch.schema.get_field_index(self.who))
            values, rows = read_leaf(column, steps[1:])
        encoded = pc.dictionary_encode(to_text(named))
        roles = pa.array([role_named(name) for name in texts_of(encoded.dictionary)], pa.string()).take(encoded.indices)
        roles = pc.fill_null(roles, role_named(None)).take(pa.array(rows))
        for role in roles.unique().to_pylist():
            yield role, to_text(values.filter(pc.equal(roles, role)))


def speakers(leaves: Collection[tuple[Step, ...]]) -> dict[tuple[Step, ...], Speaker]:
    """Who says what the leaves of a schema hold, for those that are part of a chat."""
    found: dict[tuple[Step, ...], Speaker] = {}
    for leaf in leaves:
        # The message that is nearest to the leaf.
        for depth in range(len(leaf) - 1, -1, -1):
            above, name = leaf[:depth], leaf[depth].name
            # A field that holds more can name no one.
            siblings = [other[depth].name for other in leaves if other[:depth] == above and len(other) > depth]
            message = message_of(siblings)
            if message is not None and name in message.said and (*above, Step("name", message.who)) in leaves:
                found[leaf] = Speaker("", above, message.who)
                break
            if role := paired_roles(siblings).get(name):
                found[leaf] = Speaker(role)
                break
    return found
