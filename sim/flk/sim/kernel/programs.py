"""Which programs the nodes of a run execute."""

from collections.abc import Callable
from typing import NamedTuple

from flk.model.effects import Program
from flk.model.entries.entry import Claim, Entry, Key
from flk.model.entries.migration import Phase
from flk.model.flow.submission import Response, Submission
from flk.model.programs import migration
from flk.model.programs.audit import Handled, work
from flk.model.programs.divergence import Divergence, detect_divergence
from flk.model.programs.examine import Examine
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import Recovery, recover
from flk.model.programs.replay import Replayed, replay
from flk.model.programs.rotate import rotate
from flk.model.programs.ship import ship
from flk.model.programs.tiering import Moved, apply_deferred, claim, merge, move


class Programs(NamedTuple):
    """The logic of nodes and workers. The model's, unless a refuted design is run or a test plants a mistake."""

    ingest: Callable[[Submission, str, Examine], Program[Response]] = ingest
    recover: Callable[[str, Examine], Program[Recovery]] = recover
    ship: Callable[[], Program[tuple[str, ...]]] = ship
    rotate: Callable[[], Program[None]] = rotate
    replay: Callable[[str, Examine], Program[Replayed]] = replay
    detect_divergence: Callable[[str, str], Program[Divergence]] = detect_divergence
    work: Callable[[int], Program[Handled | None]] = work
    claim: Callable[[Claim], Program[Entry]] = claim
    merge: Callable[[tuple[Claim, ...]], Program[int]] = merge
    apply_deferred: Callable[[tuple[Key, ...]], Program[int]] = apply_deferred
    move: Callable[[], Program[Moved]] = move
    move_claim: Callable[[Claim], Program[Entry]] = migration.claim
    move_merge: Callable[[tuple[Claim, ...]], Program[int]] = migration.merge
    migrate: Callable[[float, float, bool], Program[Phase]] = migration.migrate


MODEL = Programs()
