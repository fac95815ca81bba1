"""`flk drill`: a scenario of the simulator on real processes, beside what the simulator predicts."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.sim.names import drill_names
from flk.spec.errors import UnusableInput, writing
from flk.spec.verdict import Verdict, worst

if TYPE_CHECKING:
    from rich.console import Console

    from flk.impl.command.drilling.comparison import Reason, Row
    from flk.impl.command.drilling.prediction import Prediction
    from flk.impl.drill.judging import Report
    from flk.impl.drill.perform import Drilled
    from flk.impl.drill.plan import Plan
    from flk.sim.scenarios.scenario import Scenario

EXAMPLES = """\
Examples: flk drill lost-disk --real --speed 10 --html drill.html

flk drill lost-object --real --without intruder

flk drill three-regions --real --speed 20 --store postgresql --nodes 3

flk drill gallery/stepped-over-gap --real

flk drill my.toml
"""


class _Result(msgspec.Struct, frozen=True):
    """A drill beside its prediction."""

    scenario: "Scenario"
    seed: int
    drilled: "Drilled"
    report: "Report"
    prediction: "Prediction"
    reasons: "tuple[Reason, ...]"
    rows: "tuple[Row, ...]"
    apart: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        return worst(reason.verdict for reason in self.reasons)


@app.command(epilog=EXAMPLES)
def drill(
    scenario: Annotated[
        str,
        typer.Argument(
            help="A scenario of the library, a TOML file, a refuted design (gallery/NAME), or a replay string.",
            autocompletion=drill_names,
        ),
    ],
    *,
    real: Annotated[
        bool, typer.Option("--real", help="Start the processes. Without it, only say what would be done to them.")
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave out this fault or setting, in drill and prediction. Once for each.", metavar="NAME"),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.1, max=1000, help="Divide the times of schedule and policy by this.")
    ] = 1.0,
    seed: Annotated[int | None, typer.Option(help="Random seed. Default: the scenario's own.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds the simulator runs, from that one on.")] = 9,
    store: Annotated[
        Literal["postgresql", "redis", "redis+cluster"] | None,
        typer.Option(help="Several nodes to each region, which share such a store; its server is started, too."),
    ] = None,
    nodes: Annotated[int, typer.Option(min=1, help="With --store: how many nodes a region has.")] = 3,
    html: Annotated[Path | None, typer.Option(help="Write a page to this file.", dir_okay=False)] = None,
    svg: Annotated[Path | None, typer.Option(help="Write the chart to this file.", dir_okay=False)] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep disks, traces and logs of the nodes in this new directory.", file_okay=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Run a scenario as a schedule against real nodes on this machine, and hold it against the simulator's prediction.

    Each region is a `flk serve` behind proxies, the object store a server of the S3 protocol, each agent a real outbox.

    Exit code 0: everything acknowledged was kept, but for what only a lost disk had where the simulator predicts such a loss; the
    regions became alike; and the protocols allow every trace. 1: not so. 2: undecided, or it cannot be run.
    """
    from rich.console import Console

    from flk.impl.command.drilling.counterexamples import named
    from flk.impl.command.drilling.refusals import require_counterparts
    from flk.impl.command.drilling.refusals import without as left_out
    from flk.impl.command.drilling.translation import plan_of, scaled, stand_ins
    from flk.sim.api.programs import inputs_for

    meant = named(scenario)
    found = scaled(left_out(meant.scenario, without or ()), speed)
    require_counterparts(found, shared=store is not None)
    seed = next(each for each in (seed, meant.seed, found.seed) if each is not None)
    inputs = inputs_for(found)
    plan = plan_of(found, inputs, seed, nodes if store else 1, store or "")
    apart = (*meant.notes, *stand_ins(found), *_apart(), *_of_shared_stores(plan))
    if not real:
        _show_plan(plan, apart)
        return
    from flk.impl.command.drilling.comparison import reasons, rows
    from flk.impl.command.drilling.prediction import predict
    from flk.impl.drill.judging import judged
    from flk.impl.drill.perform import perform
    from flk.impl.drill.traces import follow, follow_sharing
    from flk.sim.kernel.random_streams import RandomStream

    err = Console(stderr=True, quiet=json)
    with err.status("the simulator predicts"):
        prediction = predict(found, inputs, seed, seeds)
    with _home(keep) as home:
        drilled = perform(
            plan,
            home,
            lambda at, what: err.print(f"[dim]{at:8.2f} s[/] {what}", highlight=False),
            RandomStream(seed, "objects").uniform,
        )
        with err.status("the traces are held against the protocols"):
            traces = follow_sharing(drilled.traces, plan.nodes) if plan.store else follow(drilled.traces)
            followed = tuple(traces)
    report = judged(drilled)
    result = _Result(
        found,
        seed,
        drilled,
        report,
        prediction,
        tuple(reasons(report, drilled.ended, followed, predicts_loss=prediction.loses)),
        tuple(rows(report, prediction)),
        apart,
    )
    _write(result, html, svg)
    if json:
        typer.echo(msgspec.json.encode(_facts(result)))
    else:
        _show(Console(), result)
    raise typer.Exit(result.verdict.exit_code)


def _apart() -> Iterator[str]:
    """What is the simulator's alone, whatever the scenario."""
    yield (
        "fsync, agent_fsync, service, merge, object_service and timeout of the policy are the simulator's: real nodes take what"
        " this machine takes, and give a request to the object store 30 s"
    )


def _of_shared_stores(plan: "Plan") -> Iterator[str]:
    """What a region of several nodes shows less of."""
    if plan.store:
        yield (
            f"a region is {plan.nodes} nodes on one store, and one node in the simulator; its nodes are asked in turn."
            " Their traces are held against shared-store alone: what regions ship and replay is not followed"
        )


@contextmanager
def _home(keep: Path | None) -> Iterator[Path]:
    """An empty directory for the drill: one that stays, or one that goes with it. Raises UnusableInput for one that is there."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="flk-drill-") as directory:
            yield Path(directory)
        return
    try:
        keep.mkdir(parents=True)
    except FileExistsError:
        raise UnusableInput(f"--keep {keep}: it exists already; name a new directory") from None
    yield keep.resolve()


def _show_plan(plan: "Plan", apart: tuple[str, ...]) -> None:
    """What would be done."""
    from flk.impl.drill.plan import described

    typer.echo(
        f"{len(plan.arrivals)} records to {len(plan.agents)} agents of {', '.join(plan.regions)} in {plan.duration:g} s"
    )
    for action in plan.actions:
        typer.echo(f"{action.at:9.2f} s  {described(action)}")
    for line in apart:
        typer.echo(f"not as in the simulator: {line}")
    typer.echo("nothing was started; --real starts it")


def _show(console: "Console", result: _Result) -> None:
    """The table and the reasons."""
    from flk.impl.command.bench.tables import table
    from flk.impl.command.drilling.comparison import cells

    header = (">measure", ">measured", ">same seed", ">median, 95 %", ">range")
    ran = f"real processes, and {len(result.prediction.rows)} seeds of the simulator"
    console.print(f"[bold]{result.scenario.name}[/], seed {result.seed}: {ran}")
    console.print(table(header, map(cells, result.rows)))
    if any(row.outside for row in result.rows):
        console.print("[dim]* beyond what any seed predicts[/]")
    held = [reason for reason in result.reasons if reason.verdict is Verdict.HOLDS and reason.name.startswith("trace ")]
    for reason in result.reasons:
        if reason not in held:
            sign = f"[{reason.verdict.style}]{reason.verdict.sign}[/]"
            console.print(f"{sign} {reason.name}:", end=" ")
            console.print(reason.says, markup=False, highlight=False)
    if held:
        console.print(f"[green]{Verdict.HOLDS.sign}[/] traces: the protocols allow {len(held)} of them")
    for line in result.apart:
        console.print(f"[dim]{line}[/]", highlight=False)
    console.print(f"[{result.verdict.style}]{result.verdict}[/]")


def _write(result: _Result, html: Path | None, svg: Path | None) -> None:
    """The page and the chart."""
    if html is None and svg is None:
        return
    from flk.impl.command.drilling.chart import chart
    from flk.impl.command.drilling.comparison import cells
    from flk.sim.reports.html import rendered, save
    from flk.sim.reports.html import svg as drawn

    picture = drawn("drill", chart(result.scenario, result.report, result.prediction))
    if svg is not None:
        with writing(svg, "the chart"):
            svg.write_text(str(picture), encoding="utf-8")
    if html is not None:
        page = rendered(
            "drill.html.j2",
            name=result.scenario.name,
            description=result.scenario.description,
            about=f"seed {result.seed}; one run of real processes, {len(result.prediction.rows)} seeds of the simulator",
            verdict=str(result.verdict),
            chart=picture,
            rows=list(map(cells, result.rows)),
            reasons=result.reasons,
            notes=result.drilled.notes,
            apart=result.apart,
        )
        save(page, html)


def _facts(result: _Result) -> dict[str, object]:
    """What programs read."""
    return {
        "scenario": result.scenario.name,
        "scenario_hash": result.scenario.hash,
        "seed": result.seed,
        "verdict": result.verdict,
        "measures": result.rows,
        "reasons": result.reasons,
        "lost": [{"tenant": tenant, "pcs_id": pcs_id} for tenant, pcs_id in result.report.lost],
        "happened": [{"at": at, "what": what} for at, what in result.drilled.notes],
        "not_as_in_the_simulator": result.apart,
    }
