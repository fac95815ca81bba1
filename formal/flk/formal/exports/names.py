"""Names that another language accepts: the author's own where they are free there, else with an underscore or a number after."""

import re
from dataclasses import dataclass, field


@dataclass
class Names:
    """The names in use in an exported text. `reserved` words are compared without regard to case if `any_case`."""

    reserved: frozenset[str]
    any_case: bool = False
    taken: set[str] = field(default_factory=set)

    def new(self, wanted: str) -> str:
        """A name like the wanted one that is neither reserved nor taken, and is taken from now on."""
        name = plain(wanted)
        if self._is_reserved(name):
            name += "_"
        stem, number = name, 2
        while name in self.taken or self._is_reserved(name):
            name, number = f"{stem}_{number}", number + 1
        self.taken.add(name)
        return name

    def _is_reserved(self, name: str) -> bool:
        return (name.lower() if self.any_case else name) in self.reserved


def plain(wanted: str) -> str:
    """The wanted name in ASCII letters, digits and underscores, beginning with a letter."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", wanted)
    return name if re.match(r"[A-Za-z]", name) else f"x{name}"
