"""`flk hunt`: swarm schedules over many seeds, in search of a violated invariant."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.sim.records import run_inputs_for, scenario_names
from flk.impl.command.sim.run import checked
from flk.impl.command.sim.sweep import Backend, Json, Workers, seed_range
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.sim.experiments.hunt import HuntResult, Progress, SearchSpace

SAMPLE = 3  # seeds whose determinism is checked
EXAMPLES = """\
Examples: flk hunt --seeds 10000 --budget 5m

flk hunt --programs my_service.programs:MINE

flk hunt three-regions --seeds 200
"""
Programs = Annotated[
    str, typer.Option(help="Hunt in these flk.sim.kernel.programs.Programs.", metavar="MODULE:NAME|FILE.py:NAME")
]


@app.command(epilog=EXAMPLES)
def hunt(
    scenario: Annotated[
        str,
        typer.Argument(
            help="Draw faults for this scenario, in place of its own. Without it: small worlds, drawn anew for each seed.",
            autocompletion=scenario_names,
        ),
    ] = "",
    *,
    seeds: Annotated[str, typer.Option(help="How many seeds, or which: 1000, or 500..599.", metavar="N|A..B")] = "1000",
    budget: Annotated[str, typer.Option(help="Stop after this time.", metavar="DURATION")] = "60s",
    programs: Programs = "",
    workers: Workers = -1,
    backend: Backend = "processes",
    check_determinism: Annotated[
        bool, typer.Option("--check-determinism", help="First check that runs repeat, in other processes too.")
    ] = False,
    json: Json = False,
) -> None:
    """Try random faults on small worlds until an invariant is violated, and print the line that replays it.

    Only invariants and convergence count, not objectives. Exit code 0: nothing was violated; 1: something was, or a run does not
    repeat; 2: unusable input.
    """
    from rich.console import Console

    from flk.sim.experiments.hunt import hunt as run_hunt

    space, chosen, seconds = _ground(scenario, programs), seed_range(seeds), _duration(budget)
    if check_determinism:
        checked(space.inputs, [(space.scenario(seed), seed) for seed in chosen[:SAMPLE]], quiet=json)
    with _progress(len(chosen)) as reached:
        over = run_hunt(space, chosen, budget=seconds, workers=workers, backend=backend, on_progress=reached)
    if json:
        typer.echo(msgspec.json.encode(_facts(space, over)))
    else:
        Console(highlight=False).print(_told(space, over), soft_wrap=True)
    raise typer.Exit(1 if over.counterexample else 0)


def _ground(scenario: str, programs: str) -> "SearchSpace":
    from flk.sim.experiments.hunt import SearchSpace
    from flk.sim.experiments.swarm import swarm
    from flk.sim.scenarios.files import find

    base = find(scenario) if scenario else None
    return SearchSpace(run_inputs_for(base or swarm(1), programs), base)


def _duration(text: str) -> float:
    from flk.sim.scenarios.duration import seconds

    try:
        return seconds(float(text) if text.replace(".", "", 1).isdecimal() else text)
    except ValueError as error:
        raise UnusableInput(f"--budget {error}") from None


def _facts(space: "SearchSpace", over: "HuntResult") -> dict[str, object]:
    counterexample = over.counterexample
    return {
        "verdict": "violated" if counterexample else "holds",
        "runs": over.runs,
        "undecided": over.undecided,
        "seconds": over.seconds,
        "events": over.events,
        "rate": list(over.rate[:3]),
        "kinds": dict(sorted(over.kinds.items())),
        "checks": dict(over.checks),
        "found": counterexample
        and {
            "seed": counterexample.seed,
            "violated": counterexample.violated,
            "sentence": counterexample.sentence,
            "digest": counterexample.digest,
            "string": _string(space, over),
        },
    }


def _string(space: "SearchSpace", over: "HuntResult") -> str:
    from flk.sim.experiments.replay import replay_string

    assert over.counterexample is not None
    scenario = space.scenario(over.counterexample.seed)
    return replay_string(scenario, over.counterexample.seed, over.counterexample.digest, space.inputs.named)


def _told(space: "SearchSpace", over: "HuntResult") -> str:
    """The outcome in a few lines."""
    from flk.sim.scenarios.duration import human

    each = f"{human(space.scenario(over.first).duration)} and {over.events / max(over.runs, 1):,.0f} events"
    told = f"{over.runs:,} runs of {each} each in {human(over.seconds)}, seeds from {over.first}"
    lines = [f"{told}; {over.undecided} ended too early to tell"]
    found = over.counterexample
    if found is None:
        lines.append(f"0 of {over.runs:,} violate an invariant: the probability is below {over.rate.high:.2g} at 95 %")
        idle = [name for name, number in over.checks.items() if not number]
        lines += [f"not exercised: {', '.join(idle)}"] if idle else []
    else:
        string = _string(space, over)
        lines += [
            f"[red]seed {found.seed} violates {', '.join(found.violated)}[/]: {found.sentence}",
            f"faults: {', '.join(found.kinds)}",
            f"replay: flk replay '{string}'",
            f"shrink: flk shrink '{string}'",
        ]
    return "\n".join(lines)


@contextmanager
def _progress(planned: int) -> "Iterator[Callable[[Progress], None]]":
    """What was found so far, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    from flk.sim.statistics.intervals import proportion_interval

    columns = (TextColumn("[bold]hunt"), BarColumn(24), MofNCompleteColumn(), TextColumn("{task.fields[told]}"))
    with Bar(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("hunt", total=planned, told="")

        def reached(now: "Progress") -> None:
            below = proportion_interval(0, now.runs).high
            told = f"{now.found} violated" if now.found else f"0 of {now.runs:,}: below {below:.2g} at 95 %"
            bar.update(task, completed=now.runs, told=told)

        yield reached
