"""The notebooks as a reader meets them: on the doors alone, without helpers, executed and clean. `make notebooks` runs them."""

import ast
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
SMALL = 1_500_000
"""Bytes of a notebook at most, so that it opens at once."""


def code_cells(path: Path) -> list[dict[str, object]]:
    """The code cells with their outputs."""
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def statements(path: Path) -> Iterator[ast.stmt]:
    """Every statement of every code cell, those within others too; a line of magic or of the shell is not Python."""
    for cell in code_cells(path):
        source = cell["source"]
        text = "".join(source) if isinstance(source, list) else str(source)
        yield from (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt))


def test_there_are_seven() -> None:
    """The main job, a drill, a comparison, a hunt, what a new user does, what a sender does, and what an auditor does."""
    assert len(NOTEBOOKS) == 7


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_imports_are_of_doors_and_of_exported_names(path: Path) -> None:
    """`from flk.sim import run`, never from below; what is imported stands in the door's `__all__`."""
    for statement in statements(path):
        if isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names if alias.name.partition(".")[0] == "flk"]
            assert all(name.count(".") == 1 for name in names), names
        if isinstance(statement, ast.ImportFrom) and str(statement.module).partition(".")[0] == "flk":
            assert str(statement.module).count(".") == 1, f"{statement.module} is deeper than a door"
            exported = import_module(str(statement.module)).__all__
            assert {alias.name for alias in statement.names} <= set(exported)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nothing_is_defined_but_what_a_protocol_consists_of(path: Path) -> None:
    """No helper that builds tables, and no markup: results show themselves."""
    for statement in statements(path):
        if isinstance(statement, ast.FunctionDef):
            assert statement.decorator_list, f"{statement.name} is a helper; a result should show it"
        assert not isinstance(statement, ast.ClassDef)
        assert "<t" not in ast.unparse(statement)
        assert "IPython" not in ast.unparse(statement)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_was_executed_without_a_warning_and_the_file_is_small(path: Path) -> None:
    """In order; nothing on standard error, and no trace of a progress bar."""
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    shown = json.dumps([cell["outputs"] for cell in cells])
    assert '"stderr"' not in shown
    assert '"output_type": "error"' not in shown
    assert "widget-view" not in shown
    assert path.stat().st_size < SMALL
