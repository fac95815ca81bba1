"""At 80 columns no command cuts off what matters."""

import re
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console, RenderableType
from typer.core import TyperArgument, TyperGroup
from typer.testing import CliRunner

from flk.impl.bench import explore, hostile, interleave, traces, turns
from flk.impl.command.app import MODULES, app
from flk.impl.command.bench import tables
from flk.impl.command.impl.delivering import Tally, print_table
from flk.sim import library

WIDTH = 80
BARS = (turns.Bar("at least 25,000 durable submits a second", "17,945", met=False),)
RATES = [
    interleave.Figure(
        "verify, HMAC, every rule",
        1_156_000.0,
        1_078_000.0,
        12.04,
        1_200_000.0,
    )
]
LOADS = [turns.Figure("flk serve, no fsync", 119_885.4, 0.10912, 0.20121, 0.000123, 10.25, 5)]
SEARCHES = [explore.Figure("two-phase-commit rm=10", 128, "rumur", 61_515_776, 1234.56, 84.2, 2345.67)]
ATTEMPTS = [
    hostile.Row(
        "600 half heads, nofile 256",
        1_300_123_456,
        {"408": 12_345, "503": 1_488, "closed": 1_975},
        158.12,
        1_334_567_890,
        1_116_666_666,
        120.123,
        1.9,
        0,
        served=True,
    )
]
VALIDATIONS = [traces.Figure("in full", 1_000_000, 1_120_000.0, 2_310_000.0)]


def lines_of(shown: RenderableType) -> list[str]:
    """What a terminal of 80 columns shows."""
    out = StringIO()
    Console(file=out, width=WIDTH, color_system=None).print(shown)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("shown", "row"),
    [
        (tables.rates(RATES), ["verify, HMAC, every rule", "1,156,000", "1,078,000", "12.04", "1,200,000", "missed"]),
        (tables.loads(LOADS, BARS), ["flk serve, no fsync", "119,885", "109.12", "201.21", "123"]),
        (tables.searches(SEARCHES, BARS), ["128", "rumur", "61,515,776", "1234.56", "2345.67", "49,828", "84.2"]),
        (tables.attempts(ATTEMPTS, BARS), ["600", "1300.1", "1334.6", "1116.7", "120123", "158.12"]),
        (tables.validations(VALIDATIONS), ["in full", "1,000,000", "1,120,000", "2,310,000", "2.1", "met"]),
    ],
    ids=["signing", "ingest", "explore", "hostile", "validate"],
)  # fmt: skip
def test_a_benchmark_keeps_the_figures_of_a_row_together(shown: RenderableType, row: list[str]) -> None:
    """With figures larger than any so far, each stands whole on the line of its row."""
    lines = lines_of(shown)
    assert all(len(line) <= WIDTH and "…" not in line for line in lines)
    (line,) = [line for line in lines if row[1] in line]
    assert all(figure in line for figure in row), line


def test_an_agents_lines_to_copy_are_whole(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the name of the outbox, the line that asks for more stands on one line, quoted for a shell."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    outbox = Path(
        "/srv/agents", "a directory with a name that is much longer than any line of a terminal is wide", "box"
    )
    print_table(Tally(12_345_678, Counter({200: 12_000_000}), dead=7), 123_456.7, outbox)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["acknowledged", "with", "200", "12000000"] for line in lines)
    assert f"why they were refused: flk agent dead --outbox '{outbox}'" in lines
    assert f"send them again: flk agent resume --outbox '{outbox}' --to URL" in lines


def commands(command: object, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every subcommand."""
    yield words
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from commands(inner, (*words, name))


@pytest.mark.slow
def test_help_is_whole() -> None:
    """Every option of every command is named in full, and nothing that is said of one is cut off."""
    for module in MODULES:
        import_module(f"flk.impl.command.{module}")
    tree = typer.main.get_command(app)
    for words in commands(tree):
        shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": str(WIDTH), "TERMINAL_WIDTH": str(WIDTH)})
        assert shown.exit_code == 0, words
        assert all(len(line) <= WIDTH for line in shown.stdout.splitlines())
        command = tree
        for word in words:
            assert isinstance(command, TyperGroup)
            command = command.commands[word]
        said = set(re.findall(r"[\w-]+", shown.stdout))
        for option in command.params:
            assert set(option.opts) <= said or isinstance(option, TyperArgument), (words, option.opts)
        written = [command.help, command.epilog, *(getattr(option, "help", None) for option in command.params)]
        assert shown.stdout.count("…") == sum((text or "").count("…") for text in written), words


def printed(*arguments: str) -> tuple[str, str]:
    """What a command prints in a terminal of 80 columns, and the same with each run of white space as one space."""
    for module in MODULES:
        import_module(f"flk.impl.command.{module}")
    shown = CliRunner().invoke(app, arguments, env={"COLUMNS": str(WIDTH)})
    assert "Usage:" not in shown.output
    return shown.output, " ".join(shown.output.split())


def test_the_library_of_scenarios_is_whole() -> None:
    """Every name stands on a line, and every description is told to its end."""
    shown, flat = printed("scenario", "list")
    assert all(len(line) <= WIDTH for line in shown.splitlines())
    for name, scenario in library().items():
        assert any(line.split()[:1] == [name] for line in shown.splitlines()), name
        assert scenario.description.split()[-1] in flat
    assert "…" not in shown


def test_the_errors_of_a_scenario_are_whole(tmp_path: Path) -> None:
    """An error names the file, the line, the field and what is expected, however long the name of the file."""
    file = tmp_path / "a-scenario-with-a-name-that-is-longer-than-a-line-of-a-terminal-is-wide.toml"
    text, _ = printed("scenario", "show", "split-brain")
    file.write_text(text.replace("duplicates = 0.5", "duplicates = 7.0"))
    shown, flat = printed("scenario", "check", str(file))
    assert "…" not in shown
    assert f"{file}, line " in flat
    assert "workload.duplicates: expected `float` <= 1.0" in flat


def test_a_hunt_and_a_shrink_are_whole() -> None:
    """The invariant, the sentence and the string that replays are on the screen in full, the string on one line to be copied."""
    shown, flat = printed("hunt", "--seeds", "60", "--programs", "ignored-store-error", "--workers", "1")
    (replay,) = re.findall(r"flk replay '([^']+)'", shown)[:1]
    assert "reply-is-the-stored-outcome" in shown
    assert "…" not in flat.replace(replay, "")
    small, flat = printed("shrink", replay)
    assert "reply-is-the-stored-outcome" in small
    assert re.search(r"flk replay '[^'\s]+'", small)
    assert "…" not in flat
