"""Which mutants are tried: all, those of some operators, one by its id, or a sample that is the same everywhere."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.target import Target
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

Plan = list[tuple[Target, list[Mutant]]]


@dataclass(frozen=True)
class Selection:
    """Mutants of these operators and with these ids (all, where none is named); `sample` so many of them, drawn by `seed`.

    A sample has the mutants of least hash: it hardly changes when a mutant is added or goes.
    """

    operators: Collection[str] = ()
    ids: Collection[str] = ()
    sample: int | None = None
    seed: int = 0

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return not self.operators and not self.ids and self.sample is None

    def plan(self, targets: Sequence[Target]) -> Plan:
        """The mutants to try of each target. Raises UnusableInput for operators and ids that no mutant has."""
        made = [(target, list(target.mutants())) for target in targets]
        every = [mutant for _, mutants in made for mutant in mutants]
        _known("operator", self.operators, {mutant.operator for mutant in every})
        _known("mutant", self.ids, {mutant.id for mutant in every})
        kept = [mutant for mutant in every if self._wanted(mutant)]
        chosen = {
            mutant.id for mutant in (sorted(kept, key=self._rank)[: self.sample] if self.sample is not None else kept)
        }
        return [
            (target, left)
            for target, mutants in made
            if (left := [mutant for mutant in mutants if mutant.id in chosen])
        ]

    def _wanted(self, mutant: Mutant) -> bool:
        return (not self.operators or mutant.operator in self.operators) and (not self.ids or mutant.id in self.ids)

    def _rank(self, mutant: Mutant) -> bytes:
        return blake2b(f"{self.seed} {mutant.id}".encode(), digest_size=8).digest()


def _known(what: str, names: Collection[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            hint = nearest(name, sorted(known)) if what == "operator" else "`--list` shows those there are"
            raise UnusableInput(f"no {what} is called {name}: {hint}")
