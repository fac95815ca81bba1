"""Faults of single objects: of what a region has shipped, or is about to ship, some is missing, late, damaged or foreign."""

from enum import StrEnum
from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from flk.sim.scenarios.faults.base import Factor, RegionFault, Share


class Damage(StrEnum):
    """How a damaged object reads: with one bit changed, without its end, or as another object does."""

    FLIPPED = "flipped"
    CUT = "cut"
    FOREIGN = "foreign"


class ObjectLoss(RegionFault, frozen=True, tag="object_loss"):
    """A `share` of the objects that the region ships is gone, of those that are there and of those that come: neither listed nor
    found, and their names are free. At the end they are put back from a copy, where the name is still free; what is lost `for_good`
    is put back by the region alone.
    """

    severity: ClassVar[str] = "share"
    share: Share = 1.0
    for_good: bool = False

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of the objects of {self.region} are lost"


class ObjectHiding(RegionFault, frozen=True, tag="object_hidden"):
    """A `share` of the objects that the region ships is neither listed nor found until the end, although their names are taken."""

    severity: ClassVar[str] = "share"
    share: Share = 1.0

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of the objects of {self.region} are hidden"


class ObjectDamage(RegionFault, frozen=True, tag="object_corrupt"):
    """A `share` of the objects that the region ships reads otherwise than it was written, until the end: damaged, or `foreign`.
    Damaged `for_good`, it stays so until the region puts it right.
    """

    severity: ClassVar[str] = "share"
    share: Share = 1.0
    damage: Damage = Damage.FLIPPED
    for_good: bool = False

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"{self.share:.0%} of the objects of {self.region} read {self.damage}"


class ListingDelay(RegionFault, frozen=True, tag="object_listed_late"):
    """An object that the region ships is listed `by` seconds after it was created; who knows its name finds it."""

    severity: ClassVar[str] = "by"
    by: Factor

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"objects of {self.region} are listed {self.by:g} s late"


class NameTaken(RegionFault, frozen=True, tag="object_name_taken"):
    """Somebody else has put objects under the next `names` of the region's log. At the end whoever did it takes them away."""

    severity: ClassVar[str] = "names"
    names: Annotated[int, Meta(ge=0)] = 1

    @property
    def effect(self) -> str:
        """One phrase for the reader."""
        return f"the next {self.names} names of the log of {self.region} are taken"


ObjectFault: TypeAlias = ObjectLoss | ObjectHiding | ObjectDamage | ListingDelay | NameTaken
