"""Erasing leaves from an audit log: first a leaf that names them, and once that is published, their content (ERA-1 to ERA-5).

    read the published log      which leaves are about what is sought, which are named as erased, which are still there
    add a step                  with leaves that name those that are not yet
    replace                     in steps and tiles of leaves, each of the named leaves by its hash
    delete                      what workers wrote of the named leaves

The first and the last are one pass: what it names is replaced by a pass after the next checkpoint. Nothing is touched that the
published log does not name, and whatever stops a pass, the next one does what is missing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from flk.model.auditing.results import FOLDERS, is_of, results_of
from flk.model.effects import Clock, DeleteObject, GetObject, ListObjects, Program, ReplaceObject
from flk.model.log.hlc import text
from flk.model.programs.audit_log import AuditLog
from flk.model.programs.checkpoint import CHECKPOINT
from flk.model.programs.proofs import audit
from flk.model.refusal import Unavailable, unavailable
from flk.model.transparency.checkpoints import BadLog, Checkpoint, read_checkpoint
from flk.model.transparency.erased import Erased, Erasure, Place, hash_of, place
from flk.model.transparency.leaves import Sought, erases, named, names_of
from flk.model.transparency.notes import BadNote, Verifier
from flk.model.transparency.steps import Step, read_step, step_bytes, step_name
from flk.model.transparency.tiles import WIDTH, Tile, packed, unpacked

AT_ONCE = 500
"""How many leaves one leaf names: it stays below the most that a leaf may have (TLOG-3)."""


class Erasing(NamedTuple):
    """What a pass found and did. `sought` leaves are about what is to be erased and still there; `unnamed` of them the log
    does not name as erased: a pass that does something names them, and they wait for a checkpoint. `holding` objects have content
    of named leaves, of which `replaced` were replaced or deleted, and `kept` were not, and why.
    """

    sought: int
    unnamed: int
    holding: tuple[str, ...]
    replaced: int
    kept: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do of what the published log has."""
        return not self.unnamed and self.replaced == len(self.holding)


class _Read:
    """The published log: what is sought in it, and which leaves it names as erased."""

    def __init__(self, sought: Sought) -> None:
        self._sought = sought
        self._erased = Erased()
        self.found: dict[int, str] = {}

    def see(self, number: int, leaf: bytes) -> None:
        """The next leaf."""
        self._erased.see(number, leaf)
        if place(leaf) is None and self._sought.is_in(leaf):
            self.found[number] = hash_of(leaf).hex()

    @property
    def named(self) -> Mapping[int, str]:
        """The leaves that the log names as erased, and their hashes."""
        return self._erased.named

    @property
    def unnamed(self) -> dict[int, str]:
        """What is sought and not named yet."""
        return {number: hashed for number, hashed in self.found.items() if self.named.get(number) != hashed}


def erase(prefix: str, log: Verifier, sought: Sought, reason: str, *, do: bool) -> Program[Erasing]:
    """One pass over the log whose objects have this prefix; unless `do`, only what it would do.

    Raises BadLog if the log is not what it has signed; Unavailable.
    """
    published = yield from _published(prefix, log)
    read = _Read(sought)
    yield from audit(prefix, published, read.see)
    unnamed = read.unnamed
    if do and unnamed:
        yield from _name(prefix, published, unnamed, reason)
    holders = [*(yield from _holders(prefix, read.named)), *(yield from _results(prefix, read.named))]
    kept: list[str] = []
    for holder in holders if do else ():
        kept += yield from _replace(holder)
    replaced = len(holders) - len(kept) if do else 0
    return Erasing(len(read.found), len(unnamed), tuple(holder.name for holder in holders), replaced, tuple(kept))


class _Holder(NamedTuple):
    """An object with the content of named leaves, and what it is to be; None if it is to go."""

    name: str
    content: bytes
    without: bytes | None


def _published(prefix: str, log: Verifier) -> Program[Checkpoint]:
    content = yield from GetObject(prefix + CHECKPOINT)
    if content is None:
        raise unavailable(f"{prefix}{CHECKPOINT} is not there: nothing is published, so nothing can be erased")
    try:
        return read_checkpoint(content, log)
    except BadNote as bad:
        raise BadLog(f"{prefix}{CHECKPOINT}: {bad}") from None


def _name(prefix: str, published: Checkpoint, unnamed: Mapping[int, str], reason: str) -> Program[None]:
    """Add a step whose leaves name these as erased, behind whatever others add meanwhile."""
    last = yield from _last_step(prefix)
    number = yield from _step_of(prefix, published.size - 1, last)
    log = AuditLog(prefix)
    yield from log.open((yield from _step(prefix, number)).state)
    when = text((yield from Clock()))
    numbers = sorted(unnamed)
    told = [
        Erasure({each: unnamed[each] for each in numbers[at : at + AT_ONCE]}, reason, when)
        for at in range(0, len(numbers), AT_ONCE)
    ]
    leaves = [named(erases(each)) for each in told]
    while not (yield from log.add(log.state.through, log.state.said, leaves)):
        pass


def _holders(prefix: str, erased: Mapping[int, str]) -> Program[list[_Holder]]:
    """The objects that have the content of named leaves: tiles of leaves, as wide as they ever were, and steps."""
    found: list[_Holder] = []
    for bundle in sorted({number // WIDTH for number in erased}):
        whole = prefix + Tile(-1, bundle).name
        for name in (yield from ListObjects(whole)):
            if name == whole or name.startswith(f"{whole}.p/"):
                content = yield from _got(name)
                leaves = unpacked(content)
                without = _without(leaves or [], bundle * WIDTH, erased)
                if without is not None:
                    found.append(_Holder(name, content, packed(without)))
    last = yield from _last_step(prefix)
    covered = 0
    for number in sorted(erased):
        if number < covered:
            continue
        name = step_name(prefix, (yield from _step_of(prefix, number, last)))
        content = yield from _got(name)
        step = read_step(name, content)
        covered = step.state.size
        without = _without(step.leaves, step.state.size - len(step.leaves), erased)
        if without is not None:
            found.append(_Holder(name, content, step_bytes(step.state, without)))
    return found


def _results(prefix: str, erased: Mapping[int, str]) -> Program[list[_Holder]]:
    """The objects that workers wrote of named leaves while these were there (AUD-8, AUD-9)."""
    there: set[str] = set()
    for folder in FOLDERS if erased else ():
        there.update((yield from ListObjects(prefix + folder)))
    found: list[_Holder] = []
    for number, hashed in sorted(erased.items()):
        for name in sorted(there.intersection(prefix + each for each in results_of(number))):
            content = yield from _got(name)
            if is_of(content, hashed):
                found.append(_Holder(name, content, None))
    return found


def _without(leaves: Sequence[bytes], first: int, erased: Mapping[int, str]) -> list[bytes] | None:
    """The leaves, each named one by its hash; None if none of them is there."""
    without = [
        bytes(Place(hash_of(leaf), names_of(leaf)))
        if place(leaf) is None and erased.get(number) == hash_of(leaf).hex()
        else leaf
        for number, leaf in enumerate(leaves, start=first)
    ]
    return None if without == list(leaves) else without


def _replace(holder: _Holder) -> Program[list[str]]:
    """Replace an object, if it still is what was read, or delete it; else what keeps it."""
    try:
        if holder.without is None:
            yield from DeleteObject(holder.name)
            return []
        if (yield from ReplaceObject(holder.name, holder.content, holder.without)):
            return []
    except Unavailable as refusal:
        return [f"{holder.name}: {refusal.detail}"]
    return [f"{holder.name}: it was changed meanwhile"]


def _last_step(prefix: str) -> Program[int]:
    names = yield from ListObjects(f"{prefix}batch/")
    if not names:
        raise unavailable(f"{prefix}batch/ lists no steps: this is not where a region's log is written")
    return int(names[-1].rpartition("/")[2])


def _step_of(prefix: str, number: int, last: int) -> Program[int]:
    """The step that has the number-th leaf, by halves."""
    low, high = 1, last
    while low < high:
        middle = (low + high) // 2
        if (yield from _step(prefix, middle)).state.size > number:
            high = middle
        else:
            low = middle + 1
    return low


def _step(prefix: str, number: int) -> Program[Step]:
    name = step_name(prefix, number)
    return read_step(name, (yield from _got(name)))


def _got(name: str) -> Program[bytes]:
    content = yield from GetObject(name)
    if content is None:
        raise unavailable(f"{name} is listed, and cannot be read")
    return content
