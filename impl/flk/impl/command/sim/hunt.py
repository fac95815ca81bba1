"""`flk hunt`: swarm schedules over many seeds, in search of a violated invariant."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.sim.names import scenario_names
from flk.impl.command.sim.run import checked
from flk.impl.command.sim.sweep import Backend, Json, Workers

if TYPE_CHECKING:
    from flk.sim import HuntResult

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
    repeat; 2: every run ended too early to tell, or unusable input.
    """
    from rich.console import Console

    from flk.sim import hunt as hunted
    from flk.sim.api.hunts import search_space
    from flk.sim.api.inputs import seeds_of

    base, chosen = scenario or None, seeds_of(seeds)
    if check_determinism:
        space = search_space(base, programs or None)
        checked(space.inputs, [(space.scenario(seed), seed) for seed in chosen[:SAMPLE]], quiet=json)
    over = hunted(base, chosen, budget, programs or None, workers=workers, backend=backend)
    if json:
        typer.echo(msgspec.json.encode(_facts(over)))
    else:
        Console(highlight=False).print(_told(over), soft_wrap=True)
    raise typer.Exit(over.verdict.exit_code)


def _facts(over: "HuntResult") -> dict[str, object]:
    counted, found = over.outcome, over.outcome.counterexample
    return {
        "verdict": over.verdict,
        "runs": counted.runs,
        "undecided": counted.undecided,
        "seconds": counted.seconds,
        "events": counted.events,
        "rate": list(over.rate[:3]),
        "kinds": dict(sorted(over.kinds.items())),
        "checks": dict(over.checks),
        "found": found
        and over.failure
        and {
            "seed": found.seed,
            "violated": found.violated,
            "sentence": found.sentence,
            "digest": found.digest,
            "string": over.failure.string,
        },
    }


def _told(over: "HuntResult") -> str:
    """The outcome in a few lines."""
    from flk.sim.scenarios.duration import human

    counted, found = over.outcome, over.outcome.counterexample
    each = (
        f"{human(over.space.scenario(counted.first).duration)} and {counted.events / max(counted.runs, 1):,.0f} events"
    )
    told = f"{counted.runs:,} runs of {each} each in {human(counted.seconds)}, seeds from {counted.first}"
    lines = [f"{told}; {counted.undecided} ended too early to tell"]
    if found is None or over.failure is None:
        lines.append(f"0 of {over.runs:,} violate an invariant: the probability is below {over.rate.high:.2g} at 95 %")
        idle = [name for name, number in over.checks.items() if not number]
        lines += [f"not exercised: {', '.join(idle)}"] if idle else []
    else:
        lines += [
            f"[red]seed {found.seed} violates {', '.join(found.violated)}[/]: {found.sentence}",
            f"faults: {', '.join(found.kinds)}",
            f"replay: {over.failure.replay_line}",
            f"shrink: flk shrink '{over.failure.string}'",
        ]
    return "\n".join(lines)
