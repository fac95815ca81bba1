"""`flk mutate`: small faults made by rule, and which check sees each of them."""

from collections.abc import Sequence
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.formal.subject import protocol_names
from flk.spec.errors import UnusableInput, needs, writing
from flk.spec.hints import nearest

if TYPE_CHECKING:
    from flk.formal.mutation.ledger import Ledger
    from flk.formal.mutation.report import Report
    from flk.formal.mutation.selection import Plan
    from flk.formal.mutation.target import Target

LEDGERS = Path("tests/mutation")
JOURNAL = Path("out/mutation.jsonl")
EXAMPLES = """\
Examples: flk mutate --protocol two-phase-commit

flk mutate --protocol lease.py --ledger accepted.toml

flk mutate --programs my_service.programs:PROGRAMS

flk mutate --all --sample 40 --seed 7

flk mutate --programs flk.model.log --sample 20

flk mutate --protocol audit --show 3f1a90c2d4
"""


@app.command(epilog=EXAMPLES)
def mutate(
    *,
    protocol: Annotated[
        list[str] | None,
        typer.Option(help="Mutate a protocol, by name or in a Python file. Repeatable.", autocompletion=protocol_names),
    ] = None,
    programs: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODULE:NAME",
            help="Mutate the module of your programs, as hunts take them, or modules of the lab: one, or all of a package, such "
            "as flk.model. Repeatable.",
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Mutate all that the lab has.")] = False,
    sample: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only N mutants, drawn by --seed.")] = None,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
    only: Annotated[
        list[str] | None, typer.Option(metavar="OPERATOR", help="Only mutants of this operator. Repeatable.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Name the mutants and try none.")] = False,
    show: Annotated[str, typer.Option(metavar="ID", help="Try one mutant by every check and show it.")] = "",
    check: Annotated[list[str] | None, typer.Option(help="Only this check. Repeatable.")] = None,
    every_check: Annotated[
        bool, typer.Option("--every-check", help="Run every check, also after one that kills.")
    ] = False,
    workers: Annotated[int, typer.Option(help="Processes to use; -1: one for each core.")] = -1,
    budget: Annotated[str, typer.Option(metavar="DURATION", help="Stop after this time, such as 20m.")] = "",
    journal: Annotated[
        Path, typer.Option(help="What was found, so that a run goes on where it ended.", dir_okay=False)
    ] = JOURNAL,
    anew: Annotated[bool, typer.Option("--anew", help="Forget what the journal says.")] = False,
    ledger: Annotated[
        list[Path] | None,
        typer.Option(help=f"Why mutants may live. Without it: {LEDGERS}/*.toml.", dir_okay=False),
    ] = None,
    draft: Annotated[
        Path | None,
        typer.Option(help="Write entries for what lives to this file; reasons are up to you.", dir_okay=False),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what killed each mutant.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Measure the checks: change the source in small ways by rule, and see which check notices.

    Each mutant climbs the checks in the order of their cost until one kills it. Those that live are shown with their source: add a
    property that sees them, or enter in the ledger why nothing can. Exit code 0: every mutant is killed or in the ledger; 1: one
    lives, or an entry of the ledger no longer fits; 2: not all were tried, or unusable input.
    """
    from rich.console import Console

    with needs("mutate", "mutation testing"):
        from flk.formal.mutation.journal import Journal
        from flk.formal.mutation.ladder import Ladder
        from flk.formal.mutation.rendering import render, shown
        from flk.formal.mutation.run import run
        from flk.formal.mutation.selection import Selection

    targets = _targets(protocol or (), programs or (), everything=all_)
    selection = Selection(only or (), [show] if show else (), sample, seed)
    if list_:
        _list(selection.plan(targets), json=json)
        return
    accepted = _ledger(ledger)
    ladder = Ladder(
        Journal(journal, anew=anew),
        frozenset(check or ()),
        every=every_check or bool(show),
        workers=cpu_count() or 1 if workers < 1 else workers,
        budget=_seconds(budget),
    )
    found = run(targets, selection, ladder, accepted, progress=False if json else None)
    if draft is not None:
        _draft(draft, targets, found)
    if json:
        typer.echo(msgspec.json.encode(_facts(found)))
    elif show:
        Console(highlight=False).print(*map(shown, found.rows))
    else:
        complete = selection.whole and not check
        Console(highlight=False).print(render(found, complete=complete, verbose=verbose))
    raise typer.Exit(found.verdict.exit_code)


def _targets(protocols: Sequence[str], programs: Sequence[str], *, everything: bool) -> "list[Target]":
    with needs("mutate", "mutation testing"):
        from flk.formal.mutation.protocols.targets import target_of, targets
    if everything:
        return [*targets(), *_lab_programs()]
    if not protocols and not programs:
        raise UnusableInput(
            "what is to be mutated? Give --protocol NAME, --protocol FILE.py, --programs MODULE:NAME, or --all"
        )
    return [*map(target_of, protocols), *(target for name in programs for target in _programs(name))]


def _programs(name: str) -> "Sequence[Target]":
    with needs("mutate", "mutation testing"):
        from flk.sim.mutation.targets import user_target
    if ":" in name:
        return [user_target(name)]
    known = {target.name: target for target in _lab_programs()}
    found = [target for module, target in known.items() if f"{module}.".startswith(f"{name}.")]
    if not found:
        raise UnusableInput(
            f"--programs {name}: give MODULE:NAME or FILE.py:NAME for programs of yours, or a module or package of the lab; "
            f"{nearest(name, list(known))}"
        )
    return found


def _lab_programs() -> "Sequence[Target]":
    """The lab's own modules, with the tests that stand in the directory of its sources."""
    from flk.conformance.sdk.mutation import ConformanceVectors

    with needs("mutate", "mutation testing"):
        from flk.sim.mutation.targets import lab_targets
    if not Path("tests/model").is_dir():
        raise UnusableInput("the lab's own modules are tried by its tests: run this in a clone of the lab")
    return lab_targets(Path.cwd(), more=(ConformanceVectors(),))


def _ledger(files: Sequence[Path] | None) -> "Ledger":
    from flk.formal.mutation.ledger import read

    return read(sorted(LEDGERS.glob("*.toml")) if files is None else files)


def _seconds(budget: str) -> float:
    if not budget:
        return float("inf")
    from flk.sim.scenarios.duration import seconds

    try:
        return seconds(budget)
    except ValueError as error:
        raise UnusableInput(f"--budget: {error}") from None


def _list(plan: "Plan", *, json: bool) -> None:
    from rich.console import Console

    from flk.formal.mutation.rendering import listing

    each = [(target.name, mutant) for target, mutants in plan for mutant in mutants]
    if json:
        fields = ("id", "module", "function", "line", "operator", "before", "after")
        rows = [{"target": name, **{field: getattr(mutant, field) for field in fields}} for name, mutant in each]
        typer.echo(msgspec.json.encode(rows))
    else:
        Console(highlight=False).print(listing(each), soft_wrap=True)


def _draft(file: Path, targets: "Sequence[Target]", found: "Report") -> None:
    from flk.formal.mutation.ledger import draft
    from flk.formal.mutation.report import Status

    alike = {row.id: row.alike for row in found.rows if row.status is Status.LIVING}
    living = [mutant for target in targets for mutant in target.mutants() if mutant.id in alike]
    with writing(file, "the draft"):
        file.write_text(draft((mutant, alike[mutant.id]) for mutant in living), "utf-8")


def _facts(found: "Report") -> dict[str, object]:
    counts = [{**msgspec.structs.asdict(count), "ratio": count.ratio} for count in found.counts]
    return {
        "verdict": found.verdict,
        "counts": counts,
        "mutants": found.rows,
        "claims": found.claims,
        "stale": found.stale,
        "efforts": found.efforts,
    }
