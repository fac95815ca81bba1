"""What the tasks of an audit queue do (AUD-8, AUD-9): each reads the log, proven by its checkpoint, and writes an object whose name
follows from the task, once. So whoever does it again changes nothing (AUD-2).
"""

from flk.model.auditing.attestation import attest, attested_name
from flk.model.auditing.derived import Summary, enriched, enriched_name, report_name
from flk.model.effects import DeleteObject, Program, PutObject
from flk.model.entries.tasks import Span
from flk.model.programs.proofs import prove_inclusion, proven_leaves
from flk.model.transparency.checkpoints import Checkpoint
from flk.model.transparency.notes import Signer
from flk.model.transparency.tiles import WIDTH


def enrich(prefix: str, span: Span, checkpoint: Checkpoint) -> Program[None]:
    """Write what the one leaf is about. Raises BadLog."""
    (leaf,) = yield from proven_leaves(prefix, span.begin, 1, checkpoint)
    yield from PutObject(enriched_name(span.begin), enriched(span.log, span.begin, leaf))


def attest_leaf(prefix: str, span: Span, checkpoint: Checkpoint, note: bytes, by: Signer) -> Program[None]:
    """Sign that the one leaf is in the log, with the proof. Raises BadLog."""
    proven = yield from prove_inclusion(prefix, span.begin, checkpoint)
    yield from PutObject(attested_name(span.begin), attest(checkpoint, note, span.begin, proven.leaf, proven.proof, by))


def report(prefix: str, span: Span, checkpoint: Checkpoint) -> Program[None]:
    """Count the leaves of a day, a tile at a time. Raises BadLog."""
    summary, number = Summary(span), span.begin
    while number < span.end:
        count = min(WIDTH - number % WIDTH, span.end - number)
        summary.add((yield from proven_leaves(prefix, number, count, checkpoint)))
        number += count
    yield from PutObject(report_name(summary.day), summary.content)


def clean_up(span: Span) -> Program[None]:
    """Remove what was written about leaves, which the log still has and their day's report counts. Attestations, anchors, reports
    and the log stay.
    """
    for number in range(span.begin, span.end):
        yield from DeleteObject(enriched_name(number))
