"""`flk shrink`: from a run that violates an invariant to a small one that does."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.sim.names import scenario_names
from flk.impl.command.sim.replay import Anyway
from flk.impl.command.sim.sweep import Json
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.sim import RunResult, ShrinkResult

EXAMPLES = """\
Examples: flk shrink flk1.eNqtVE1v2zA

flk shrink drill.toml --seed 7 --programs my_service.programs:MINE
"""


@app.command(epilog=EXAMPLES)
def shrink(
    run: Annotated[
        str,
        typer.Argument(
            help="The string of a run, as flk hunt prints it; or a scenario, with --seed.",
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
    limit: Annotated[int, typer.Option(min=1, help="Replays at most.")] = 2000,
    json: Json = False,
) -> None:
    """Take faults away until none can go, then make them weaker, shorter and simpler, as long as the same invariant is violated.

    Exit code 1, since what is left violates an invariant; 2: unusable input, or nothing is violated.
    """
    from rich.console import Console

    from flk.sim import shrink as shrunk

    found = shrunk(_subject(run, seed, programs, anyway=anyway), limit=limit, progress=False if json else None)
    if json:
        typer.echo(msgspec.json.encode(_facts(found)))
    else:
        Console(highlight=False).print(_told(found), soft_wrap=True, markup=False)
    raise typer.Exit(found.verdict.exit_code)


def _subject(text: str, seed: int | None, programs: str, *, anyway: bool) -> "RunResult":
    """The run that is meant by a string, or by a scenario and a seed."""
    from flk.sim import replay, run
    from flk.sim.experiments.replay import is_replay_string

    if not is_replay_string(text):
        return run(text, seed, programs=programs or None, progress=False)
    if seed is not None or programs:
        raise UnusableInput("a string says itself which seed and which programs; leave out --seed and --programs")
    return replay(text, anyway=anyway, progress=False)


def _facts(found: "ShrinkResult") -> dict[str, object]:
    from flk.sim.scenarios import document

    return {
        "invariant": found.invariant,
        "replays": found.replays,
        "faults": [len(found.before.faults), len(found.scenario.faults)],
        "scenario": document.plain(found.scenario),
        "seed": found.seed,
        "digest": found.run.digest,
        "string": found.string,
    }


def _told(found: "ShrinkResult") -> str:
    from flk.sim.scenarios.duration import human

    before, least = found.before, found.scenario
    lines = [
        f"{found.invariant} is still violated; {found.replays} replays",
        f"{len(before.faults)} faults before, {len(least.faults)} now, none of which can be left out:",
    ]
    lines += [
        f"  {fault.id}  {human(fault.start)} to {human(fault.end)}: {fault.effect}"
        for fault in sorted(least.faults, key=lambda fault: fault.start)
    ]
    lines.append(f"before: {len(before.regions)} regions for {human(before.duration)}")
    lines.append(f"now: {len(least.regions)} regions for {human(least.duration)}, seed {found.seed}")
    lines.append(f"replay: {found.replay_line}")
    return "\n".join(lines)
