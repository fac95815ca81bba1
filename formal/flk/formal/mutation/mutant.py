"""A mutant: the source of a module with one small change, made by a rule."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import unified_diff
from hashlib import blake2b

ORIGINAL = "original"
"""The operator of the mutant that changes nothing: what checks are tried on first."""


@dataclass(frozen=True)
class Mutant:
    """A module with one change in it.

    `module` is its dotted name, or the path of a user's file; `path` is where its source stands; `function` the qualified name of
    the definition that encloses the change, empty at the top level; `operator` the rule, in kebab case; `line` the first line of
    the change; `before` and `after` what was written there and what is written instead; `source` the whole text of the mutant.
    `id` stays the same when something else in the module changes. Make mutants by `numbered`, which gives them their ids.
    """

    module: str
    path: str
    function: str
    operator: str
    line: int
    before: str
    after: str
    source: str
    original: str
    id: str = ""

    @property
    def place(self) -> str:
        """Where it is, for people: `flk.model.programs.ingest:handle:42`."""
        return f"{self.module}:{self.function}:{self.line}" if self.function else f"{self.module}:{self.line}"

    def diff(self, context: int = 2) -> str:
        """The change as a unified diff with so many lines of context."""
        lines = unified_diff(
            self.original.splitlines(),
            self.source.splitlines(),
            self.path,
            f"{self.path} ({self.id})",
            "",
            "",
            context,
            "",
        )
        return "\n".join(lines)


def unmutated(module: str, path: str, source: str) -> Mutant:
    """The mutant that changes nothing. A check that kills it judges something else than mutants."""
    return Mutant(module, path, "", ORIGINAL, 1, "", "", source, source, ORIGINAL)


def numbered(mutants: Iterable[Mutant]) -> Iterator[Mutant]:
    """Mutants with their ids, in the order of the source.

    An id is that of the module, the enclosing definition, the operator, the text before and after, and the number of the occurrence
    among those that are equal in all this.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    for mutant in mutants:
        key = (mutant.module, mutant.function, mutant.operator, mutant.before, mutant.after)
        seen[key] += 1
        yield replace(mutant, id=blake2b("\0".join((*key, str(seen[key]))).encode(), digest_size=5).hexdigest())
