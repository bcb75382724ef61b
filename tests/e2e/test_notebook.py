"""The notebook runs on a registry as a run leaves it, and neither its output nor the saved one holds a value."""

import json
from pathlib import Path

import nbformat
import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "investigate.ipynb"


def outputs(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def text_of(notebook):
    """Everything that its outputs say, pictures aside."""
    return json.dumps(
        [{k: v for k, v in out.get("data", out).items() if k != "image/png"} for out in outputs(notebook)],
        ensure_ascii=False,
    )


@pytest.fixture
def saved():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def executed(demo):
    from nbclient import NotebookClient

    assert demo.code == 0, demo.out + demo.err
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    env = {
        **demo.env,
        "CLEARANCE_PROJECT": str(demo.path),
        "CLEARANCE_HOME": str(demo.home),
        "CLEARANCE_KEY_FILE": str(demo.path / "no-key-is-needed"),
    }
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    )
    client.execute(env=env)
    return notebook


def test_it_shows_findings_shapes_verdicts_and_records(executed):
    text = text_of(executed)
    for expected in ("CREDIT_CARD", "card_number", "9999999999999999", "conflict", "clear", "keep last 4", "holds"):
        assert expected in text, expected
    assert "undecidable" not in text


def test_it_draws_a_chart(executed):
    pictures = [out["data"]["image/png"] for out in outputs(executed) if "image/png" in out.get("data", {})]
    assert len(pictures) == 1
    assert len(pictures[0]) > 10_000


def test_its_output_holds_no_value_and_no_path(executed, demo):
    text = text_of(executed)
    assert not [value for value in demo.raw_values() if value in text]
    assert str(demo.path) not in text


def test_the_saved_output_is_whole_and_holds_no_value_and_no_path(saved, demo):
    code = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert any("image/png" in out.get("data", {}) for out in outputs(saved))
    assert not [out for out in outputs(saved) if out.output_type == "error"]
    text = NOTEBOOK.read_text()
    assert not [value for value in demo.raw_values() if value in text]
    assert not [
        place for place in ("/home/", "/root", "/work", "/tmp", "/Users/", "file://") if place in text_of(saved)
    ]
    assert NOTEBOOK.stat().st_size < 300_000


def test_the_saved_output_is_what_it_says_today(saved, executed):
    """The findings are the same rows every time: an old picture of them would mislead."""

    def findings(notebook):
        return next(
            out["data"]["text/plain"]
            for out in outputs(notebook)
            if "entity type" in out.get("data", {}).get("text/plain", "") and "share" in out["data"]["text/plain"]
        )

    assert findings(saved) == findings(executed), "run the demo, then the notebook, and save it"
