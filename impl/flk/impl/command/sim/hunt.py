"""`flk hunt`: swarm schedules over many seeds, in search of a violated invariant."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.sim.names import fault_kinds, scenario_names
from flk.impl.command.sim.run import Validate, checked
from flk.impl.command.sim.sweep import Backend, Json, Workers

if TYPE_CHECKING:
    from rich.text import Text

    from flk.sim import HuntResult

SAMPLE = 3  # seeds whose determinism is checked
EXAMPLES = """\
Examples: flk hunt --seeds 10000 --budget 5m

flk hunt --programs my_service.programs:MINE

flk hunt three-regions --seeds 200

flk hunt --nodes 3 --seeds 500

flk hunt --upkeep --seeds 500

flk hunt --audit-log --nodes 2 --seeds 500

flk hunt --removals --seeds 500

flk hunt --validate --seeds 300

flk hunt --kind bit_rot --kind region_crash --kind object_loss
"""
Programs = Annotated[
    str,
    typer.Option(
        help="Hunt in other programs: MODULE:NAME or FILE.py:NAME, where NAME holds the Programs.", metavar="PLACE:NAME"
    ),
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
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="A kind of fault to draw, such as bit_rot, and no other; once for each.",
            metavar="KIND",
            autocompletion=fault_kinds,
        ),
    ] = None,
    nodes: Annotated[
        int, typer.Option(help="So many nodes share the store of each region of a small world.", min=1, metavar="N")
    ] = 1,
    upkeep: Annotated[
        bool,
        typer.Option(
            "--upkeep",
            help="Nodes of a small world write snapshots, remove what these cover, compare stores and mend what one lost.",
        ),
    ] = False,
    audit_log: Annotated[
        bool,
        typer.Option(
            "--audit-log", help="Nodes of a small world write audit logs, which other regions cosign and monitor."
        ),
    ] = False,
    policies: Annotated[
        bool, typer.Option("--policies", help="Operators of a small world change the policies that its nodes judge by.")
    ] = False,
    removals: Annotated[
        bool, typer.Option("--removals", help="A shard leaves the stores of a small world while records come.")
    ] = False,
    validate: Validate = False,
    programs: Programs = "",
    workers: Workers = -1,
    backend: Backend = "processes",
    check_determinism: Annotated[
        bool, typer.Option("--check-determinism", help="First check that runs repeat, in other processes too.")
    ] = False,
    json: Json = False,
) -> None:
    """Inject random faults into small worlds until an invariant is violated, and print the line that replays the run.

    Only invariants and convergence count, not objectives. Exit code 0: nothing is violated; 1: an invariant is, or a run does not
    repeat; 2: every run ended too early to tell, or unusable input.
    """
    from rich.console import Console

    from flk.sim.api.hunts import hunt_in, search_space
    from flk.sim.api.inputs import seeds_of

    chosen = seeds_of(seeds)
    space = search_space(
        scenario or None,
        programs or None,
        kinds=kind or (),
        nodes=nodes,
        upkeep=upkeep,
        audit_log=audit_log,
        policies=policies,
        removals=removals,
        validate=validate,
    )
    if check_determinism:
        checked(space.inputs, [(space.scenario(seed), seed) for seed in chosen[:SAMPLE]], quiet=json)
    result = hunt_in(space, chosen, budget, workers=workers, backend=backend, progress=False if json else None)
    if json:
        typer.echo(msgspec.json.encode(_facts(result)))
    else:
        Console(highlight=False).print(_rendered(result), soft_wrap=True)
    raise typer.Exit(result.verdict.exit_code)


def _facts(result: "HuntResult") -> dict[str, object]:
    outcome, found = result.outcome, result.outcome.counterexample
    return {
        "verdict": result.verdict,
        "runs": outcome.runs,
        "undecided": outcome.undecided,
        "seconds": outcome.seconds,
        "events": outcome.events,
        "rate": list(result.rate[:3]),
        "kinds": dict(sorted(result.kinds.items())),
        "checks": dict(result.checks),
        "found": found
        and result.failure
        and {
            "seed": found.seed,
            "violated": found.violated,
            "sentence": found.sentence,
            "digest": found.digest,
            "string": result.failure.string,
        },
    }


def _rendered(result: "HuntResult") -> "Text":
    """The outcome in a few lines."""
    from rich.text import Text

    from flk.sim.scenarios.duration import human

    outcome, failure = result.outcome, result.failure
    each = human(result.space.scenario(outcome.first).duration)
    events = f"{outcome.events / max(outcome.runs, 1):,.0f} events"
    text = Text(f"{outcome.runs:,} runs of {each} and {events} each in {human(outcome.seconds)}")
    text.append(f", seeds from {outcome.first}; {outcome.undecided} ended too early to tell\n")
    found = outcome.counterexample
    if found is None or failure is None:
        bound = f"the probability of a violation is below {result.outcome.bound:.2g} at 95 % confidence"
        text.append(f"no invariant is violated in {outcome.runs:,} runs: {bound}")
        idle = [name for name, number in result.checks.items() if not number]
        return text.append(f"\nnot exercised: {', '.join(idle)}") if idle else text
    text.append(f"seed {found.seed} violates {', '.join(found.violated)}", "red")
    text.append(f": {found.sentence}\nfaults: {', '.join(found.kinds)}")
    return text.append(f"\nreplay: {failure.replay_line}\nshrink: {failure.shrink_line}")
