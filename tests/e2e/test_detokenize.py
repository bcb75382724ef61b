"""``clearance detokenize`` as a user has it: values come by grant, a refusal says why, and both are on record."""

from clearance.governance.actors import current_actor
from clearance.tokenization.keys import open_keys
from clearance.tokenization.tokens import Tokenizer

POLICY = """\
version: 1
name: project
extends: default
reversal:
  desk: {{who: ["{who}"], purposes: [fraud], datasets: [stdin], entity_types: [EMAIL_ADDRESS], max_rows: 2,
         valid_until: 2099-12-31}}
"""
WHY = ("--purpose", "fraud", "--reason", "case 77")


def test_values_come_by_grant_and_every_request_is_on_record(project, key_file):
    tokenizer = Tokenizer(open_keys(str(key_file)).load())
    token = tokenizer.reversible_token("ana@mail7.example", "EMAIL_ADDRESS")
    one_way = tokenizer.token("ana@mail7.example", "EMAIL_ADDRESS")
    project("detokenize", "--value", "-", *WHY, stdin=token).failed(3)
    project.write("policy.yaml", POLICY.format(who=current_actor().name))
    assert project("detokenize", "--value", "-", *WHY, stdin=f"{token}\n").ended().out == "ana@mail7.example\n"
    opened = project("detokenize", "--text", "-", *WHY, stdin=f"😀 {token}, {token}").ended()
    assert opened.out == "😀 ana@mail7.example, ana@mail7.example"
    text = f"{token} and {one_way}"
    partly = project("detokenize", "--text", "-", *WHY, "--types", "EMAIL_ADDRESS", stdin=text).ended()
    assert partly.out == f"ana@mail7.example and {one_way}" and "1 one-way tokens stayed" in partly.err
    refused = [
        (project("detokenize", "--value", "-", *WHY, stdin=f"{token}\n" * 3).failed(3), "rows (3 of 2)"),
        (project("detokenize", "--value", "-", *WHY, stdin=one_way).failed(5), "one-way"),
        (project("detokenize", "--text", "-", *WHY, stdin=f"x {one_way}").failed(5), "one-way"),
        (project("detokenize", "--value", "-", *WHY, "--domain", "sales", stdin=token).failed(5), "another key"),
    ]
    assert all(told in said.err and not said.out for said, told in refused)
    audit = project("audit", "--format", "json").ended()
    results = [e["result"] for e in audit.json["entries"] if e["action"] == "detokenize" and e["kind"] == "outcome"]
    assert results == ["refused", "allowed", "allowed", "allowed", "refused", "refused", "refused", "refused"]
    assert "ana@" not in audit.out
    project("audit", "verify").ended()
