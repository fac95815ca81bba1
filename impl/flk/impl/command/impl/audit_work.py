"""`flk audit work`, `dlq` and `attested`: the work that follows leaves of an audit log, what of it failed, and what it shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from flk.impl.command.impl.audit import Json, Key, Url, commands, opened
from flk.impl.command.plain import plain
from flk.spec.constants import CONSTANTS
from flk.spec.verdict import Verdict

if TYPE_CHECKING:
    from flk.impl.data.anchoring import Asked
    from flk.impl.queues.attempts import Anchor
    from flk.impl.queues.queue import Letter, Queue
    from flk.impl.queues.worker import Worked
    from flk.impl.storage.objects import Objects
    from flk.model.entries.tasks import Task

letters = typer.Typer(
    name="dlq",
    no_args_is_help=True,
    help="Look at the dead letters of an audit queue, and put them back or give them up.",
)
commands.add_typer(letters)

QUEUE = "audit-queue.sqlite"
PAGE = 1000  # letters that are read at once
QueueUrl = Annotated[
    str, typer.Argument(help="The queue: a file, or a URL, as `flk audit work` has it.", metavar="QUEUE")
]
TaskId = Annotated[str, typer.Argument(help="The task, as `list` names it.", metavar="TASK")]


@commands.command(
    epilog="Example: flk audit work s3://logs/audit/eu --key example.com/eu+530d903a+Aeky… --queue postgresql://db/audit"
    " --attest worker.key --every 5 --metrics 127.0.0.1:9464"
)
def work(
    url: Url,
    key: Key,
    *,
    queue: Annotated[
        str, typer.Option(help="Where the queue is: a file, postgresql://…, redis://… or redis+cluster://….")
    ] = QUEUE,
    into: Annotated[
        str | None, typer.Option(help="Where the results are written; beside the log unless named.", metavar="URL")
    ] = None,
    attest: Annotated[
        Path | None,
        typer.Option(help="The key to attest leaves with; see `flk audit key`. Without it none is.", dir_okay=False),
    ] = None,
    anchor: Annotated[
        Literal["rfc3161", "opentimestamps"] | None,
        typer.Option(help="Whom to ask for anchors: an authority, or a calendar. Without it none is asked."),
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="Its URL.", metavar="URL")] = None,
    ca: Annotated[Path | None, typer.Option(help="PEM file of the authority's root.", dir_okay=False)] = None,
    name: Annotated[str, typer.Option(help="What an anchor is called, beside others of its checkpoint.")] = "anchor",
    anchor_leaves: Annotated[
        int, typer.Option(min=1, help="New leaves from one anchor to the next, at least; see `flk audit plan`.")
    ] = CONSTANTS.audit.anchor_leaves,
    lease: Annotated[
        float, typer.Option(min=0.1, help="Seconds after which a task whose worker is silent is taken again.")
    ] = CONSTANTS.audit.lease_seconds,
    every: Annotated[
        float | None, typer.Option(min=0.1, help="Go on, with so many seconds between two looks for new leaves.")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(help="Answer Prometheus there; other workers need another.", metavar="HOST:PORT")
    ] = None,
    json: Json = False,
) -> None:
    """Do what follows each leaf of a log: enrich and attest it, report on each day, clean up after months, anchor checkpoints.

    The log fills the queue, so nothing is lost, and each task has one effect however many workers there are and wherever they die.
    A task whose attempts are used up is a dead letter: `flk audit dlq`. What does not answer is waited for.

    Exit code 0: all is done; 1: some waits or has become a dead letter, or the log is not what it has signed; 2: unusable input.
    """
    from flk.spec.errors import needs

    with needs("server", "an audit worker"):
        from flk.impl.queues.attempts import Attempts
        from flk.impl.queues.metrics import WorkerMetrics
        from flk.impl.queues.worker import Worker
    from flk.impl.audit_keys import read_signer
    from flk.impl.storage.objects import open_objects

    anchored = _anchor(anchor, endpoint, name, ca)
    signer = None if attest is None else read_signer(attest)
    dead = 0
    with opened(url, key) as (log, verifier), _queue(queue, verifier.name, lease) as there:
        told = WorkerMetrics(verifier.name)
        if metrics is not None:
            told.serve(metrics)
        attempts = Attempts(log, open_objects(into or url), signer, anchored)
        for worked in Worker(there, attempts, told, anchor_leaves, lease).passes(every):
            dead += worked.dead
            _tell(worked, queue, json=json, always=every is None)
    if dead or not worked.is_over:
        raise typer.Exit(Verdict.VIOLATED.exit_code)


@letters.command("list", epilog="Example: flk audit dlq list audit-queue.sqlite")
def list_letters(
    queue: QueueUrl,
    *,
    limit: Annotated[int, typer.Option(min=1, help="The oldest so many.")] = 100,
    json: Json = False,
) -> None:
    """List the dead letters, the oldest first: the task, how often it was attempted, when and why it failed last."""
    with _queue(queue) as there:
        found = there.letters(limit)
    if json:
        typer.echo(msgspec.json.encode([_facts(letter) for letter in found]))
        return
    for letter in found:
        typer.echo(f"{_when(letter)}  {plain(letter.id)}  {letter.attempts} attempts: {plain(letter.error)}")
    if not found:
        typer.echo("✓ there are no dead letters")


@letters.command(epilog="Example: flk audit dlq show audit-queue.sqlite example.com/eu/enrich/17-18")
def show(queue: QueueUrl, task: TaskId, *, json: Json = False) -> None:
    """Show a dead letter, or one that was given up, and why."""
    with _queue(queue) as there:
        about = _task(task)
        letter, given_up = there.letter(about), there.dropped(about)
    if letter is None and given_up is None:
        raise _no_letter(task, queue)
    facts = _facts(letter) if letter is not None else {}
    if letter is None and given_up is not None:
        facts = {**_facts(given_up[0]), "dropped": given_up[1]}
    if json:
        typer.echo(msgspec.json.encode(facts))
        return
    for name, value in facts.items():
        typer.echo(f"{name:>8}  {plain(str(value))}")


@letters.command(epilog="Example: flk audit dlq retry audit-queue.sqlite example.com/eu/enrich/17-18")
def retry(
    queue: QueueUrl,
    task: Annotated[str | None, typer.Argument(help="The task, as `list` names it.", metavar="TASK")] = None,
    *,
    every_one: Annotated[bool, typer.Option("--all", help="Put all of them back.")] = False,
    json: Json = False,
) -> None:
    """Put a dead letter back into the queue, or all, to be attempted as if it were new."""
    from flk.spec.errors import UnusableInput

    if (task is None) == (not every_one):
        raise UnusableInput("name a task as `flk audit dlq list` does, or say --all")
    back: set[str] = set()  # one that fails meanwhile, and is a letter again, stays one
    with _queue(queue) as there:
        if task is not None:
            if not there.retry(_task(task)):
                raise _no_letter(task, queue)
            back.add(task)
        else:
            while some := {letter.id for letter in there.letters(len(back) + PAGE)} - back:
                for each in some:
                    there.retry(_task(each))
                back |= some
    typer.echo(msgspec.json.encode({"retried": len(back)}) if json else f"✓ {len(back):,} put back")


@letters.command(epilog="Example: flk audit dlq drop audit-queue.sqlite example.com/eu/enrich/17-18 --reason 'a trial'")
def drop(
    queue: QueueUrl,
    task: TaskId,
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the letter, and `show` tells it.")],
    json: Json = False,
) -> None:
    """Give a dead letter up: its task is not attempted any more. It stays to be shown, with the reason."""
    from flk.spec.errors import UnusableInput

    if not reason.strip():
        raise UnusableInput("--reason: say why nobody has to do this any more")
    with _queue(queue) as there:
        if not there.drop(_task(task), reason):
            raise _no_letter(task, queue)
    typer.echo(msgspec.json.encode({"dropped": task}) if json else f"✓ {plain(task)} is given up")


@commands.command(
    epilog="Example: flk audit attested 000000000017.json --key example.com/eu+… --by worker.example/eu+…"
)
def attested(
    file: Annotated[Path, typer.Argument(help="The attestation, from `attested/`.", dir_okay=False)],
    key: Key,
    by: Annotated[str, typer.Option(help="The key of the worker that attested: NAME+ID+KEY.", metavar="KEY")],
    *,
    json: Json = False,
) -> None:
    """Verify an attestation offline: the worker's signature, the log's, and the proof between the leaf and what that signed.

    Exit code 0: all hold; 1: one does not, and it is named; 2: unusable input.
    """
    from flk.impl.audit_keys import read_verifier
    from flk.impl.storage.trouble import usable
    from flk.model.auditing.attestation import BadAttestation, verify
    from flk.model.transparency.notes import BadNote, Kind

    with usable(file):
        content = file.read_bytes()
    log, worker = read_verifier("--key", key, Kind.NOTE), read_verifier("--by", by, Kind.NOTE)
    try:
        shown = verify(content, log, worker)
    except (BadAttestation, BadNote) as bad:
        typer.echo(f"✗ {plain(str(file))}: {plain(str(bad))}", err=True)
        raise typer.Exit(Verdict.VIOLATED.exit_code) from None
    if json:
        facts = {"log": shown.log, "index": shown.index, "size": shown.size, "by": shown.by}
        typer.echo(msgspec.json.encode(facts | {"leaf": shown.leaf.decode(errors="replace")}))
        return
    typer.echo(f"leaf {shown.index} of {shown.size:,}: {plain(shown.leaf.decode(errors='replace'))}")
    typer.echo(f"✓ {plain(shown.log)} has signed for it, and {plain(shown.by)} has attested that")


@contextmanager
def _queue(where: str, log: str = "", lease: float = CONSTANTS.audit.lease_seconds) -> Iterator["Queue"]:
    """A queue. One that does not answer ends the command with 2."""
    from flk.impl.queues.opening import open_queue
    from flk.model.refusal import Unavailable
    from flk.spec.errors import UnusableInput

    try:
        queue = open_queue(where, log, lease)
        try:
            yield queue
        finally:
            queue.close()
    except Unavailable as away:
        raise UnusableInput(f"{away.detail}; try again later") from None


def _anchor(by: str | None, endpoint: str | None, name: str, ca: Path | None) -> "Anchor | None":
    from flk.spec.errors import UnusableInput, needs

    if by is None:
        return None
    if endpoint is None:
        raise UnusableInput("--endpoint: name the URL of whom --anchor asks")
    with needs("anchors", "anchors"):
        from flk.impl.data import anchoring
    return partial(_anchored, anchoring.Asked.of(by, endpoint, name, ca))


def _anchored(asked: "Asked", objects: "Objects", size: int, note: bytes) -> None:
    from flk.impl.data.anchoring import anchor

    anchor(objects, size, note, asked)


def _tell(worked: "Worked", queue: str, *, json: bool, always: bool) -> None:
    backlog = worked.backlog
    if json:
        typer.echo(msgspec.json.encode(worked._asdict() | {"backlog": backlog._asdict()}))
        return
    if worked.waits:
        typer.echo(f"✗ {backlog.waiting + backlog.leased:,} tasks wait: {plain(worked.waits)}", err=True)
    ended = worked.done + worked.already + worked.dead
    if ended or (always and not worked.waits):
        sign = "✗" if worked.dead else "✓"
        dead = f", {worked.dead:,} have become dead letters: flk audit dlq list {queue}" if worked.dead else ""
        there = f", {backlog.waiting:,} wait" if backlog.waiting else ""
        typer.echo(f"{sign} {worked.behind:,} leaves are in the queue, {worked.done:,} tasks are done now{there}{dead}")


def _task(text: str) -> "Task":
    from flk.model.entries.tasks import Task
    from flk.spec.errors import UnusableInput

    try:
        return Task.parse(text)
    except ValueError as error:
        raise UnusableInput(str(error)) from None


def _no_letter(task: str, queue: str) -> Exception:
    from flk.spec.errors import UnusableInput

    return UnusableInput(f"{task}: there is no such dead letter; `flk audit dlq list {queue}` tells which there are")


def _when(letter: "Letter") -> str:
    return datetime.fromtimestamp(letter.at, UTC).isoformat(timespec="seconds")


def _facts(letter: "Letter") -> dict[str, object]:
    return {"task": letter.id, "attempts": letter.attempts, "error": letter.error, "at": _when(letter)}
