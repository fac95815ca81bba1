"""`flk bench`: measurements, each beside a straightforward baseline in the same run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import msgspec
import typer

from flk.impl.command.app import app
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flk.impl.bench.crash import CrashReport
    from flk.impl.bench.turns import Bar, Figure


bench = typer.Typer(
    name="bench", no_args_is_help=True, help="Measure, beside a straightforward baseline in the same run."
)
app.add_typer(bench)

StoreKind = Literal["postgresql", "redis", "redis+cluster", "ring", "redis+replica", "redis+cluster+replicas"]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@bench.command(epilog="Example: flk bench signing --seconds 20")
def signing(
    *,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to measure.")] = 10.0,
    json: Json = False,
) -> None:
    """Canonical bytes, HMAC and Ed25519 signatures and full verification, on one core, beside the standard library's way.

    Medians over interleaved rounds. On a machine that does other things, too, the ratios say more than the rates.
    """
    from rich.console import Console

    from flk.impl.bench.signing import measure
    from flk.impl.command.bench import tables

    with Console(stderr=True).status(f"measuring for {seconds:g} s"):
        figures = measure(seconds)
    if json:
        typer.echo(msgspec.json.encode([{**figure._asdict(), "verdict": figure.verdict} for figure in figures]))
    else:
        Console().print(tables.rates(figures))


@bench.command(epilog="Example: flk bench examine --cases 100000 --sanitize")
def examine(
    *,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to measure.")] = 10.0,
    cases: Annotated[int, typer.Option(min=0, help="Instead: compare both on so many generated submissions.")] = 0,
    seed: Annotated[int, typer.Option(help="Random seed of the submissions that --cases compares.")] = 1,
    sanitize: Annotated[
        bool,
        typer.Option("--sanitize", help="With --cases: compiled with sanitizers of memory and of undefined behaviour."),
    ] = False,
    json: Json = False,
) -> None:
    """The compiled `examine` beside the reference in Python: submissions a second, on one core.

    With --cases, exit code 1 if the two differ in any answer.
    """
    from rich.console import Console

    from flk.impl.bench.examine import compare, compare_sanitized, measure
    from flk.impl.command.bench import tables
    from flk.model.compiled.library import library

    with Console(stderr=True).status("") as status:
        if cases:
            found = compare_sanitized(cases, seed) if sanitize else compare(library(), cases, seed, status.update)
            told = f"{found.cases:,} cases, {found.compiled:,} of them answered in C: {found.difference or 'no difference'}"
            typer.echo(msgspec.json.encode(found) if json else told)
            raise typer.Exit((Verdict.VIOLATED if found.difference else Verdict.HOLDS).exit_code)
        status.update(f"measuring for {seconds:g} s")
        figures = measure(seconds)
    if json:
        typer.echo(msgspec.json.encode([{**figure._asdict(), "verdict": figure.verdict} for figure in figures]))
    else:
        Console().print(tables.rates(figures))


@bench.command(epilog="Example: flk bench ingest --seconds 60")
def ingest(
    *,
    seconds: Annotated[
        float, typer.Option(min=1, help="How long to keep the servers under load, all together.")
    ] = 36.0,
    json: Json = False,
) -> None:
    """Durable submits a second of a live server, beside FastAPI without a log and beside itself without fsync.

    64 connections on loopback; the load generator shares the machine. Medians over rounds in which the servers take turns.
    """
    from flk.impl.bench.ingest import bars, measure

    _loads(measure, bars, seconds, json=json)


@bench.command(epilog="Example: flk bench batch --seconds 60")
def batch(
    *,
    seconds: Annotated[
        float, typer.Option(min=1, help="How long to keep the servers under load, all together.")
    ] = 18.0,
    json: Json = False,
) -> None:
    """Durable records a second of a live server that gets them one, a hundred and a thousand to a request, from one sender and from
    many.

    The load generator shares the machine. Medians over rounds in which the servers take turns.
    """
    from flk.impl.bench.batch import bars, measure

    _loads(measure, bars, seconds, json=json)


@bench.command(epilog="Example: flk bench http --seconds 60 --scale 1")
def http(
    *,
    seconds: Annotated[
        float, typer.Option(min=1, help="How long to keep the servers under load, all together.")
    ] = 36.0,
    scale: Annotated[
        float, typer.Option(min=0.01, max=1, help="How much of each attempt: 1 is in full, in some minutes.")
    ] = 0.2,
    json: Json = False,
) -> None:
    """The node's service behind our HTTP layer, behind Granian (RSGI) and behind uvicorn: submits a second, and what strangers do
    to each.
    """
    from rich.console import Console

    from flk.impl.bench.compare_layers import measure
    from flk.impl.command.bench import tables
    from flk.spec.errors import needs

    with needs("bench", "a comparison with other servers"):
        import granian  # noqa: F401
        import uvicorn  # noqa: F401
    with Console(stderr=True).status("") as status:
        report = measure(seconds, scale, status.update)
    if json:
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(report), "bars": report.bars}))
        return
    Console().print(tables.layers(report))


@bench.command(epilog="Example: flk bench tls --seconds 60")
def tls(
    *,
    seconds: Annotated[
        float, typer.Option(min=1, help="How long to keep the servers under load, all together.")
    ] = 24.0,
    json: Json = False,
) -> None:
    """Durable submits a second of a live server without TLS, within it, and with certificates of clients; and handshakes a second.

    64 connections on loopback; the load generator shares the machine. Medians over rounds in which the servers take turns.
    """
    from rich.console import Console

    from flk.impl.bench.tls import measure
    from flk.impl.command.bench import tables
    from flk.spec.errors import needs

    with needs("bench", "certificates for a benchmark"), Console(stderr=True).status("") as status:
        report = measure(seconds, status.update)
    if json:
        typer.echo(msgspec.json.encode(report))
        return
    Console().print(tables.loads(report.figures, ()))
    typer.echo(
        f"{report.handshakes:,.0f} handshakes a second, {report.handshake_processor * 1e3:.2f} ms of the server's processor each"
    )


@bench.command(epilog="Example: flk bench otlp --seconds 60")
def otlp(
    *,
    seconds: Annotated[
        float, typer.Option(min=1, help="How long to keep the servers under load, all together.")
    ] = 30.0,
    json: Json = False,
) -> None:
    """Durable submits a second of a live server without a collector, and of ones that tell one of a share, of all, or in vain.

    64 connections on loopback; load generator and collector share the machine. Medians over rounds in which the servers take turns.
    """
    from flk.impl.bench.otlp import bars, measure

    _loads(measure, bars, seconds, json=json)


@bench.command(epilog="Example: flk bench client --records 10000")
def client(
    *,
    records: Annotated[int, typer.Option(min=1, help="Records of each turn.")] = 4000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds in which all take turns.")] = 3,
    json: Json = False,
) -> None:
    """Records a second that the Python client signs, makes durable and has acknowledged, beside bare HTTP in the same run.

    Eight connections to one `flk serve` on loopback, which shares the machine; medians over rounds in which all take turns.
    """
    from rich.console import Console

    from flk.impl.bench.client import measure
    from flk.impl.command.bench import tables

    with Console(stderr=True).status("") as status:
        figures = measure(records, rounds, status.update)
    if json:
        typer.echo(msgspec.json.encode([figure._asdict() for figure in figures]))
    else:
        Console().print(tables.clients(figures))


@bench.command(epilog="Example: flk bench explore --rounds 5 --long")
def explore(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Small models and one round: a first look.")] = False,
    long: Annotated[bool, typer.Option("--long", help="Also 61,515,776 states, with the memory they take.")] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Searches of each tool on each model.")] = 3,
    comparisons: Annotated[
        int,
        typer.Option(
            "--validate",
            min=0,
            help="Instead: so many comparisons of backends with the interpreter, and of the prover with the explorer "
            "on random protocols.",
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Random seed of the states that --validate compares.")] = 1,
    json: Json = False,
) -> None:
    """Distinct states a second of our engines, Spin and rumur: the same protocols, the same counts, in turns.

    Searches only, without compilation; medians over rounds. Ours and rumur use two threads, Spin has one. Exit code 1 if two tools
    disagree, or if a backend differs from the interpreter.
    """
    from rich.console import Console

    from flk.impl.bench.explore import Disagreement, bars, measure, models, quick_models
    from flk.impl.command.bench import tables

    with Console(stderr=True).status("") as status:
        if comparisons:
            _validate(comparisons, seed, status.update, json=json)
        try:
            chosen = quick_models() if quick else models(long=long)
            figures = measure(chosen, 1 if quick else rounds, status.update)
        except Disagreement as found:
            typer.echo(str(found), err=True)
            raise typer.Exit(Verdict.VIOLATED.exit_code) from None
    if json:
        rows = [{**msgspec.to_builtins(one), "per_second": one.per_second} for one in figures]
        typer.echo(msgspec.json.encode({"figures": rows, "bars": bars(figures)}))
        return
    Console().print(tables.searches(figures, bars(figures)))


def _validate(comparisons: int, seed: int, on_progress: "Callable[[str], None]", *, json: bool) -> NoReturn:
    """Compare backends with the interpreter in random states of every protocol, and end the command."""
    from flk.impl.bench.validate import validate

    result = validate(comparisons, seed, on_progress)
    if json:
        typer.echo(msgspec.json.encode(result._asdict()))
    else:
        typer.echo(f"{result.comparisons:,} comparisons: {result.mismatch or 'no difference'}")
    raise typer.Exit((Verdict.VIOLATED if result.mismatch else Verdict.HOLDS).exit_code)


@bench.command("store", epilog="Example: flk bench store --seconds 90")
def stores(
    *,
    seconds: Annotated[float, typer.Option(min=1, help="How long to measure, about.")] = 60.0,
    json: Json = False,
) -> None:
    """Claims a second of SQLite, PostgreSQL, Redis and Redis Cluster, each beside a plain client that inserts or gets.

    The servers are started for this, and synchronise what they acknowledge. Then one node, two and four on one store under load;
    and what checksums and snapshots take.
    """
    from rich.console import Console

    from flk.impl.bench.stores import measure
    from flk.impl.command.bench import tables

    with Console(stderr=True).status("") as status:
        report = measure(seconds, status.update)
    if json:
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(report), "bars": report.bars}))
        return
    Console().print(tables.stores(report))


@bench.command(epilog="Example: flk bench crash --kills 1000 --store postgresql --nodes 3")
def crash(
    *,
    kills: Annotated[int, typer.Option(min=1, help="How many times to kill.")] = 100,
    seed: Annotated[int, typer.Option(help="Random seed of who is killed and when.")] = 1,
    store: Annotated[
        StoreKind | None,
        typer.Option(help="Kill nodes that share such a store, and its own server, which is started for this."),
    ] = None,
    nodes: Annotated[int, typer.Option(min=1, help="With --store: how many nodes.")] = 2,
    audit: Annotated[
        bool,
        typer.Option("--audit", help="The server, or the nodes together, write an audit log, of which books are kept."),
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Without --store: an empty directory to work in, or one with a run that was ended, which goes on.",
            file_okay=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Kill -9 a server under load and at start-up, again and again, and compare every answer with the one given before.

    Exit code 1 if an acknowledged submission is lost or answered otherwise, is no leaf of the audit log or two, or if that forks.
    """
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from flk.impl.bench.audit_books import Auditor
    from flk.impl.bench.crash import crash as run
    from flk.impl.bench.crash_region import crash_region
    from flk.impl.bench.store_servers import KINDS

    if store is not None and keep is not None:
        raise UnusableInput("--keep: the server of a shared store keeps nothing across runs; leave one of the two out")
    with Console(stderr=True).status("starting") as status, TemporaryDirectory() as temporary:
        directory = keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        auditor = Auditor(directory) if audit else None

        def tell(report: "CrashReport") -> None:
            status.update(f"{report.kills} of {kills} kills")

        if store is None:
            report = run(directory, kills, seed, tell, auditor, keep=keep is not None)
        else:
            report = crash_region(directory, KINDS[store](), nodes, kills, seed, tell, auditor)
    if json:
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(report), "holds": report.verdict is Verdict.HOLDS}))
    else:
        whom = "" if store is None else f", {report.of_store} of the store's server"
        typer.echo(
            f"{report.kills} kills in {report.seconds:.0f} s, {report.during_start} of them during start-up{whom}:"
            f" {report.acknowledged} submissions acknowledged, {report.unanswered} cut off, {report.compared} answers compared."
        )
        on_record = "" if store is None else f" {report.gave_way} gave way to an earlier one, on record;"
        typer.echo(
            f"{report.lost} lost, {report.changed} changed, {report.refused} refused;{on_record}"
            f" {report.fell} runs ended without a kill."
        )
        if (books := report.audit) is not None:
            typer.echo(
                f"audit log: {books.leaves:,} leaves, {books.acknowledged:,} acknowledged ids, {books.missing} without a leaf,"
                f" {books.doubled} leaves too many; {books.checkpoints} checkpoints seen, {books.wrong or 'of one history'}."
            )
        if store is not None and not audit:
            typer.echo(report.disallowed or f"shared-store allows the {report.followed:,} events of the nodes' traces.")
    raise typer.Exit(report.verdict.exit_code)


@bench.command(epilog="Example: flk bench recovery --frames 100000")
def recovery(
    *,
    frames: Annotated[int, typer.Option(min=1, help="Records in the log.")] = 20_000,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to measure, about.")] = 10.0,
    json: Json = False,
) -> None:
    """Frames a second of a node that rebuilds a lost store from its log, by compiled C beside Python; starts a second after an
    orderly stop, beside rebuilds. Seconds of one core, the store's work included.
    """
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from flk.impl.bench.recovery import measure
    from flk.impl.command.bench import tables

    with Console(stderr=True).status("writing and rebuilding"), TemporaryDirectory() as directory:
        figures = measure(Path(directory), frames, seconds)
    if json:
        typer.echo(msgspec.json.encode([{**figure._asdict(), "verdict": figure.verdict} for figure in figures]))
        return
    Console().print(tables.rates(figures))


@bench.command(epilog="Example: flk bench hostile --scale 0.1")
def hostile(
    *,
    scale: Annotated[
        float, typer.Option(min=0.01, max=1, help="How much of each attempt: 1 is in full, in some minutes.")
    ] = 1.0,
    attempt: Annotated[
        list[str] | None, typer.Option(help="Only attempts with this in their name. Once for each.", metavar="TEXT")
    ] = None,
    json: Json = False,
) -> None:
    """What strangers try on a live server (chunks, trailers, pipelines, unfinished bodies, idle connections, garbage): the answers,
    the server's memory, log and processor time, and the longest wait for /health from another address.

    Exit code 1 if the server ends, a probe has no answer, or an honest record is not accepted afterwards.
    """
    from rich.console import Console

    from flk.impl.bench.attempts import ATTEMPTS
    from flk.impl.bench.hostile import bars, measure
    from flk.impl.command.bench import tables
    from flk.spec.errors import UnusableInput
    from flk.spec.verdict import worst

    chosen = [one for one in ATTEMPTS if not attempt or any(text in one.name for text in attempt)]
    if not chosen:
        raise UnusableInput(f"--attempt {attempt}: choose from {', '.join(one.name for one in ATTEMPTS)}")
    with Console(stderr=True).status("") as status:
        rows = tuple(measure(scale, chosen, status.update))
    verdict = worst(row.verdict for row in rows)
    if json:
        typer.echo(msgspec.json.encode({"attempts": rows, "bars": bars(rows), "holds": verdict is Verdict.HOLDS}))
    else:
        Console().print(tables.attempts(rows, bars(rows)))
    raise typer.Exit(verdict.exit_code)


@bench.command(epilog="Example: flk bench tenants --seconds 600")
def tenants(
    *,
    seconds: Annotated[float, typer.Option(min=1, help="How long to keep the nodes under load, all together.")] = 120.0,
    json: Json = False,
) -> None:
    """What tenants within their quotas see of one that sends a hundred times its own, and of a stranger who forges records of one
    of them; beside the same at a node without quotas. At an even pace, on loopback; the load generators share the machine.

    The companies take turns of two seconds. Quantiles are of all turns; the p99 is given as a multiple of that without anybody
    beside, with its interval by rounds drawn again. One company is alone a second time: that far figures of the same are apart.
    """
    from rich.console import Console

    from flk.impl.bench.tenants import bars, measure
    from flk.impl.command.bench import tables

    with Console(stderr=True).status("") as status:
        figures = measure(seconds, status.update)
    judged = bars(figures, seconds)
    if json:
        typer.echo(msgspec.json.encode({"figures": figures, "bars": judged}))
        return
    Console().print(tables.companies(figures, judged))


@bench.command(epilog="Example: flk bench audit --records 20000")
def audit(
    *,
    records: Annotated[int, typer.Option(min=1, help="Records that are integrated.")] = 50_000,
    leaves: Annotated[int, typer.Option(min=2, help="Leaves of the log in which is proven.")] = 1_000_000,
    seconds: Annotated[
        float, typer.Option(min=1, help="How long to keep the servers under load, all together.")
    ] = 24.0,
    json: Json = False,
) -> None:
    """Leaves that a node integrates a second; proofs, their checks and a whole audit of a long log; and submits a second of a
    server that writes an audit log, beside one that does not, in turns.
    """
    from rich.console import Console

    from flk.impl.bench.audit import measure
    from flk.impl.command.bench import tables

    with Console(stderr=True).status("") as status:
        report = measure(records, leaves, seconds, status.update)
    if json:
        typer.echo(msgspec.json.encode(report))
        return
    done, proven = report.integrated, report.proven
    typer.echo(
        f"{done.leaves:,} leaves integrated in {done.seconds:.1f} s, {done.leaves / done.seconds:,.0f} a second; signed in"
        f" {done.signed * 1e3:.0f} ms"
    )
    typer.echo(
        f"of {proven.leaves:,} leaves: a leaf proven in {proven.inclusion * 1e3:.2f} ms and checked in"
        f" {proven.inclusion_checked * 1e3:.3f} ms, growth in {proven.consistency * 1e3:.2f} and"
        f" {proven.consistency_checked * 1e3:.3f} ms, all of it audited in {proven.whole:.1f} s"
    )
    Console().print(tables.loads(report.figures, ()))
    one = report.figures[-1]
    typer.echo(
        f"{one.rounds} pairs of turns; the process that integrates takes {one.helpers * 1e6:.0f} µs of processor a record beside"
        f" the node's, and the last leaf is published {one.settled:.1f} s after the last answer"
    )


@bench.command(name="validate", epilog="Example: flk bench validate")
def validate_traces(
    *,
    events: Annotated[
        list[int] | None, typer.Option(min=1000, help="Length of a log; 10 000, 100 000 and 1 000 000 unless told.")
    ] = None,
    json: Json = False,
) -> None:
    """Events a second of trace validation, on one core, beside decoding the same lines alone.

    Of logs that tell everything, and of logs with hidden steps and parameters to be found.
    """
    from rich.console import Console

    from flk.impl.bench.traces import LENGTHS, measure
    from flk.impl.command.bench import tables

    with Console(stderr=True).status("") as status:
        figures = measure(tuple(events or LENGTHS), status.update)
    if json:
        rows = [{**figure._asdict(), "ratio": figure.ratio, "verdict": figure.verdict} for figure in figures]
        typer.echo(msgspec.json.encode(rows))
        return
    Console().print(tables.validations(figures))


@bench.command(name="sim", epilog="Example: flk bench sim --rounds 7")
def simulator(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="Runs of each program, in turns.")] = 5,
    quick: Annotated[bool, typer.Option("--quick", help="Small backlogs, and no vector tier: a first look.")] = False,
    json: Json = False,
) -> None:
    """The simulator beside a plain SimPy program of the same scenario, the cost of invariants, backlogs, the vector tier.

    Medians of the processor's seconds, over rounds in which the programs take turns. On a machine that does other things, too, the
    ratios say more than the rates.
    """
    from rich.console import Console

    from flk.sim.bench.measure import FULL, QUICK, bars, measure

    with Console(stderr=True).status("") as status:
        report = measure(rounds, status.update, QUICK if quick else FULL)
    if json:
        typer.echo(msgspec.json.encode({**_by_name(report), "bars": _by_name(bars(report))}))
    else:
        from flk.impl.command.bench.sim import rendered

        Console().print(rendered(report))


def _by_name(value: object) -> Any:
    """Named tuples as objects, which JSON would have as arrays."""
    if hasattr(value, "_asdict"):
        return {name: _by_name(one) for name, one in value._asdict().items()}
    return [_by_name(one) for one in value] if isinstance(value, tuple) else value


def _loads(
    measure: "Callable[[float, Callable[[str], None]], Sequence[Figure]]",
    bars: "Callable[[Sequence[Figure]], Sequence[Bar]]",
    seconds: float,
    *,
    json: bool,
) -> None:
    """Print how servers stand loads, and the bars."""
    from rich.console import Console

    from flk.impl.command.bench import tables

    with Console(stderr=True).status("") as status:
        figures = measure(seconds, status.update)
    judged = bars(figures)
    if json:
        typer.echo(msgspec.json.encode({"figures": figures, "bars": judged}))
    else:
        Console().print(tables.loads(figures, judged))
