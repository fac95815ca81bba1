"""What may come of a request: a reply, no answer, or a reply that is not as it must be."""

import json
from collections.abc import Iterable
from typing import NamedTuple

SHOWN = 300


class NoAnswer(Exception):
    """The server gave no HTTP answer: it hung up, stalled, lied about a length or did not end. What it did is not known."""


class Unreachable(NoAnswer):
    """No connection could be made."""


class Failed(Exception):
    """The server answered, and not as it must. Says what was expected and what came; `details` are all of several complaints."""

    def __init__(self, complaint: str, details: Iterable[str] = ()) -> None:
        super().__init__(complaint)
        self.details = tuple(details)


class NotExercised(Exception):
    """The check never came to its point: the server refused what an honest client sends. This speaks against the server."""


class Reply(NamedTuple):
    """An HTTP answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The JSON object in the body. Raises Failed if there is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Failed(f"expected a JSON object, got {self}")
        return value

    def text(self, name: str) -> str:
        """A text in the JSON object in the body. Raises Failed if there is none of that name."""
        value = self.json().get(name)
        if not isinstance(value, str):
            raise Failed(f"the reply lacks {name}, a text: {self}")
        return value

    def __str__(self) -> str:
        """Status and the beginning of the body."""
        text = self.body[: 4 * SHOWN].decode(errors="replace") or "without a body"
        return f"{self.status} {text if len(text) <= SHOWN else text[:SHOWN] + ' ...'}"
