"""Many submissions over one connection: one after the other, or written ahead of the answers."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeAlias

from flk.conformance.drafts.mutations import Fields
from flk.conformance.server.connection import Connection
from flk.conformance.server.replies import NoAnswer, Reply
from flk.conformance.server.target import Server, as_body
from flk.model.flow.answers import SUBMIT_PATH

AHEAD = 16
"""Requests that are written before their answers are read, and connections at once."""

Headers: TypeAlias = Iterable[tuple[str, str]]


class KeptAlive:
    """Submissions one after the other over a connection that stays open; a new one if the server ended the last."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: Connection | None = None

    def submit(self, record: Fields | bytes, headers: Headers | None = None) -> Reply:
        """Submit a record, for the main tenant unless the headers say otherwise. Raises NoAnswer."""
        if self._connection is None:
            self._connection = self._server.client.connect()
        try:
            chosen = self._server.headers() if headers is None else headers
            self._server.client.send(self._connection, "POST", SUBMIT_PATH, as_body(record), chosen)
            reply = self._connection.receive("POST")
        except NoAnswer:
            self.close()
            raise
        if self._connection.closing:
            self.close()
        return reply

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def stored_at_once(server: Server, records: Sequence[Fields]) -> list[Reply]:
    """The answers to records of the main tenant, submitted over several open connections at once. Raises NoAnswer."""

    def submitted(share: Sequence[Fields]) -> list[Reply]:
        with KeptAlive(server) as connection:
            return [connection.submit(record) for record in share]

    with ThreadPoolExecutor(AHEAD) as pool:
        shares = pool.map(submitted, [records[start::AHEAD] for start in range(AHEAD)])
    replies: dict[int, Reply] = {}
    for start, share in enumerate(shares):
        replies.update(zip(range(start, len(records), AHEAD), share, strict=True))
    return [replies[place] for place in range(len(records))]


def written_ahead(server: Server, submissions: Sequence[tuple[Fields, Headers]]) -> list[Reply]:
    """The answers to records with their headers, all written to one connection before the first answer is read. Raises NoAnswer.

    Where a server ends the connection after an answer, what it did not answer is written again to another.
    """
    replies: list[Reply] = []
    while len(replies) < len(submissions):
        rest = submissions[len(replies) :]
        with server.client.connect() as connection:
            for record, headers in rest:
                server.client.send(connection, "POST", SUBMIT_PATH, as_body(record), headers)
            while not connection.closing and len(replies) < len(submissions):
                replies.append(connection.receive("POST"))
    return replies
