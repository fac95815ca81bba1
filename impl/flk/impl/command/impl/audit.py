"""`flk audit`: whether a transparency log is what it has signed, and that it stays so."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.plain import plain
from flk.spec.verdict import Verdict

if TYPE_CHECKING:  # imported when a subcommand runs
    from flk.impl.data.transparency import Log
    from flk.model.transparency.notes import Verifier

commands = typer.Typer(
    name="audit",
    no_args_is_help=True,
    help="Check a transparency log (C2SP tlog-tiles) without trusting who stores it.",
)
app.add_typer(commands)

Url = Annotated[str, typer.Argument(help="Where the log's `checkpoint` and `tile/` are.", metavar="URL")]
Key = Annotated[str, typer.Option(help="The key that signs its checkpoints: NAME+ID+KEY.", metavar="KEY")]
SiemKind = Literal["splunk", "datadog", "elastic", "sumo", "otlp"]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@commands.command(epilog="Example: flk audit verify file:///srv/log --key example.com/log+530d903a+Aeky…")
def verify(url: Url, key: Key, *, json: Json = False) -> None:
    """Read all leaves and all tiles, and hold them against one another and the checkpoint that the log has signed.

    Exit code 0: all agree; 1: something does not, and it is named; 2: unusable input.
    """
    with opened(url, key) as (log, _):
        checkpoint, _note = log.checkpoint()
        audited = log.audit(checkpoint)
    if json:
        facts = {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()}
        typer.echo(msgspec.json.encode(facts | audited._asdict()))
        return
    typer.echo(
        f"✓ {plain(checkpoint.origin)}: {audited.leaves:,} leaves in {audited.objects:,} objects are what the log has signed,"
        f" root {checkpoint.root.hex()}"
    )
    if audited.erased or audited.to_erase:
        typer.echo(
            f"  {audited.erased:,} leaves are erased, {audited.to_erase:,} more are named as erased and still there"
        )


@commands.command(epilog="Example: flk audit prove file:///srv/log 1234 --key example.com/log+530d903a+Aeky… --json")
def prove(
    url: Url,
    index: Annotated[int, typer.Argument(help="Which leaf, counted from 0.", min=0)],
    key: Key,
    *,
    json: Json = False,
) -> None:
    """Print a leaf, and the proof that it is in the log: the hashes beside its way to the root (RFC 9162, section 2.1.3).

    The proof was checked before it is printed. Exit codes as those of `verify`.
    """
    with opened(url, key) as (log, _):
        checkpoint, _note = log.checkpoint()
        proven = log.prove(index, checkpoint)
    hashes = [one.hex() for one in proven.proof]
    if json:
        facts = {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex(), "index": index}
        typer.echo(msgspec.json.encode(facts | {"leaf": proven.leaf, "proof": hashes}))
        return
    typer.echo(f"leaf {index} of {checkpoint.size:,}: {plain(proven.leaf.decode(errors='replace'))}")
    for one in hashes:
        typer.echo(f"  {one}")
    typer.echo(f"✓ come to the root {checkpoint.root.hex()} that {plain(checkpoint.origin)} has signed")


@commands.command(
    epilog="Example: flk audit monitor file:///srv/log --key example.com/log+530d903a+Aeky… --state log.checkpoint"
)
def monitor(
    url: Url,
    key: Key,
    state: Annotated[Path, typer.Option(help="Where the last checkpoint is kept.", dir_okay=False)],
    witness: Annotated[
        list[str] | None,
        typer.Option(
            help="A witness without whose cosignature no checkpoint is taken for one (TLOG-13). Once for each.",
            metavar="KEY",
        ),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Refuse a log that is not how the last checkpoint that was kept has grown, or whose latest a witness has not cosigned; else
    keep that in its place. For a timer.

    A fork leaves the file as it was: it and the log's `checkpoint` are two signed statements that exclude one another.
    Exit codes as those of `verify`.
    """
    from flk.impl.audit_keys import read_verifier
    from flk.impl.data.transparency import monitor as look
    from flk.model.transparency.notes import Kind

    asked = [read_verifier("--witness", each, Kind.COSIGNATURE) for each in witness or ()]
    with opened(url, key) as (log, verifier):
        kept, now = look(log, state, verifier, asked)
    before = None if kept is None else kept.size
    if json:
        typer.echo(msgspec.json.encode({"origin": now.origin, "before": before, "size": now.size}))
        return
    origin = plain(now.origin)
    if before is None:
        typer.echo(f"{origin}: {now.size:,} leaves, known from now on")
    else:
        typer.echo(f"✓ {origin}: {before:,} leaves grew to {now.size:,}")


@commands.command(epilog="Example: flk audit key example.com/eu audit.key")
def key(
    name: Annotated[str, typer.Argument(help="The name of the log or of the witness, as in example.com/eu.")],
    file: Annotated[Path, typer.Argument(help="Where the key is written, for its owner alone.", dir_okay=False)],
) -> None:
    """Make the key of a log, or of a witness, and print what others check it by: as a log's, then as a witness's."""
    import os

    from flk.impl.storage.trouble import usable
    from flk.model.transparency.notes import BadNote, Signer, private_text
    from flk.spec.errors import UnusableInput

    try:
        text = private_text(name, os.urandom(32))
    except BadNote as bad:
        raise UnusableInput(str(bad)) from None
    with usable(file):
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise UnusableInput(f"{file}: there is such a file already, which may be a key; name another") from None
        with os.fdopen(descriptor, "w") as made:
            made.write(f"{text}\n")
    signer = Signer.parse(text)
    typer.echo(f"{signer.verifier}\n{signer.witness}")


@commands.command(
    epilog="Example: flk audit witness s3://logs/audit/eu --key example.com/eu+… --with witness.key --state eu.checkpoint"
)
def witness(
    url: Url,
    key: Key,
    by: Annotated[Path, typer.Option("--with", help="The key of the witness; see `flk audit key`.", dir_okay=False)],
    state: Annotated[
        Path,
        typer.Option(help="Where the last checkpoint that was cosigned is kept: away from the log.", dir_okay=False),
    ],
    *,
    json: Json = False,
) -> None:
    """Cosign the latest signed checkpoint, if the log is how the last one that was cosigned has grown (TLOG-9). For a timer.

    A fork leaves the file as it was, and nothing is cosigned. Exit codes as those of `verify`.
    """
    from flk.impl.audit_keys import read_signer

    signer = read_signer(by)
    with opened(url, key) as (log, verifier):
        size = log.cosign(signer, state)
    if json:
        typer.echo(msgspec.json.encode({"origin": verifier.name, "size": size}))
    elif size is None:
        typer.echo(f"{plain(verifier.name)}: there is no checkpoint to cosign")
    else:
        typer.echo(f"✓ {plain(verifier.name)}: {size:,} leaves, cosigned by {plain(signer.name)}")


@commands.command(
    epilog="Example: flk audit stream file:///srv/log --key example.com/log+530d903a+Aeky… --to splunk"
    " --endpoint https://siem.example:8088/services/collector/event --secret token.txt --state splunk.json --every 10"
)
def stream(
    url: Url,
    key: Key,
    to: Annotated[SiemKind, typer.Option("--to", help="Whose interface the receiver has.")],
    endpoint: Annotated[
        str, typer.Option(help="The receiver's URL; /_bulk of Elastic and /v1/logs of OTLP are put behind it.")
    ],
    state: Annotated[Path, typer.Option(help="Where it is kept how far the stream is.", dir_okay=False)],
    *,
    secret: Annotated[
        Path | None, typer.Option(help="A file with the token or key that the receiver knows us by.", dir_okay=False)
    ] = None,
    index: Annotated[
        str, typer.Option(help="The index, data stream, service or category for the events.")
    ] = "flk-audit",
    every: Annotated[
        float | None, typer.Option(min=0.1, help="Go on, with so many seconds between two looks for new leaves.")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="PEM file of who signed the receiver's certificate.")] = None,
    json: Json = False,
) -> None:
    """Tell a SIEM of every leaf, in order and at least once: what it has not said that it takes is sent again. Each is shown to be
    in the log before it is sent; an event has the log's name and its number, so whoever receives it sees gaps and repetitions.

    What the receiver refuses for good is noted in STATE.refused. Exit code 0: it has all; 1: some of it waits, since the receiver
    takes nothing, or the log is not what it has signed; 2: unusable input.
    """
    from flk.impl.data.streaming import Receiver, kept_in, secret_in
    from flk.impl.http.trust import trust_of
    from flk.model.siem.targets import Kind, Target
    from flk.spec.errors import needs

    with needs("client", "a stream to a SIEM"):
        import httpx  # noqa: F401
    receiver = Receiver(
        Target(Kind(to), index), endpoint, "" if secret is None else secret_in(secret), trust_of(tls_ca)
    )
    with opened(url, key) as (log, verifier), kept_in(state, verifier.name, f"{to} {endpoint}") as kept:
        for streamed in receiver.passes(log, kept, every):
            if json:
                typer.echo(msgspec.json.encode(streamed._asdict()))
            elif streamed.waits:
                typer.echo(f"✗ {streamed.behind:,} leaves are told, and no more: {plain(streamed.waits)}", err=True)
            elif streamed.taken or streamed.refused or every is None:
                refused = f", {streamed.refused:,} refused: see {state}.refused" if streamed.refused else ""
                typer.echo(f"✓ {streamed.behind:,} leaves are told, {streamed.taken:,} of them now{refused}")
    if streamed.waits:
        raise typer.Exit(Verdict.VIOLATED.exit_code)


@contextmanager
def opened(url: str, key: str) -> Iterator[tuple["Log", "Verifier"]]:
    """The log and its key. What is wrong with the log ends the command with 1."""
    from flk.impl.audit_keys import read_verifier
    from flk.impl.data.transparency import Log
    from flk.impl.storage.objects import open_objects
    from flk.model.refusal import Unavailable
    from flk.model.transparency.checkpoints import BadLog, Foreign
    from flk.model.transparency.notes import BadNote, Kind
    from flk.spec.errors import UnusableInput

    verifier = read_verifier("--key", key, Kind.NOTE)
    try:
        yield Log(open_objects(url), verifier), verifier
    except Unavailable as refusal:
        raise UnusableInput(
            f"{url}: {refusal.detail}; check that this user may read and write there, or try again later"
        ) from None
    except (BadLog, BadNote) as bad:
        mend = "" if isinstance(bad, Foreign) else "; keep the objects as they are, and go by the runbook FLKAuditFork"
        typer.echo(f"✗ {plain(str(bad))}{mend}", err=True)
        raise typer.Exit(Verdict.VIOLATED.exit_code) from None
