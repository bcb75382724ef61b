"""Labels follow data: a thousand random jobs against brute force, and each way by which a label could get lost."""

import json
import random
from typing import Any

import pytest

from clearance.errors import LineageError
from clearance.governance.identity import dataset_identity, event_identity
from clearance.governance.labeling import after_protection
from clearance.governance.labels import Label, combine
from clearance.governance.lineage_cycles import without_origin
from clearance.governance.lineage_events import Hop, hops_of, read_events
from clearance.governance.lineage_graph import Graph
from clearance.governance.lineage_known import Derived, Known, Proof, ProvedLeaf
from clearance.governance.lineage_labels import Derivation
from clearance.governance.policy import load_policy

POLICY = load_policy()
LEVELS = POLICY.levels
UNKNOWN = POLICY.unknown_leaf.label()
NOTHING = Label(LEVELS.bottom)
EMAIL = POLICY.label_of("EMAIL_ADDRESS")
SSN = POLICY.label_of("US_SSN")
NAMES = ("a", "b", "c", "d")


def dataset(name: str, **facets: Any) -> dict[str, Any]:
    return {"namespace": "file", "name": f"/{name}", "facets": facets}


def key(name: str) -> str:
    return f"file:///{name}"


def schema(*columns: str) -> dict[str, Any]:
    return {"fields": [{"name": column, "type": "string"} for column in columns]}


def origin(name: str, column: str, how: str = "IDENTITY", **more: Any) -> dict[str, Any]:
    kind = "DIRECT" if how in ("IDENTITY", "TRANSFORMATION", "AGGREGATION") else "INDIRECT"
    return {**dataset(name), "field": column, "transformations": [{"type": kind, "subtype": how, **more}]}


def lineage(fields: dict[str, list[Any]], *deciding: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"fields": {column: {"inputFields": origins} for column, origins in fields.items()}}
    return {**told, "dataset": list(deciding)} if deciding else told


def event(inputs: list[Any], outputs: list[Any], run: str = "1", kind: str = "COMPLETE", job: str = "job") -> Any:
    return {
        "eventType": kind, "eventTime": "2026-11-28T06:00:00.123456789Z", "producer": "x", "schemaURL": "x",
        "run": {"runId": run}, "job": {"namespace": "dbt", "name": job}, "inputs": inputs, "outputs": outputs,
    }  # fmt: skip


def hops(*events: Any) -> list[Hop]:
    text = "\n".join(json.dumps(one) for one in events)
    return [hop for place, one in read_events(text) for hop in hops_of(one, place)]


def known(**columns: Label) -> Known:
    return Known(combine(columns.values(), LEVELS), columns)


def derive(labels: dict[str, Known], *events: Any, proofs: dict[str, Proof] | None = None) -> dict[str, Derived]:
    by_key = {key(name): label for name, label in labels.items()}
    return Derivation(hops(*events), by_key, {key(n): p for n, p in (proofs or {}).items()}, POLICY).run()


def effective(found: Derived, column: str) -> Label:
    return combine((found.rest, found.columns.get(column, found.label)), LEVELS)


# ---- the bar ----


class World:
    """Random jobs over random datasets: their events, and the edges that a reader of the specification would draw."""

    def __init__(self, seed: int, jobs: int = 1000, datasets: int = 700) -> None:
        self.random = chance = random.Random(seed)
        self.names = [f"t{number}" for number in range(datasets)]
        types = sorted(POLICY.entity_types)
        self.known: dict[str, Known] = {}
        for name in self.names:
            if chance.random() < 0.3:
                self.known[name] = known(
                    **{
                        column: POLICY.label_of(chance.choice(types)) if chance.random() < 0.05 else NOTHING
                        for column in NAMES
                    }
                )
        self.events: list[Any] = []
        self.edges: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for number in range(jobs):
            self._job(number)

    def _edge(self, source: tuple[str, str], target: tuple[str, str]) -> None:
        self.edges.setdefault(source, set()).add(target)

    def _job(self, number: int) -> None:
        chance = self.random
        # Mostly forwards, so that there are long chains; sometimes backwards, so that there are cycles.
        at = chance.randrange(20, len(self.names))
        inputs = chance.sample(self.names[max(0, at - 60) : at], chance.randint(1, 3))
        output = chance.choice(self.names) if chance.random() < 0.03 else self.names[at]
        everything = [(one, column) for one in inputs for column in NAMES]
        run = {"run": f"run-{number}", "job": f"job-{number % 400}"}
        start = event([dataset(one) for one in inputs], [dataset(output)], kind="START", **run)
        if chance.random() < 0.25:
            for target in NAMES:
                for source in everything:
                    self._edge(source, (output, target))
            self.events.append(start)
            return
        fields: dict[str, list[Any]] = {}
        told = set()
        for target in NAMES:
            if chance.random() < 0.1:  # in the schema, and nobody says where it is from
                for source in everything:
                    self._edge(source, (output, target))
                continue
            chosen = chance.sample(everything, chance.randint(1, 2))
            hows = [chance.choice(["IDENTITY", "TRANSFORMATION", "AGGREGATION", "JOIN", "SORT"]) for _ in chosen]
            fields[target] = [origin(*one, how, masking=True) for one, how in zip(chosen, hows, strict=True)]
            for source in chosen:
                told.add(source[0])
                self._edge(source, (output, target))
        deciding = chance.sample(everything, chance.randint(0, 1))
        for source in deciding:
            told.add(source[0])
        loud = [*deciding, *(source for source in everything if source[0] not in told)]
        for source in loud:
            for target in NAMES:
                self._edge(source, (output, target))
        facets = {"schema": schema(*NAMES), "columnLineage": lineage(fields, *(origin(*o, "FILTER") for o in deciding))}
        done = event([], [dataset(output, **facets)], **run)
        self.events += [start, done]

    def brute_force(self) -> dict[tuple[str, str], Label]:
        """For each thing that a label can say, everywhere it gets to: no label is ever computed from another."""
        base: dict[tuple[str, str], Label] = {}
        written = {target[0] for targets in self.edges.values() for target in targets}
        for name in self.names:
            for column in NAMES:
                if name in self.known:
                    base[name, column] = self.known[name].columns[column]
                elif name not in written:
                    base[name, column] = UNKNOWN
        atoms: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for place, label in base.items():
            parts = (("category", label.categories), ("regime", label.regimes), ("subject", label.subjects))
            for atom in [("level", label.level), *((kind, one) for kind, names in parts for one in names)]:
                atoms.setdefault(atom, set()).add(place)
        reached: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for atom, places in atoms.items():
            seen, waiting = set(places), [*places]
            while waiting:
                new = self.edges.get(waiting.pop(), set()) - seen
                seen |= new
                waiting += new
            for place in seen:
                reached.setdefault(place, set()).add(atom)
        found = {}
        for name in self.names:
            for column in NAMES:
                has = reached.get((name, column), set())
                level = max((LEVELS.rank(v) for kind, v in has if kind == "level"), default=0)
                sets = [frozenset(v for kind, v in has if kind == k) for k in ("category", "regime", "subject")]
                found[name, column] = Label(LEVELS.names[level], *sets)
        return found


def test_a_thousand_random_jobs_are_labelled_as_by_brute_force() -> None:
    world = World(14)  # by which all levels occur
    expected = world.brute_force()
    found = derive(world.known, *world.events)
    assert len(world.events) > 1000 and len(found) > 400
    levels = set()
    for name in world.names:
        if key(name) not in found:
            continue
        derived = found[key(name)]
        own = world.known.get(name)
        for column in NAMES:
            label = combine((effective(derived, column), *([own.columns[column]] if own else [])), LEVELS)
            assert label == expected[name, column], (name, column)
            levels.add(label.level)
        whole = combine((derived.label, *([own.label] if own else [])), LEVELS)
        assert whole == combine((expected[name, column] for column in NAMES), LEVELS)
    assert levels == set(LEVELS.names)
    # Neither the order of events nor hearing them twice makes a difference.
    shuffled = [*world.events, *world.events[:200]]
    world.random.shuffle(shuffled)
    again = derive(world.known, *shuffled)
    assert {name: (d.label, d.columns, d.rest) for name, d in again.items()} == {
        name: (d.label, d.columns, d.rest) for name, d in found.items()
    }


def test_no_label_falls_without_a_rule() -> None:
    world = World(7)
    proofs = {}
    chance = random.Random(8)
    method = {"name": "token"}
    for source, target in sorted({(s[0], t[0]) for s, targets in world.edges.items() for t in targets if s[0] < t[0]}):
        if source in world.known and chance.random() < 0.05:
            columns = world.known[source].columns
            leaves = {
                c: ProvedLeaf(
                    "cells" if number % 2 else "keep",
                    after_protection(label, entity_type="EMAIL_ADDRESS", method=method, policy=POLICY, verified=True)
                    if number % 2
                    else label,
                    method,
                    "EMAIL_ADDRESS",
                )
                for number, (c, label) in enumerate(columns.items())
            }
            proofs[target] = Proof(key(source), leaves, columns, {})
    assert len(proofs) > 10
    found = derive(world.known, *world.events, proofs=proofs)

    def full(name: str, column: str) -> Label:
        own = world.known.get(name)
        parts = [own.columns[column]] if own else []
        parts += [effective(found[key(name)], column)] if key(name) in found else []
        return combine(parts, LEVELS) if parts else UNKNOWN

    fell = 0
    for source, targets in world.edges.items():
        for name, column in targets:
            before, after = full(*source), full(name, column)
            if combine((before, after), LEVELS) == after:
                continue
            assert name in proofs, (source, name, column)
            leaf = proofs[name].leaves[column]
            if key(source[0]) == proofs[name].source and source[1] == column:
                assert leaf.how == "cells"
                assert before.regimes <= after.regimes
                fell += 1
    assert fell > 5


# ---- each way by which a label could get lost ----


def test_an_opaque_step_takes_the_maximum_of_its_inputs() -> None:
    found = derive({"p": known(a=NOTHING), "s": known(x=SSN)}, event([dataset("p"), dataset("s")], [dataset("out")]))
    assert found[key("out")].label == SSN
    end = dataset("end", schema=schema("k"), columnLineage=lineage({"k": [origin("out", "k")]}))
    opaque = event([dataset("p"), dataset("s")], [dataset("out")])
    after = derive({"p": known(a=NOTHING), "s": known(x=SSN)}, opaque, event([dataset("out")], [end]))
    assert after[key("end")].columns["k"] == SSN


def test_direct_columns_keep_apart_what_is_apart() -> None:
    told = lineage({"mail": [origin("s", "e")], "n": [origin("s", "plain")]})
    out = dataset("out", schema=schema("mail", "n"), columnLineage=told)
    found = derive({"s": known(e=EMAIL, plain=NOTHING, x=SSN)}, event([dataset("s")], [out]))[key("out")]
    assert found.columns == {"mail": EMAIL, "n": NOTHING}
    assert found.label == EMAIL


@pytest.mark.parametrize("how", ["FILTER", "JOIN", "GROUP_BY", "SORT", "WINDOW", "CONDITIONAL", "of its own"])
def test_what_decides_on_a_column_raises_it(how: str) -> None:
    labels = {"s": known(e=EMAIL, plain=NOTHING)}
    indirect = {**dataset("s"), "field": "e", "transformations": [{"type": "INDIRECT", "subtype": how}]}
    on_field = lineage({"n": [origin("s", "plain"), indirect]})
    on_all = lineage({"n": [origin("s", "plain")]}, indirect)
    for told in (on_field, on_all):
        out = dataset("out", schema=schema("n"), columnLineage=told)
        found = derive(labels, event([dataset("s")], [out]))[key("out")]
        assert effective(found, "n") == EMAIL
        assert found.reasons[0].source == key("s") and found.reasons[0].field == "e"


def test_what_an_event_says_of_masking_lowers_nothing() -> None:
    told = lineage({"h": [origin("s", "e", "TRANSFORMATION", masking=True)]})
    told["fields"]["h"] |= {"transformationType": "MASKED"}
    out = dataset("out", schema=schema("h"), columnLineage=told)
    assert derive({"s": known(e=EMAIL)}, event([dataset("s")], [out]))[key("out")].columns["h"] == EMAIL


@pytest.mark.parametrize(
    ("inputs", "facets"),
    [
        ([], {}),
        ([dataset("nobody-scanned")], {}),
        ([dataset("s"), dataset("nobody-scanned")], {}),
        ([dataset("s")], {"columnLineage": lineage({"n": [origin("s", "no-such-column")]}), "schema": schema("n")}),
        ([], {"columnLineage": lineage({"n": []}), "schema": schema("n")}),
    ],
)
def test_an_unknown_input_is_unknown(inputs: list[Any], facets: dict[str, Any]) -> None:
    found = derive({"s": known(plain=NOTHING)}, event(inputs, [dataset("out", **facets)]))[key("out")]
    assert found.label.level == UNKNOWN.level
    assert found.label.categories >= UNKNOWN.categories


@pytest.mark.parametrize(
    "events",
    [
        [([dataset("out")], [dataset("out")])],
        [([dataset("in"), dataset("out")], [dataset("out")])],
        [([dataset("other")], [dataset("out")]), ([dataset("out")], [dataset("other")])],
    ],
)
def test_what_was_made_of_itself_alone_is_unknown(events: list[Any]) -> None:
    steps = [event(*one, run=str(number)) for number, one in enumerate(events)]
    after = event([dataset("out")], [dataset("after")], run="after")
    labels = {"in": known(a=NOTHING)}
    found = derive(labels, *steps, after)
    assert (found[key("out")].label.level, found[key("after")].label.level) == (UNKNOWN.level, UNKNOWN.level)
    # Once one job has made it of something that is known, it has its label from there; scanned, its own.
    founded = derive(labels, *steps, after, event([dataset("in")], [dataset("out")], run="first"))
    assert founded[key("out")].label.level == founded[key("after")].label.level == LEVELS.bottom
    told = hops(*steps, after)
    assert None in Derivation(told, labels, {}, POLICY).environments(key("out")).values()
    scanned = derive({**labels, "out": known(a=NOTHING)}, *steps, after)
    assert scanned[key("after")].label.level == LEVELS.bottom


def test_what_has_no_origin_is_found_as_by_brute_force() -> None:
    chance, seen = random.Random(9), 0
    for _ in range(300):
        names = "abcdefg"
        steps = [Hop(chance.choice(names), frozenset(chance.sample(names, chance.randint(1, 2)))) for _ in range(8)]
        known_ones = {*chance.sample(names, 1)}
        loose = {step.output for step in steps} - known_ones
        while founded := {step.output for step in steps if step.output in loose and not step.inputs & loose}:
            loose -= founded
        while ends := {one for one in loose if not any(one in s.inputs for s in steps if s.output in loose)}:
            loose -= ends
        by_output = {step.output: [one for one in steps if one.output == step.output] for step in steps}
        assert without_origin(by_output, known_ones) == loose
        seen += bool(loose)
    assert seen > 50


def test_an_input_whose_label_no_longer_speaks_for_it_is_unknown() -> None:
    stale = Known(NOTHING, {"a": NOTHING}, unknown="files were added")
    out = dataset("out", schema=schema("a"), columnLineage=lineage({"a": [origin("s", "a")]}))
    assert derive({"s": stale}, event([dataset("s")], [out]))[key("out")].label.level == UNKNOWN.level


def test_an_input_that_column_lineage_leaves_out_counts_for_every_column() -> None:
    out = dataset("out", schema=schema("n"), columnLineage=lineage({"n": [origin("p", "a")]}))
    labels = {"p": known(a=NOTHING), "s": known(x=SSN)}
    assert effective(derive(labels, event([dataset("p"), dataset("s")], [out]))[key("out")], "n") == SSN


def test_columns_that_are_not_named_may_hold_anything() -> None:
    labels = {"s": known(plain=NOTHING, x=SSN)}
    some = dataset("out", columnLineage=lineage({"n": [origin("s", "plain")]}))
    found = derive(labels, event([dataset("s")], [some]))[key("out")]
    assert (found.columns["n"], found.label) == (NOTHING, SSN)
    some = dataset("out", schema=schema("n", "m"), columnLineage=lineage({"n": [origin("s", "plain")]}))
    assert derive(labels, event([dataset("s")], [some]))[key("out")].columns["m"] == SSN


@pytest.mark.parametrize(
    ("known_path", "told"),
    [("User.Email", "user.email"), ("user.email", "user"), ("phones[].no", "phones"), ("tags{value}", "tags.value"),
     ("`e.mail`", "e.mail"), ("calls[].at", "calls._element.at"), ("payload{json}.mail", "payload")],
)  # fmt: skip
def test_columns_are_found_under_every_spelling(known_path: str, told: str) -> None:
    out = dataset("out", schema=schema("n"), columnLineage=lineage({"n": [origin("s", told)]}))
    labels = {"s": Known(EMAIL, {known_path: EMAIL, "z": NOTHING})}
    assert derive(labels, event([dataset("s")], [out]))[key("out")].columns["n"] == EMAIL


def test_another_name_and_a_renamed_dataset_keep_the_label() -> None:
    links = {"identifiers": [{"namespace": "hive://meta:9083", "name": "crm.people", "type": "TABLE"}]}
    told = [
        event([dataset("s", symlinks=links)], []),
        event([{"namespace": "hive://meta:9083", "name": "crm.people"}], [dataset("out")], run="2"),
        event([], [dataset("new", lifecycleStateChange={
            "lifecycleStateChange": "RENAME", "previousIdentifier": {"namespace": "file", "name": "/out"}})], run="3"),
    ]  # fmt: skip
    found = derive({"s": known(x=SSN)}, *told)
    assert found[key("out")].label == SSN
    assert found[key("new")].columns == {} and found[key("new")].label.level == SSN.level


def test_lineage_without_a_job_and_of_a_job_without_a_run_counts() -> None:
    alone = {
        "eventTime": "2026-01-01T00:00:00Z",
        "dataset": dataset("o1", columnLineage=lineage({"n": [origin("s", "x")]})),
    }
    static = event([dataset("s")], [dataset("o2")])
    del static["run"]
    explicit = event([], [dataset("o3", lineage={"fields": {"n": {"inputs": [{**dataset("s"), "type": "DATASET",
                                                                                 "field": "x"}]}}})])  # fmt: skip
    job = event([], [], run="4")
    job["job"]["facets"] = {"lineage": {"entries": [
        {**dataset("o4"), "type": "DATASET", "inputs": [{**dataset("s"), "type": "DATASET"}]},
        {**dataset("o5"), "type": "DATASET", "inputs": [{"type": "JOB", "namespace": "x", "name": "y"}]}]}}  # fmt: skip
    found = derive({"s": known(x=SSN)}, alone, static, explicit, job)
    assert all(found[key(f"o{number}")].label == SSN for number in range(1, 5))
    assert found[key("o5")].label.level == UNKNOWN.level


# ---- by proof ----


def proved(label: Label, how: str, before: Label = EMAIL) -> Proof:
    method = {"name": "token"}
    return Proof(key("s"), {"e": ProvedLeaf(how, label, method, "EMAIL_ADDRESS")}, {"e": before}, {})


def lowered(label: Label) -> Label:
    return after_protection(label, entity_type="EMAIL_ADDRESS", method={"name": "token"}, policy=POLICY, verified=True)


def test_a_proof_lowers_by_its_rule_and_regimes_stay() -> None:
    out = dataset("end", schema=schema("e"), columnLineage=lineage({"e": [origin("safe", "e")]}))
    told = [event([dataset("s")], [dataset("safe")]), event([dataset("safe")], [out], run="2")]
    labels = {"s": known(e=EMAIL)}
    assert derive(labels, *told)[key("end")].label == EMAIL
    found = derive(labels, *told, proofs={"safe": proved(lowered(EMAIL), "cells")})
    assert found[key("end")].label == lowered(EMAIL) != EMAIL
    assert found[key("end")].label.regimes == EMAIL.regimes


def test_what_was_learned_of_the_source_since_the_proof_counts() -> None:
    more = combine((EMAIL, Label("restricted", frozenset({"user.health_and_medical"}), frozenset({"HIPAA"}))), LEVELS)
    labels = {"s": known(e=more)}
    whole = derive(labels, proofs={"safe": proved(lowered(EMAIL), "cells")})[key("safe")].label
    assert (whole.level, whole.regimes) == ("internal", EMAIL.regimes | {"HIPAA"})
    for how in ("keep", "spans"):
        label = EMAIL if how == "keep" else lowered(EMAIL)
        assert derive(labels, proofs={"safe": proved(label, how)})[key("safe")].label.level == "restricted"


def test_environments_end_where_a_proof_says_de_identified() -> None:
    production = Known(EMAIL, {"e": EMAIL}, environment="production")
    told = hops(event([dataset("s")], [dataset("safe")]), event([dataset("safe")], [dataset("dev")], run="2"))
    proof = {key("safe"): proved(lowered(EMAIL), "cells")}
    plain = Derivation(told, {key("s"): production}, {}, POLICY)
    assert plain.environments(key("dev")) == {key("s"): "production"}
    assert Derivation(told, {key("s"): production}, proof, POLICY).environments(key("dev")) == {}


# ---- reading ----


def test_every_form_of_a_file_reads_the_same() -> None:
    one, two = event([dataset("a")], [dataset("b")]), event([dataset("b")], [dataset("c")], run="2")
    forms = [
        f"{json.dumps(one)}\n{json.dumps(two)}\n",
        json.dumps([one, two], indent=2),
        json.dumps({"events": [one, two], "totalCount": 2}),
        "\ufeff" + json.dumps(one, indent=1) + json.dumps(two),
    ]
    read = [[found for _, found in read_events(form)] for form in forms]
    assert read == [[one, two]] * 4


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"job": {"namespace": "n"', "line 1"),
        (json.dumps(event([], [])) + "\n\n{]", "line 3"),
        ("[1]", "line 1, event 1"),
        ('{"eventTime": "x", "job": {"namespace": "n", "name": "j"}}', "line 1"),
        (json.dumps({**event([], []), "outputs": [{"namespace": "file"}]}), "line 1"),
        (json.dumps(event([{"namespace": "jdbc://u:s3cr3t@h", "name": "t"}], [])), "line 1"),
    ],
)
def test_what_is_no_event_is_told_with_its_line_and_without_its_content(text: str, place: str) -> None:
    with pytest.raises(LineageError) as error:
        hops(*[]) or [hop for where, one in read_events(text) for hop in hops_of(one, where)]
    assert error.value.message.startswith(place + ":")
    assert "s3cr3t" not in str(error.value)


def test_nothing_but_names_is_kept_of_an_event() -> None:
    told = lineage({"n": [origin("s", "x", "TRANSFORMATION", description="canary-7f3a")]})
    out = dataset("out", columnLineage=told, dataQualityMetrics={"columnMetrics": {"n": {"min": "canary-7f3a"}}})
    one = event([dataset("s")], [out])
    one["job"]["facets"] = {"sql": {"query": "select 'canary-7f3a'"}}
    one["run"]["facets"] = {"errorMessage": {"message": "canary-7f3a"}}
    assert "canary" not in json.dumps([hop.to_dict() for hop in hops(one)])


@pytest.mark.parametrize(
    ("namespace", "name", "reference"),
    [
        ("file", "/data/x/", "/data/x"),
        ("s3a://lake/", "raw//users", "s3://lake/raw/users"),
        ("postgres://db:5432", "shop.public.users", "postgres://db:5432/shop.public.users"),
        ("bigquery", "p.d.t", "bigquery:/p.d.t"),
        ("food_delivery", "public.orders", "lineage:/food_delivery/public.orders"),
        ("table", "spark_catalog.sales.orders", "table:sales.orders"),
    ],
)
def test_a_foreign_name_is_found_by_its_reference(namespace: str, name: str, reference: str) -> None:
    assert event_identity(namespace, name).key == dataset_identity(reference).key


# ---- walking ----


def test_trace_and_impact_follow_the_column_alone() -> None:
    told = lineage({"mail": [origin("s", "e")], "n": [origin("s", "p")]})
    out = dataset("out", schema=schema("mail", "n"), columnLineage=told)
    end = dataset("end", schema=schema("k"), columnLineage=lineage({"k": [origin("out", "mail")]}))
    graph = Graph(hops(event([dataset("s")], [out]), event([dataset("out")], [end], run="2")))
    assert [(s.depth, s.source, s.field) for s in graph.upstream(key("end"), "k")] == [
        (1, key("out"), "mail"), (2, key("s"), "e")]  # fmt: skip
    assert {s.dataset for s in graph.downstream(key("s"), "e")} == {key("out"), key("end")}
    assert {s.dataset for s in graph.downstream(key("s"), "p")} == {key("out")}
