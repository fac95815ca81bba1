"""The answers of one batch, which come as its records are judged and leave together (BAT-1)."""

from collections.abc import Callable

from flk.model.flow.batch import lines_of
from flk.model.flow.submission import Response


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
