"""A live server held against the model: the same submissions, the answers compared one by one."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from flk.impl.client.blocking import Client
from flk.model.flow.submission import Response, Submission
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.examine import examine
from flk.model.programs.ingest import ingest
from flk.model.record.identity import pcs_id
from flk.model.record.record import Pcs, encode
from flk.model.record.signing import Keyring, Signer
from flk.model.record.summary import signed
from flk.model.runtime import run

SPOILED_EVERY = 25  # one record in so many is also sent spoiled, in each way


class Compared(NamedTuple):
    """One submission, what the model answers, and what the server answered (None if it did not)."""

    submission: Submission
    expected: Response
    answered: Response | None

    @property
    def agrees(self) -> bool:
        """Same status, same body but for the timestamp, which says when the server ran."""
        return (
            self.answered is not None
            and self.expected.status == self.answered.status
            and _timeless(self.expected) == _timeless(self.answered)
        )


def spoiled(records: Sequence[Pcs], key: Signer, forger: Signer, tenant: str) -> list[Submission]:
    """Variants of some valid records, to be sent after them: repeated, cut short, with a doubled key, wrong id, forged, rival."""
    submissions = []
    for record in records[::SPOILED_EVERY]:
        other = msgspec.structs.replace(record, r=max(0.0, record.r - 0.25))
        honest = encode(signed(record, key))
        submissions += [
            Submission(tenant, body)
            for body in (
                honest,  # delivered again
                honest[:-1],  # cut short
                honest.replace(b'"epoch":', b'"epoch":1,"epoch":'),  # a key twice
                encode(msgspec.structs.replace(signed(record, key), merkle_root="0" * 64)),  # not its id
                encode(signed(record, forger)),  # forged
                encode(signed(other, key)),  # equivocates
            )
        ]
    return submissions


def doubtful(records: Sequence[Pcs], key: Signer, tenant: str) -> list[Submission]:
    """Every so many records changed so that the judgement escalates or rejects them, under ids of their own and validly signed."""
    submissions = []
    for record in records[::SPOILED_EVERY]:
        for shift in ({"budget": abs(record.budget - 0.5)}, {"D_hat": abs(record.D_hat - 0.3)}):
            other = msgspec.structs.replace(record, shard_id=f"{record.shard_id}.{next(iter(shift))}", **shift)
            submissions.append(Submission(tenant, encode(signed(_reidentified(other), key))))
    return submissions


def model_answers(submissions: Iterable[Submission], region: str, keyring: Keyring, now: float) -> list[Response]:
    """What a node that sees these submissions in this order answers to each. `now`: wall time in seconds, for key windows."""
    node = MemoryNode(Disk(region), Entries(), Objects(), lambda: now)
    return [run(ingest(submission, region, partial(examine, keyring)), node.perform) for submission in submissions]


def compare(
    submissions: Sequence[Submission],
    expected: Sequence[Response],
    outbox: Path,
    url: str,
    on_progress: Callable[[int], None] = lambda _: None,
) -> list[Compared]:
    """Deliver the submissions through an outbox, one after the other, and set each answer beside the expected one."""
    compared = []
    with Client(url, outbox=outbox) as client:
        for submission, meant in zip(submissions, expected, strict=True):
            compared.append(Compared(submission, meant, client.submit(submission).response))
            on_progress(len(compared))
    return compared


def _reidentified(record: Pcs) -> Pcs:
    return msgspec.structs.replace(record, pcs_id=pcs_id(record.merkle_root, record.epoch, record.shard_id))


def _timeless(response: Response) -> object:
    body = json.loads(response.body)
    return {name: value for name, value in body.items() if name != "timestamp"}
