"""`flk evidence`: what can be shown of controls of SOC 2, ISO 27001, HIPAA and GDPR, and packs that an auditor checks (EVD-*)."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.impl.audit import Json, opened
from flk.impl.command.plain import plain
from flk.spec.controls import Framework, table
from flk.spec.errors import UnusableInput, needs, writing
from flk.spec.verdict import Verdict

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flk.impl.evidence.gathering import OpenLog
    from flk.model.compliance.report import Report
    from flk.model.compliance.sources import Period

commands = typer.Typer(
    name="evidence",
    no_args_is_help=True,
    help="Show what evidence there is for the controls of a framework, and check a pack of it.",
)
app.add_typer(commands)

_LATEST = datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()
EXAMPLE = """\
Example: flk evidence {framework} --from 2026-01-01 --to 2026-04-01 --log s3://logs/audit/eu --key example.com/eu+… --tests t.xml
--run run.json --metrics https://node:8080/metrics --html report.html --pack report.zip --sign auditor.key
"""


def _command(framework: Framework) -> Callable[..., None]:
    def make(
        begin: Annotated[str, typer.Option("--from", help="A day or a time of ISO 8601; UTC.", metavar="TIME")],
        end: Annotated[str, typer.Option("--to", help="The first that is not in the period.", metavar="TIME")],
        *,
        log: Annotated[
            str | None, typer.Option(help="Where an audit log's `checkpoint` and `tile/` are.", metavar="URL")
        ] = None,
        key: Annotated[
            str | None, typer.Option(help="The key that signs its checkpoints: NAME+ID+KEY.", metavar="KEY")
        ] = None,
        since: Annotated[
            Path | None, typer.Option(help="The log's checkpoint as it was kept at the begin.", dir_okay=False)
        ] = None,
        tests: Annotated[
            list[str] | None, typer.Option(help="Results of tests: `pytest --junitxml`.", metavar="FILE")
        ] = None,
        claims: Annotated[str | None, typer.Option(help="Judged claims: `flk claims --json`.", metavar="FILE")] = None,
        run: Annotated[
            list[str] | None, typer.Option(help="A simulated run: `flk run --json`.", metavar="FILE")
        ] = None,
        metrics: Annotated[
            list[str] | None, typer.Option(help="A scrape of a node's metrics, or its address.", metavar="FILE|URL")
        ] = None,
        tls_ca: Annotated[Path | None, typer.Option(help="PEM file of who signed the nodes' certificates.")] = None,
        html: Annotated[Path | None, typer.Option(help="Write the report as a page.", dir_okay=False)] = None,
        pdf: Annotated[Path | None, typer.Option(help="Write the report as PDF.", dir_okay=False)] = None,
        pack: Annotated[
            Path | None, typer.Option(help="Write a pack: report, sources, proofs, signature.", dir_okay=False)
        ] = None,
        sign: Annotated[
            Path | None, typer.Option(help="The key that signs the pack; see `flk audit key`.", dir_okay=False)
        ] = None,
        json: Json = False,
    ) -> None:
        with needs("evidence", "reports on controls"):
            from flk.impl.evidence.gathering import Collection, OpenLog, pack_files
            from flk.impl.evidence.page import page
        from flk.impl.http.trust import trust_of

        _require_together(log, key, pack, sign, since)
        period = _period(begin, end)
        named = {"tests": tests, "claims": claims and [claims], "run": run, "metrics": metrics}
        collection = Collection()
        for kind, origins in named.items():
            for origin in origins or ():
                collection.read(kind, origin, trust_of(tls_ca))
        with _open(log, key, since, OpenLog) as audited:
            seen = None if audited is None else audited.seen(period)
            made = collection.report(table(framework), period, seen, _now())
            files = pack_files(made, page(made), collection.given, audited) if pack is not None else {}
        _write(made, html, pdf)
        if pack is not None and sign is not None:
            _write_pack(pack, sign, files)
        _show(made, json=json)
        raise typer.Exit(made.verdict.exit_code)

    make.__doc__ = f"""Judge the controls of {table(framework).title}: pass, fail or no evidence, each by what the options name.

    What is not given is no evidence. Exit code 0: every control that the system can see passes; 1: one fails; 2: of one there is no
    evidence, or unusable input. SOURCE_DATE_EPOCH, if set, is when the report was made.
    """
    return make


for _framework in Framework:
    commands.command(_framework.value, epilog=EXAMPLE.format(framework=_framework))(_command(_framework))


@commands.command(
    epilog="Example: flk evidence verify report.zip --key example.com/auditor+… --log-key example.com/eu+…"
)
def verify(
    pack: Annotated[Path, typer.Argument(help="An evidence pack.", dir_okay=False)],
    key: Annotated[str, typer.Option(help="The key that signed it: NAME+ID+KEY.", metavar="KEY")],
    *,
    log_key: Annotated[
        str | None, typer.Option(help="The key that signs the checkpoints of its audit log.", metavar="KEY")
    ] = None,
    json: Json = False,
) -> None:
    """Check a pack offline: every byte as it was signed, the report made again from its sources, each leaf proven to be in the log.

    Exit code 0: it is what it says, whatever its controls come to; 1: it is not, and what is wrong is named; 2: unusable input.
    """
    with needs("evidence", "evidence packs"):
        from flk.impl.evidence import verifying
    from flk.impl.audit_keys import read_verifier
    from flk.model.compliance.archive import BadPack
    from flk.model.transparency.notes import Kind

    own = read_verifier("--key", key, Kind.NOTE)
    of_log = None if log_key is None else read_verifier("--log-key", log_key, Kind.NOTE)
    try:
        verified = verifying.verify(pack, own, of_log)
    except BadPack as bad:
        typer.echo(f"✗ {plain(str(bad))}", err=True)
        raise typer.Exit(Verdict.VIOLATED.exit_code) from None
    report = verified.report
    if json:
        facts = {"framework": report.framework, "files": verified.files, "leaves": verified.leaves}
        typer.echo(msgspec.json.encode({**facts, "remade": verified.remade, "controls": report.tally}))
        return
    _tell(verified.files, verified.leaves, report, remade=verified.remade, signer=own.name)


def _tell(files: int, leaves: int, report: "Report", *, remade: bool, signer: str) -> None:
    tally = ", ".join(f"{count} {status}" for status, count in report.tally.items())
    typer.echo(f"✓ {files} files are as {plain(signer)} has signed them: {plain(report.title)}, {tally}")
    if remade:
        typer.echo("✓ the report follows from the sources in the pack")
    else:
        typer.echo(f"? the report was made by flk-lab {plain(report.version)}, and not again here: use that version")
    if report.log is not None and not report.log.trouble:
        typer.echo(f"✓ {leaves} leaves that it cites are in {plain(report.log.origin)}, {report.log.size:,} leaves")
        typer.echo("  how many leaves there are of a kind is the word of who signed; `flk evidence --log` counts them")


def _show(made: "Report", *, json: bool) -> None:
    from rich.console import Console

    from flk.model.compliance.report import written

    if json:
        typer.echo(written(made), nl=False)
        return
    console = Console(highlight=False, markup=False)
    for part in _rendered(made):
        console.print(part)


def _rendered(made: "Report") -> "Iterator[RenderableType]":
    from rich.padding import Padding
    from rich.text import Text

    for control in made.controls:
        style = control.status.verdict.style
        title = (f"{plain(control.id)} ", "bold"), plain(control.title)
        yield Text.assemble((f"{control.status.verdict.sign} {control.status:<11} ", style), *title)
        for each in control.findings:
            sign = (f"{each.status.verdict.sign} ", each.status.verdict.style)
            yield Padding(Text.assemble(sign, plain(each.asked), "\n", (plain(each.says), "dim")), (0, 0, 0, 14))
        if control.outside:
            yield Padding(Text(f"outside of what the system can see: {control.outside}", "dim"), (0, 0, 0, 14))
    tally = ", ".join(f"{count} {status}" for status, count in made.tally.items())
    yield Text(f"\n{made.title}: {tally}", "bold")


def _write(made: "Report", html: Path | None, pdf: Path | None) -> None:
    from flk.impl.evidence.page import page

    if html is not None:
        with writing(html, "the report"):
            html.write_text(page(made), "utf-8")
    if pdf is not None:
        with needs("evidence", "PDF"):
            from flk.impl.evidence.pdf import pdf as printed
        with writing(pdf, "the report"):
            pdf.write_bytes(printed(made))


def _write_pack(pack: Path, sign: Path, files: dict[str, bytes]) -> None:
    from flk.impl.audit_keys import read_signer
    from flk.impl.storage.record import replace_whole
    from flk.model.compliance.pack import packed
    from flk.model.transparency.notes import BadNote

    try:
        content = packed(files, read_signer(sign))
    except BadNote as bad:
        raise UnusableInput(f"--pack: {bad}; give fewer sources") from None
    with writing(pack, "the pack"):
        replace_whole(pack, content, 0o666)


@contextmanager
def _open(url: str | None, key: str | None, since: Path | None, kind: "type[OpenLog]") -> "Iterator[OpenLog | None]":
    if url is None or key is None:
        yield None
        return
    with opened(url, key) as (log, verifier):
        yield kind.of(log, verifier, since)


def _require_together(
    log: str | None, key: str | None, pack: Path | None, sign: Path | None, since: Path | None
) -> None:
    if (log is None) is not (key is None):
        raise UnusableInput("--log and --key go together: the log, and the key that signs its checkpoints")
    if (pack is None) is not (sign is None):
        raise UnusableInput("--pack and --sign go together: the file, and the key that signs it; see `flk audit key`")
    if since is not None and log is None:
        raise UnusableInput("--since: it is the checkpoint of a log; name that with --log and --key")


def _period(begin: str, end: str) -> "Period":
    from flk.model.compliance.sources import Period

    period = Period(_moment("--from", begin), _moment("--to", end))
    if period.begin >= period.end:
        raise UnusableInput(f"--to: {end} is not after {begin}; it is the first that is not in the period")
    return period


def _moment(option: str, text: str) -> float:
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):  # the latter: a time whose year in UTC is 0 or 10000
        raise UnusableInput(f"{option}: {text!r} is no time; write 2026-01-01, or 2026-01-01T12:00:00Z") from None


def _now() -> float:
    """When the report is made, in whole seconds."""
    said = os.environ.get("SOURCE_DATE_EPOCH")
    if said is None:
        return float(int(time.time()))
    if not said.isdecimal() or float(said) > _LATEST:
        raise UnusableInput(f"SOURCE_DATE_EPOCH: {said!r} is no number of seconds since 1970; unset it, or give one")
    return float(said)
