"""Guard mutants: each guard conjunct left out in turn, and each update.

An action without one of its guards must break an invariant, or no proof needs that guard.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from flk.formal.language.action import Action
from flk.formal.language.protocol import Protocol
from flk.formal.language.text import text, text_of_update
from flk.formal.prover.obligations import counts

T = TypeVar("T")


@dataclass(frozen=True)
class Omission:
    """An action with something left out, and what that is."""

    action: Action
    left_out: str

    @property
    def name(self) -> str:
        """As it is shown."""
        return f"{self.action.name} without {self.left_out}"


def omissions(protocol: Protocol) -> Iterator[Omission]:
    """Every action with a guard conjunct or an update left out; not what counts, on which no proof rests."""
    for action in protocol.actions.values():
        for n, guard in enumerate(action.guards):
            if not counts(guard):
                yield Omission(replace(action, guards=_but(action.guards, n)), f"require {text(guard)}")
        for n, update in enumerate(action.updates):
            yield Omission(replace(action, updates=_but(action.updates, n)), text_of_update(update))


def _but(items: tuple[T, ...], n: int) -> tuple[T, ...]:
    return items[:n] + items[n + 1 :]
