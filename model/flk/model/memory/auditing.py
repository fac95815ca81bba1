"""What a node in memory knows of its region's audit log (TLOG-*)."""

from collections import defaultdict

from flk.model.effects import FindLeaves, Integrated, TakeIn
from flk.model.memory.performers import Performers
from flk.model.transparency.steps import State


class AuditIndex:
    """The last step taken in, and the numbers of leaves by their names. It lies on the disk of the node."""

    def __init__(self) -> None:
        self.state = State()
        self.numbers: defaultdict[tuple[bytes, ...], list[int]] = defaultdict(list)
        self.performers: Performers = {
            Integrated: lambda _: self.state,
            FindLeaves: lambda e: tuple(tuple(self.numbers.get(names, ())) for names in e.names),
            TakeIn: self._take_in,
        }

    def _take_in(self, effect: TakeIn) -> None:
        if effect.state.number <= self.state.number:
            return
        for number, names in enumerate(effect.names, start=effect.begin):
            for called in {names, names[-1:]}:
                self.numbers[called].append(number)
        self.state = effect.state
