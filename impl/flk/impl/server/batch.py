"""Batches under way: their records are begun some at a time; their answers come as they are judged, and leave together (BAT-1)."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from flk.model.flow.batch import lines_of
from flk.model.flow.submission import Response

RECORDS_PER_TURN = 128  # of all batches together, begun in a turn of the event loop: a fraction of a millisecond


class Answers:
    """Room for that many answers; `done` is called with the lines of all when the last is given."""

    def __init__(self, count: int, done: Callable[[bytes], None]) -> None:
        self._given: dict[int, Sequence[Response]] = {}
        self._missing = count
        self._done = done

    def give(self, number: int, response: Response) -> None:
        """The answer to the record of that line, from 0 on."""
        self.give_all(number, [response])

    def give_all(self, first: int, responses: Sequence[Response]) -> None:
        """The answers to the record of that line and to those after it."""
        self._given[first] = responses
        self._missing -= len(responses)
        if not self._missing:
            self._done(lines_of([response for line in sorted(self._given) for response in self._given[line]]))


class Beginnings:
    """What is to be begun: in order, a few now and the rest in later turns of the event loop, between those of others (HTTP-7)."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._records = 0
        self._in_turn = False

    def __len__(self) -> int:
        return self._records

    def add(self, beginnings: Iterable[tuple[int, Callable[[], None]]]) -> None:
        """Begin these after those that wait; each is of so many records, at most as many as are begun in a turn."""
        for records, begin in beginnings:
            self._records += records
            self._waiting.append((records, begin))
        if not self._in_turn:
            self._take_turn()

    def _take_turn(self) -> None:
        left = RECORDS_PER_TURN
        while self._waiting and self._waiting[0][0] <= left:
            records, begin = self._waiting.popleft()
            left -= records
            self._records -= records
            begin()
        self._in_turn = bool(self._waiting)
        if self._in_turn:
            asyncio.get_running_loop().call_soon(self._take_turn)
