"""What the names of a tree are called at one place of an exported text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from flk.formal.exports.names import Names
from flk.formal.language.nodes import Local
from flk.formal.language.variables import Variable


@dataclass(frozen=True)
class Scope:
    """The names of the locals that are bound here, and of the copies from which overwritten variables are read.

    `names` are those of the whole text, which grow as it is written; a name that is bound in a scope is free again outside of it.

    >>> from flk.formal.language.sorts import BOOL
    >>> Scope(Names(frozenset(), taken={"x"})).bind(Local(BOOL, "x")).locals
    {'x': 'x_2'}
    """

    names: Names
    locals: Mapping[str, str] = field(default_factory=dict)
    old: Mapping[str, str] = field(default_factory=dict)

    def fresh(self) -> Names:
        """The names in use here, to which an inner block may add its own."""
        return replace(self.names, taken=self.names.taken | {*self.locals.values(), *self.old.values()})

    def bind(self, *bound: Local) -> "Scope":
        """The scope within a binder of some locals: each gets a new name like its own."""
        names = self.fresh()
        return replace(self, locals={**self.locals, **{local.name: names.new(stem(local)) for local in bound}})

    def copy(self, variables: Iterable[Variable]) -> "Scope":
        """The scope in which some variables are read from copies with new names."""
        names = self.fresh()
        return self.reading({variable.name: names.new(f"old_{variable.name}") for variable in variables})

    def reading(self, old: Mapping[str, str]) -> "Scope":
        """The scope in which the variables of `old` are read from copies so named."""
        return replace(self, old=old)


def stem(local: Local) -> str:
    """The author's name of a local, without what makes it unique in the tree."""
    return local.name.split("'")[0]
