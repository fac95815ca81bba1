"""Batches under way: their records are begun some at a time; their answers come as they are judged, and leave together (BAT-1)."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from flk.model.flow.batch import lines_of
from flk.model.flow.submission import Response

RECORDS_PER_TURN = 128  # of all batches together, begun in a turn of the event loop: about a millisecond


class Answers:
    """Room for that many answers; `done` is called with the lines of all when the last is given."""

    def __init__(self, count: int, done: Callable[[bytes], None]) -> None:
        self._given: dict[int, Response] = {}
        self._count = count
        self._done = done

    def give(self, number: int, response: Response) -> None:
        """The answer to the record of that line, from 0 on."""
        self._given[number] = response
        if len(self._given) == self._count:
            self._done(lines_of([self._given[line] for line in range(self._count)]))


class Beginnings:
    """What is to be begun: in order, a few now and the rest in later turns of the event loop, between those of others (HTTP-7)."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._in_turn = False

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, beginnings: Iterable[Callable[[], None]]) -> None:
        """Begin these after those that wait."""
        self._waiting.extend(beginnings)
        if not self._in_turn:
            self._take_turn()

    def _take_turn(self) -> None:
        for _ in range(min(len(self._waiting), RECORDS_PER_TURN)):
            self._waiting.popleft()()
        self._in_turn = bool(self._waiting)
        if self._in_turn:
            asyncio.get_running_loop().call_soon(self._take_turn)
