"""What a person types to name datasets: what it stands for, what is told where it is wrong, and before what."""

from pathlib import Path

import pytest

from clearance.errors import DatasetError, PolicyError, UsageError
from clearance.jobs.cli import COMMANDS, SECTIONS, run
from clearance.jobs.formats import datasets_below
from clearance.jobs.plan_file import PlanFile, load_plan
from clearance.jobs.references import Reference, expand
from clearance.jobs.runner import items


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--version", "3"), "only Delta has versions"),
        (("--timestamp", "2026-01-31 09:00:00"), "only Delta has versions"),
        (("--option", "mode=DROPMALFORMED"), "all of a dataset must be read"),
        (("--input-format", "json", "--option", "multiLine=true"), "multiLine is not allowed"),
    ],
)
@pytest.mark.parametrize("command", [("scan",), ("protect", "--to", "safe")])
def test_no_session_is_started_for_what_can_not_be_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    given: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLEARANCE_KEY_FILE", str(tmp_path / "keys.json"))
    monkeypatch.setenv("CLEARANCE_SIGNING_KEY_FILE", str(tmp_path / "signing.pem"))
    monkeypatch.setattr("clearance.jobs.session.get_session", lambda: pytest.fail("a session"))
    Path("people.csv").write_text("email\nana.silva@example.com\n")
    assert run(["init"]) == 0
    assert run([command[0], "people.csv", *command[1:], *given]) == 2
    assert told in capsys.readouterr().err


def test_what_was_typed_is_what_is_told_and_a_folder_is_named_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for name in ("data/a.csv", "data/b.csv"):
        Path(name).write_text("a\n1\n")
    assert [each.text for each in expand("data/a.csv")] == ["data/a.csv"]
    assert [each.text for each in expand("data")] == ["./data/a.csv", "./data/b.csv"]


def test_a_folder_is_listed_whatever_links_lie_in_it(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("a\n1\n")
    (tmp_path / "in" / "round").symlink_to(tmp_path)
    (tmp_path / "in" / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    (tmp_path / "in" / "gone").symlink_to(tmp_path / "nowhere")
    # What is called a dataset and leads nowhere is told when it is opened; a gate is told of everything.
    assert [path.name for path in datasets_below(tmp_path)] == ["a.csv", "gone.csv"]
    assert [path.name for path in datasets_below(tmp_path, every=True)] == ["a.csv", "gone", "gone.csv"]


def test_a_gate_is_told_of_what_is_hidden_in_a_folder(tmp_path: Path) -> None:
    for name in ("a.csv", ".a.csv.crc", ".b.csv", "_old/c.csv", ".git/config", "sub/_d.csv", "sub/.DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a\n1\n")
    assert [path.name for path in datasets_below(tmp_path)] == ["a.csv"]
    # No scan looks at it, and whoever is given the folder has it.
    told = [str(path.relative_to(tmp_path)) for path in datasets_below(tmp_path, every=True)]
    assert told == [".b.csv", ".git", "_old", "a.csv", "sub/_d.csv"]


def test_what_is_hidden_in_the_folder_of_one_dataset_is_told_beside_it(tmp_path: Path) -> None:
    for name in (
        "t/part-0.csv", "t/_SUCCESS", "t/.part-0.csv.crc", "t/_metadata", "t/_committed_12", "t/_old/raw.csv",
        "t/day=1/part-1.csv", "t/day=1/.raw.csv", "t/_day=1/part-2.csv",
        ".clearance-staging/run/part-0.csv", "delta/_delta_log/0.json", "delta/.x",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("a\n1\n")
    told = [str(path.relative_to(tmp_path)) for path in datasets_below(tmp_path, every=True)]
    assert told == [".clearance-staging", "delta", "t", "t/_old", "t/day=1/.raw.csv"]
    assert datasets_below(tmp_path / "t") == [tmp_path / "t"]


def test_a_link_that_leads_out_of_the_folder_above_it_is_told_to_a_gate(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (tmp_path / "in" / "up").symlink_to(tmp_path)
    assert datasets_below(tmp_path / "in") == []
    assert datasets_below(tmp_path / "in", every=True) == [tmp_path / "in" / "up"]


def test_a_folder_that_can_t_be_listed_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(DatasetError, match=r"can't be listed \(PermissionError\)"):
        datasets_below(tmp_path)


def _named(*datasets: str) -> list[tuple[str, str]]:
    plan = PlanFile.model_validate(
        {"version": 1, "solutions": "s.yaml", "datasets": [{"dataset": each, "solutions": "bot"} for each in datasets]}
    )
    return [(item.name, item.target.text) for item in items(None, plan)]  # type: ignore[arg-type]


def test_datasets_of_one_name_in_a_folder_have_places_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("sales/people.csv", "hr/people.v2.csv", "hr/de/people.csv", "orders.csv"):
        Path("lake", name).parent.mkdir(parents=True, exist_ok=True)
        Path("lake", name).write_text("a\n1\n")
    everything = ["hr/de/people", "hr/people", "orders", "sales/people"]
    assert _named("lake") == [(name, f"protected/{name}") for name in everything]
    assert [name for name, _ in _named("lake/*/people*")] == ["hr/people", "sales/people"]
    assert [name for name, _ in _named("lake/sales/people.csv", "lake/orders.csv")] == ["people", "orders"]


def test_copies_in_the_folder_that_is_run_are_no_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("people.csv", "hr/people.csv", "protected/people.csv", "protected/hr/people.csv"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("a\n1\n")
    assert [name for name, _ in _named(".")] == ["hr/people", "people"]
    # Who names them means them.
    assert [name for name, _ in _named("protected")] == ["hr/people", "people"]


def test_two_datasets_for_one_place_are_both_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text("a\n1\n")
    Path("people.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(UsageError, match=r"people\.csv and people\.jsonl would both go to protected/people"):
        _named("people.csv", "people.jsonl")


def test_one_dataset_that_can_t_be_scanned_does_not_keep_the_others_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv", "c.csv"):
        Path(name).write_text("a\n1\n")
    seen = []

    def scan(_: object, reference: Reference, *__: object, **___: object) -> None:
        seen.append(reference.text)
        raise DatasetError(f"{reference.text} has no columns", hint="check it")

    monkeypatch.setattr("clearance.jobs.session.get_session", lambda: None)
    monkeypatch.setattr("clearance.jobs.tasks.scan", scan)
    assert run(["scan", "a.csv", "b.csv", "c.csv"]) == 5
    assert seen == ["a.csv", "b.csv", "c.csv"]
    told = capsys.readouterr().err
    assert "b.csv  failed  why b.csv has no columns" in told
    assert "error: 3 of 3 datasets could not be scanned: a.csv, b.csv, c.csv" in told
    assert run(["scan", "a.csv"]) == 5
    assert "error: a.csv has no columns\nhint: check it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["chek", "a.csv"], "No such command 'chek'. Did you mean 'check'?\nhint: clearance --help"),
        (["zzz"], "No such command 'zzz'.\nhint: clearance --help"),
        (["check", "a.csv", "--suggest"], "requires an argument.\nhint: clearance check --help"),
        (["lineage", "show", "a.csv"], "is the registry elsewhere (--home, CLEARANCE_HOME)?"),
        (["init", "--home", "solutions.yaml"], "the home solutions.yaml can't be created (File exists)"),
        (["explain", "a.csv"], "is the registry elsewhere (--home, CLEARANCE_HOME)?"),
        (["check", "a.csv", "--solution", "bot"], "is the registry elsewhere (--home, CLEARANCE_HOME)?"),
    ],
)
def test_a_slip_on_the_command_line_is_told_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLEARANCE_HOME", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    solution = "{name: bot, owner: me, hosting: private, clearance: restricted, usage: [analytics]}"
    Path("solutions.yaml").write_text(f"solutions: [{solution}]\n")
    assert run(line) in (2, 5)
    assert told in capsys.readouterr().err


def test_a_misspelt_key_of_a_dataset_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yml"
    plan.write_text("version: 1\nsolutions: s.yaml\ndatasets:\n- {dataset: a.csv, solution: [bot]}\n")
    with pytest.raises(PolicyError, match="unknown key") as refused:
        load_plan(plan)
    assert refused.value.hint.startswith("did you mean 'solutions'? known: dataset, detection")


def test_the_help_lists_every_command_once() -> None:
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(COMMANDS)
