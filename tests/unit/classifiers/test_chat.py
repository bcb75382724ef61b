"""Chats are known by their fields, in tables and in nested data."""

import pyarrow as pa
import pytest

from clearance.classifiers.chat import ROLES, Speaker, message_of, paired_roles, role_named, speakers
from clearance.leaves import leaves


@pytest.mark.parametrize(
    ("name", "role"),
    [("user", "user"), (" Human ", "user"), ("gpt", "assistant"), ("MODEL", "assistant"), ("developer", "system")],
)
def test_roles_have_many_names(name: str, role: str) -> None:
    assert role_named(name) == role


@pytest.mark.parametrize("name", [None, "", "Mary", "ana@example.org", "moderator"])
def test_any_other_role_is_never_told(name: str | None) -> None:
    assert role_named(name) == "other"


def test_messages_and_pairs_are_known_by_their_fields() -> None:
    assert message_of(["role", "content", "id"]) == ("role", ("content",))
    assert message_of(["from", "value"]) == ("from", ("value",))
    # An e-mail has a sender, a person a role: neither is a chat.
    assert message_of(["from", "to", "subject", "body"]) is None
    assert message_of(["role", "name"]) is None
    assert paired_roles(["instruction", "input", "output", "id"]) == {
        "instruction": "user",
        "input": "user",
        "output": "assistant",
    }
    assert paired_roles(["Prompt", "chosen", "rejected"]) == {
        "Prompt": "user",
        "chosen": "assistant",
        "rejected": "assistant",
    }
    assert paired_roles(["question", "score"]) == {}
    assert paired_roles(["system", "messages"]) == {"system": "system"}
    assert paired_roles(["system", "cpu"]) == {}


def _turns(table: pa.Table) -> dict[str, dict[str, list[str | None]]]:
    batch = table.to_batches()[0]
    steps = {leaf.steps: leaf.path for leaf in leaves(table.schema)}
    speaking = speakers(list(steps))
    assert all({role for role, _ in speaker.turns(batch, own)} <= {*ROLES, ""} for own, speaker in speaking.items())
    found: dict[str, dict[str, list[str | None]]] = {}
    for own, path in steps.items():
        for role, values in speaking.get(own, Speaker("")).turns(batch, own):
            found.setdefault(path, {})[role] = values.to_pylist()
    return found


def test_each_turn_is_given_to_who_speaks_it() -> None:
    chats = [
        [{"role": "user", "content": [{"text": "a"}, {"text": "b"}]}, {"role": "assistant", "content": []}],
        None,
        [],
        [{"role": None, "content": [{"text": "c"}]}, None, {"role": "assistant", "content": [{"text": None}]}],
    ]
    told = _turns(pa.table({"id": [1, 2, 3, 4], "messages": chats}))
    assert told["messages[].content[].text"] == {"user": ["a", "b"], "other": ["c"], "assistant": [None]}
    assert told["id"] == {"": ["1", "2", "3", "4"]}


def test_a_table_whose_rows_are_messages() -> None:
    told = _turns(pa.table({"role": ["user", "bot", "user"], "content": ["a", "b", None]}))
    assert told["content"] == {"user": ["a", None], "assistant": ["b"]}
    assert told["role"] == {"": ["user", "bot", "user"]}


def test_columns_of_prompts_and_answers() -> None:
    told = _turns(pa.table({"prompt": ["a"], "completion": ["b"], "id": ["c"]}))
    assert told == {"prompt": {"user": ["a"]}, "completion": {"assistant": ["b"]}, "id": {"": ["c"]}}
