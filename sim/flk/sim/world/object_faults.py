"""The object store under faults of single objects: what it holds is one thing, and what it says of it another."""

from collections.abc import Callable
from typing import TypeAlias

from flk.model.log.frames import region_of
from flk.model.programs.replay import PREFIX
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.scenarios.faults import Damage, ListingDelay, ObjectDamage, ObjectHiding, ObjectLoss

ViewFault: TypeAlias = ObjectLoss | ObjectHiding | ObjectDamage | ListingDelay
"""The faults that change what is said of objects, and not what is there."""


class ObjectFaults:
    """The faults of single objects that hold now. Which objects a share means depends on their names and the fault's id alone.

    `changed` is when such a fault last began or ended.
    """

    def __init__(self, now: Callable[[], float], seed: int) -> None:
        self.changed = 0.0
        self._now = now
        self._random = RandomStream(seed, "objects")
        self._faults: list[ViewFault] = []
        self._created: dict[str, float] = {}
        self._renewed: set[str] = set()
        self._removed: set[str] = set()

    @property
    def hold(self) -> bool:
        """Whether any fault holds."""
        return bool(self._faults)

    def begin(self, fault: ViewFault) -> None:
        """Let a fault take hold."""
        self._faults.append(fault)
        self.changed = self._now()

    def end(self, fault: ViewFault) -> None:
        """Let a fault go."""
        self._faults.remove(fault)
        self.changed = self._now()
        if not any(isinstance(other, ObjectLoss | ObjectDamage) for other in self._faults):
            self._renewed.clear()

    def created(self, name: str, *, again: bool = False) -> None:
        """An object was created now; `again` in place of one that was lost or damaged, which does not befall it twice."""
        self._created[name] = self._now()
        self._removed.discard(name)
        if again:
            self._renewed.add(name)

    def removed(self, name: str) -> None:
        """An object was removed."""
        del self._created[name]
        self._removed.add(name)
        self.changed = self._now()

    def befalls(self, fault: ObjectLoss | ObjectDamage, name: str) -> bool:
        """Whether a fault has done something to an object that is still so."""
        return name not in self._renewed and self._draws(fault, name)

    def is_lost(self, name: str) -> bool:
        """Whether the name is free although something was put there."""
        return bool(self._faults) and name not in self._renewed and self._concerned(name, ObjectLoss)

    def is_found(self, name: str) -> bool:
        """Whether an object that was created is found by its name."""
        if name in self._removed:
            return False
        return not self._faults or not (self.is_lost(name) or self._concerned(name, ObjectHiding))

    def is_listed(self, name: str, at: float | None = None) -> bool:
        """Whether an object that is there is listed now, or was `at` a moment since when no fault has changed."""
        if name in self._removed:
            return False
        age = (self._now() if at is None else at) - self._created.get(name, 0.0)
        if age < 0 or not self._faults:
            return age >= 0
        late = any(isinstance(f, ListingDelay) and f.region == _region(name) and age < f.by for f in self._faults)
        return not late and self.is_found(name)

    def read(self, name: str, content: bytes, foreign: Callable[[], bytes]) -> bytes:
        """What an object reads as; `foreign` gives the content of another."""
        for fault in self._faults:
            if isinstance(fault, ObjectDamage) and self.befalls(fault, name):
                content = self._damaged(fault, name, content, foreign)
        return content

    def _damaged(self, fault: ObjectDamage, name: str, content: bytes, foreign: Callable[[], bytes]) -> bytes:
        place = int(self._random.uniform(f"{fault.id}/{name}/place") * len(content))
        match fault.damage:
            case Damage.CUT:
                return content[:place]
            case Damage.FOREIGN if (other := foreign()) != content:
                return other
            case _ if content:
                changed = bytearray(content)
                changed[place] ^= 1 << int(self._random.uniform(f"{fault.id}/{name}/bit") * 8)
                return bytes(changed)
            case _:  # another fault has cut all of it off
                return content

    def _concerned(self, name: str, kind: type[ObjectLoss] | type[ObjectHiding]) -> bool:
        return any(isinstance(fault, kind) and self._draws(fault, name) for fault in self._faults)

    def _draws(self, fault: ObjectLoss | ObjectHiding | ObjectDamage, name: str) -> bool:
        return fault.region == _region(name) and self._random.uniform(f"{fault.id}/{name}") < fault.share


def _region(name: str) -> str:
    return region_of(name.removeprefix(PREFIX))
