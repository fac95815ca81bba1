"""What is done at given moments in a scripted scenario, in place of random arrivals and regular rounds."""

from typing import TypeAlias

import msgspec

from flk.model.flow.submission import Submission
from flk.model.record.record import decode, encode
from flk.sim.scenarios.duration import Seconds

_NO_SIGNATURE = "A" * 43 + "="


class ActBase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="do"):
    """What every act has: a moment, in seconds from the start of the run, and the region where it happens."""

    at: Seconds
    region: str


class Submit(ActBase, frozen=True, tag="submit"):
    """An agent near the region delivers a record, by its number in the scenario's source; `forged`: with a signature of no key."""

    record: int = 0
    forged: bool = False


class Ship(ActBase, frozen=True, tag="ship"):
    """The region ships what its log holds."""


class Replay(ActBase, frozen=True, tag="replay"):
    """The region replays what a peer has shipped."""

    peer: str


Act: TypeAlias = Submit | Ship | Replay


def forged(submission: Submission) -> Submission:
    """The same record with a signature that no key has made."""
    record = msgspec.structs.replace(decode(submission.body), sig=_NO_SIGNATURE)
    return Submission(submission.tenant, encode(record))
