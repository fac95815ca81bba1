"""What a program may ask of the world, an effect to a class, a subject to a module. No effect says how it is performed.

A program yields effects and is sent their results; it does no I/O and knows no clock. Each effect knows the type of its result, and
`yield from` hands it back typed:

    timestamp = yield from Append(INBOX, payload)          # mypy knows: Timestamp

A runtime performs an effect or raises `Refused` into the program (`Unavailable` where the world does not answer).
"""

from flk.model.effects.admission import Admit, Allow, CaughtUp, Charge
from flk.model.effects.audit import Acknowledge, Attempt, Bury, MarkProcessed, TakeTask
from flk.model.effects.clock import Foresee, Inherit, Observe, Resume
from flk.model.effects.effect import Each, Effect, Program
from flk.model.effects.log import (
    INBOX,
    OUTBOX,
    Append,
    Inspect,
    ReadSegment,
    Restore,
    Salvage,
    Seal,
    Segments,
    Truncate,
)
from flk.model.effects.migration import (
    Advance,
    Forget,
    GaveWay,
    InsertOrGet,
    Keep,
    ListKeys,
    LookAt,
    Part,
    ReadPhase,
    Replace,
)
from flk.model.effects.objects import GetBeginning, GetObject, ListObjects, PutObject, ReplaceObject
from flk.model.effects.outbox import Draw, Post, Sleep
from flk.model.effects.policies import StatedPolicies, StatePolicies
from flk.model.effects.regions import CountEntries, Fetch, SampleKeys
from flk.model.effects.retention import DeleteObject, Noted, Release, RemoveSegment
from flk.model.effects.rotten import PutBack, Rejoin, Rotten
from flk.model.effects.sharing import Bar, DeclareLost, Watermark, Watermarks
from flk.model.effects.snapshot import Clock, Export, Supersessions
from flk.model.effects.store import Mark, Marked, Merge, Recall, Store
from flk.model.effects.tiers import Aged, Copy, Delete, Insert, Join, Look, Owe, Owed, Settled
from flk.model.effects.transparency import FindLeaves, Integrated, TakeIn

__all__ = [
    "INBOX",
    "OUTBOX",
    "Acknowledge",
    "Admit",
    "Advance",
    "Aged",
    "Allow",
    "Append",
    "Attempt",
    "Bar",
    "Bury",
    "CaughtUp",
    "Charge",
    "Clock",
    "Copy",
    "CountEntries",
    "DeclareLost",
    "Delete",
    "DeleteObject",
    "Draw",
    "Each",
    "Effect",
    "Export",
    "Fetch",
    "FindLeaves",
    "Foresee",
    "Forget",
    "GaveWay",
    "GetBeginning",
    "GetObject",
    "Inherit",
    "Insert",
    "InsertOrGet",
    "Inspect",
    "Integrated",
    "Join",
    "Keep",
    "ListKeys",
    "ListObjects",
    "Look",
    "LookAt",
    "Mark",
    "MarkProcessed",
    "Marked",
    "Merge",
    "Noted",
    "Observe",
    "Owe",
    "Owed",
    "Part",
    "Post",
    "Program",
    "PutBack",
    "PutObject",
    "ReadPhase",
    "ReadSegment",
    "Recall",
    "Rejoin",
    "Release",
    "RemoveSegment",
    "Replace",
    "ReplaceObject",
    "Restore",
    "Resume",
    "Rotten",
    "Salvage",
    "SampleKeys",
    "Seal",
    "Segments",
    "Settled",
    "Sleep",
    "StatePolicies",
    "StatedPolicies",
    "Store",
    "Supersessions",
    "TakeIn",
    "TakeTask",
    "Truncate",
    "Watermark",
    "Watermarks",
]
