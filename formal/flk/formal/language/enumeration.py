"""Enumerations as authors hold them: `Phase.working` is a term."""

from dataclasses import dataclass

from flk.formal.language.errors import IllFormed
from flk.formal.language.nodes import Constant
from flk.formal.language.sorts import Enum
from flk.formal.language.terms import Term


@dataclass(frozen=True, repr=False)
class Enumeration(Enum):
    """An enum whose members are read as attributes. Raises IllFormed, with the members, for one that it does not have."""

    def __getattr__(self, member: str) -> Term:
        if member.startswith("__"):
            raise AttributeError(member)
        if member not in self.members:
            raise IllFormed(f"{self.name} has no member {member}: choose from {', '.join(self.members)}")
        return Term(Constant(self, self.members.index(member)))
