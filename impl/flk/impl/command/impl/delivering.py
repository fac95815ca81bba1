"""Delivering for `flk agent`: what an outbox holds and what a source gives, with its progress and a report of how it ended."""

import os
import shlex
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import typer

from flk.impl.client.blocking import Client
from flk.impl.client.receipts import Receipt, Summary
from flk.impl.http.following import of_environment
from flk.impl.http.trust import Trust
from flk.impl.storage.segment_file import LogFailed
from flk.model.refusal import Unavailable
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

if TYPE_CHECKING:
    from rich.console import Console

    from flk.model.record.record import Pcs


class Service(NamedTuple):
    """Where the records go: the URL, whom to trust to be there, and how many requests may be under way."""

    url: str
    trust: Trust
    workers: int

    def client(self, outbox: Path, tenant: str = "", keys: Path | None = None) -> Client:
        """A client of it. Raises UnusableInput for files and addresses that cannot be used."""
        return Client(
            self.url,
            tenant,
            keys=keys,
            outbox=outbox,
            ca=self.trust.ca,
            certificate=self.trust.pair,
            traceparent=of_environment(os.environ) or None,
            connections=self.workers,
        )


@dataclass
class Tally(Summary):
    """Counts of the submissions of a run by how they ended. `queued` includes those that waited from earlier runs."""

    damage: list[str] = field(default_factory=list)  # of the outbox: what was queued there is lost
    unfinished: dict[str, int] = field(default_factory=dict)  # sources that were not queued to their ends, and how far

    @property
    def settled(self) -> int:
        """How many the service has taken or refused for good."""
        return self.acknowledged.total() + self.dead

    @property
    def verdict(self) -> Verdict:
        """HOLDS if all are acknowledged, VIOLATED if one is refused or lost, UNDECIDED if one waits or was never queued."""
        if self.dead or self.damage:
            return Verdict.VIOLATED
        return Verdict.UNDECIDED if self.pending or self.unfinished else Verdict.HOLDS


def deliver(client: Client, outbox: Path, records: Iterable["Pcs"] = (), source: str = "", *, json: bool) -> None:
    """Deliver what waits and all records, show how it goes, report, and exit. What an earlier run lost or never queued is told
    (OUT-7).
    """
    tally, start = Tally(), time.perf_counter()
    try:
        with client:
            tally.damage, tally.unfinished = client.damage(), {each.source: each.queued for each in client.unfinished}
            _send(client, records, source, tally)
    except (LogFailed, Unavailable) as error:
        raise UnusableInput(f"{outbox}: {error}; what is queued is kept: make room, then `flk agent resume`") from None
    _report(tally, time.perf_counter() - start, outbox, json=json)
    raise typer.Exit(tally.verdict.exit_code)


def _send(client: Client, records: Iterable["Pcs"], source: str, tally: Tally) -> None:
    """Under a progress bar, until all is settled or the user interrupts. Raises what was wrong with the source, in the end."""
    from rich.console import Console

    console, waited, wrong = Console(stderr=True), client.pending, list[UnusableInput]()
    tally.queued = waited

    def given() -> Iterator["Pcs"]:
        try:
            for record in records:
                tally.queued += 1
                yield record
        except UnusableInput as error:  # whoever gave the source is told: it is not left to be finished
            wrong.append(error)

    with _shown(tally, console) as told:
        try:
            client.send(given(), told, source=source)
            tally.unfinished.pop(source, None)
        except KeyboardInterrupt:
            tally.queued = tally.settled + client.pending  # not what was taken from the source and is not queued
            if source:
                tally.unfinished[source] = tally.queued - waited
            console.print("interrupted: what is not settled stays in the outbox")
    if wrong:
        raise wrong[0]


@contextmanager
def _shown(tally: Tally, console: "Console") -> Iterator[Callable[[Receipt], None]]:
    """A progress bar, and who is to be told of each delivery."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("delivered"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[doing]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None, doing="")

        def told(receipt: Receipt) -> None:
            tally.add(receipt)
            doing = f"{tally.retries} retries" if tally.retries else ""
            progress.update(bar, total=tally.queued, completed=tally.settled, doing=doing)

        yield told


def _report(tally: Tally, seconds: float, outbox: Path, *, json: bool) -> None:
    for sentence in tally.damage:
        typer.echo(sentence, err=True)
    for source, queued in tally.unfinished.items():
        said = f"{source}: not queued to its end, only {queued} records of it; send it again: flk agent send {source}"
        typer.echo(f"{said} --keys FILE --outbox {shlex.quote(str(outbox))} --to URL", err=True)
    if json:
        names = ("queued", "acknowledged", "dead", "pending", "retries", "damage", "unfinished")
        counts = {name: getattr(tally, name) for name in names}
        typer.echo(msgspec.json.encode({**counts, "seconds": seconds, "settled_per_second": tally.settled / seconds}))
        return
    print_table(tally, tally.settled / seconds, outbox)


def print_table(tally: Tally, per_second: float, outbox: Path) -> None:
    """The counts, and the commands that go on from there."""
    from rich.console import Console
    from rich.table import Table

    table = Table("submissions", "", box=None, show_header=False, pad_edge=False)
    table.columns[1].justify = "right"
    table.add_row("queued", str(tally.queued))
    for status, count in sorted(tally.acknowledged.items()):
        table.add_row(f"acknowledged with {status}", str(count))
    table.add_row("refused for good", str(tally.dead))
    table.add_row("pending", str(tally.pending))
    table.add_row("retries", str(tally.retries))
    table.add_row("settled a second", f"{per_second:,.0f}")
    Console().print(table)
    if tally.dead:  # lines to copy, so that no terminal may break them
        typer.echo(f"why they were refused: flk agent dead --outbox {shlex.quote(str(outbox))}")
    if tally.pending:
        typer.echo(f"send them again: flk agent resume --outbox {shlex.quote(str(outbox))} --to URL")
