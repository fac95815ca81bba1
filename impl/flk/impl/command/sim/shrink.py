"""`flk shrink`: from a run that violates an invariant to a small one that does."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.sim.names import scenario_names
from flk.impl.command.sim.replay import Anyway
from flk.impl.command.sim.run import Validate
from flk.impl.command.sim.sweep import Json
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.sim import RunResult, Scenario, ShrinkResult

EXAMPLES = """\
Examples: flk shrink flk1.eNqtVE1v2zA

flk shrink drill.toml --seed 7 --programs my_service.programs:MINE

flk shrink flk1.eNqtVE1v2zA --validate
"""


@app.command(epilog=EXAMPLES)
def shrink(
    run: Annotated[
        str,
        typer.Argument(
            help="A replay string, as flk hunt prints it; or a scenario, with --seed.",
            metavar="STRING|SCENARIO",
            autocompletion=scenario_names,
        ),
    ],
    *,
    seed: Annotated[int | None, typer.Option(help="The seed of a scenario's run. Default: the scenario's own.")] = None,
    programs: Annotated[
        str, typer.Option(help="The programs that a scenario is run with.", metavar="MODULE:NAME|FILE.py:NAME")
    ] = "",
    anyway: Anyway = False,
    validate: Validate = False,
    limit: Annotated[int, typer.Option(min=1, help="Replays at most.")] = 2000,
    json: Json = False,
) -> None:
    """Remove faults until none can be left out, then weaken, shorten and simplify them while the same invariant is violated.

    Exit code 1, since what is left violates an invariant; 2: unusable input, or nothing is violated.
    """
    from rich.console import Console

    from flk.sim import shrink as run_shrink

    subject = _subject(run, seed, programs, anyway=anyway, validate=validate)
    result = run_shrink(subject, limit=limit, progress=False if json else None)
    if json:
        typer.echo(msgspec.json.encode(_facts(result)))
    else:
        Console(highlight=False).print(_rendered(result), soft_wrap=True, markup=False)
    raise typer.Exit(result.verdict.exit_code)


def _subject(text: str, seed: int | None, programs: str, *, anyway: bool, validate: bool) -> "RunResult":
    """The run that a replay string names, or a scenario and a seed."""
    from flk.sim import replay, run
    from flk.sim.experiments.replay import is_replay_string

    if not is_replay_string(text):
        return run(text, seed, programs=programs or None, validate=validate, progress=False)
    if seed is not None or programs:
        raise UnusableInput("a replay string already holds seed and programs; leave out --seed and --programs")
    return replay(text, anyway=anyway, validate=validate, progress=False)


def _facts(result: "ShrinkResult") -> dict[str, object]:
    from flk.sim.scenarios import document

    return {
        "invariant": result.invariant,
        "replays": result.replays,
        "faults": [len(result.before.faults), len(result.scenario.faults)],
        "scenario": document.plain(result.scenario),
        "seed": result.seed,
        "digest": result.run.digest,
        "string": result.string,
    }


def _rendered(result: "ShrinkResult") -> str:
    from flk.sim.scenarios.duration import human

    before, least = result.before, result.scenario
    faults = sorted(least.faults, key=lambda fault: fault.start)
    kept = ", none of which can be left out" if faults else ""
    lines = [
        f"{result.invariant} is still violated after {result.replays} replays",
        f"faults: {len(before.faults)} before, {len(faults)} now{kept}",
        *(f"  {fault.id}  {human(fault.start)} to {human(fault.end)}: {fault.effect}" for fault in faults),
        f"before: {_size(before)}",
        f"now: {_size(least)}, seed {result.seed}",
        f"replay: {result.replay_line}",
    ]
    return "\n".join(lines)


def _size(scenario: "Scenario") -> str:
    from flk.sim.scenarios.duration import human

    regions = len(scenario.regions)
    return f"{regions} region{'s' * (regions != 1)} for {human(scenario.duration)}"
