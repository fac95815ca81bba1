"""`flk shrink`: from a run that violates an invariant to a small one that does."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.sim.records import run_inputs_for, scenario_names
from flk.impl.command.sim.replay import Anyway, recorded
from flk.impl.command.sim.sweep import Json
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.sim.experiments.replay import ReplayTarget
    from flk.sim.experiments.shrink import ShrinkResult
    from flk.sim.scenarios.scenario import Scenario

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

    from flk.sim.experiments.replay import replay_string
    from flk.sim.experiments.shrink import shrink as shrunk_by

    subject = _subject(run, seed, programs, anyway=anyway)
    inputs = run_inputs_for(subject.scenario, subject.programs)
    with Console(stderr=True, quiet=json).status("shrinking") as status:

        def told(replays: int, least: "Scenario") -> None:
            status.update(f"shrinking: {replays} replays, {len(least.faults)} faults left")

        found = shrunk_by(inputs, subject.scenario, subject.seed, limit=limit, on_replay=told)
    string = replay_string(found.scenario, found.seed, found.digest, subject.programs)
    if json:
        typer.echo(msgspec.json.encode(_facts(subject, found, string)))
    else:
        Console(highlight=False).print(_told(subject.scenario, found, string), soft_wrap=True, markup=False)
    raise typer.Exit(1)


def _subject(run: str, seed: int | None, programs: str, *, anyway: bool) -> "ReplayTarget":
    """The run that is meant by a string, or by a scenario and a seed."""
    from flk.sim.experiments.replay import ReplayTarget, is_replay_string
    from flk.sim.scenarios.files import find

    if is_replay_string(run):
        if seed is not None or programs:
            raise UnusableInput("a string says itself which seed and which programs; leave out --seed and --programs")
        return recorded(run, anyway=anyway)
    scenario = find(run)
    return ReplayTarget(scenario, scenario.seed if seed is None else seed, programs, "", "")


def _facts(subject: "ReplayTarget", found: "ShrinkResult", string: str) -> dict[str, object]:
    from flk.sim.scenarios import document

    return {
        "invariant": found.invariant,
        "replays": found.replays,
        "faults": [len(subject.scenario.faults), len(found.scenario.faults)],
        "scenario": document.plain(found.scenario),
        "seed": found.seed,
        "digest": found.digest,
        "string": string,
    }


def _told(before: "Scenario", found: "ShrinkResult", string: str) -> str:
    from flk.sim.scenarios.duration import human

    least = found.scenario
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
    lines.append(f"replay: flk replay '{string}'")
    return "\n".join(lines)
