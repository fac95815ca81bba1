"""Servers that are forked from a process which has imported them already: to start one takes a tenth of what a command takes.

What runs is `flk.impl.server.lifecycle.serve`, as in `flk serve`, in a process of its own, which can be killed at any moment.
"""

import logging
import multiprocessing
import os
import sys
from multiprocessing.connection import Connection

import structlog

from flk.impl.server.lifecycle import serve
from flk.impl.server.process import LISTENING, DidNotStart
from flk.impl.server.settings import Settings
from flk.spec.errors import UnusableInput

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(
    ["__main__", __name__, "flk.impl.storage.postgres", "flk.impl.storage.redis_store"],
)


class ForkedServer:
    """A server in a process of its own, which begins at once."""

    def __init__(self, settings: Settings) -> None:
        self._said, say = _FORKING.Pipe(duplex=False)
        self._process = _FORKING.Process(target=_serve, args=(settings, say), daemon=True)
        self._process.start()
        say.close()

    def url(self) -> str:
        """Its base URL, once it listens. Raises DidNotStart if it ends before."""
        said: list[str] = []
        try:
            while not (line := self._said.recv()).startswith(LISTENING):
                said.append(line)
        except EOFError:
            self._process.join()
            raise DidNotStart("\n".join(said) or f"the server ended with {self._process.exitcode}") from None
        return str(line.removeprefix(LISTENING))

    @property
    def has_ended(self) -> bool:
        """Whether it ended."""
        return self._process.exitcode is not None

    def kill(self) -> None:
        """End it at once, with -9."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._said.close()


def _serve(settings: Settings, said: "Connection[str, str]") -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        serve(settings, said.send)
    except UnusableInput as mistake:
        said.send(str(mistake))
        os._exit(1)
