"""A mutant in the place of its module, for all that this process imports from now on."""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import CodeType, ModuleType

from flk.formal.mutation.mutant import Mutant

ROOMS = ("flk.model", "flk.formal.library", "flk.sim", "flk.impl", "flk.conformance")


def install(mutant: Mutant, forget: Sequence[str] = ROOMS) -> None:
    """Serve the mutant's source whenever its module is imported, for the rest of the process.

    Modules within the packages `forget` that were imported already are forgotten, so that they are imported anew and see the
    mutant. Meant for a process that was forked for one mutant, all of whose checks may call it: only the first call counts.
    """
    if any(isinstance(finder, _Finder) and finder.mutant == mutant for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _Finder(mutant))
    for name in [n for n in sys.modules if n == mutant.module or any(n == p or n.startswith(f"{p}.") for p in forget)]:
        del sys.modules[name]


class _Finder(MetaPathFinder, Loader):
    """Finds the mutant's module, and no other."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        """The module, if it is the mutant's."""
        return spec_from_loader(fullname, self, origin=self.mutant.path) if fullname == self.mutant.module else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """An ordinary module."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the mutant's source, under the path of the original."""
        module.__file__ = self.mutant.path
        exec(self._code(), module.__dict__)  # noqa: S102 (this is what an import does)

    def _code(self) -> CodeType:
        return compile(self.mutant.source, self.mutant.path, "exec")
