"""A check of a mutant in a process of its own, as the ladder runs it."""

from multiprocessing import get_context
from multiprocessing.connection import Connection

from flk.formal.mutation.check import Check, Finding
from flk.formal.mutation.mutant import Mutant


def found(check: Check, mutant: Mutant) -> Finding:
    """What the check finds."""
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(theirs, check, mutant))
    process.start()
    theirs.close()
    finding: Finding = ours.recv()
    process.join()
    return finding


def _report(connection: Connection, check: Check, mutant: Mutant) -> None:
    connection.send(check(mutant))
