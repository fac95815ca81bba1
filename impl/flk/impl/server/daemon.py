"""Work in threads that do not keep a process from ending: a request to an object store may hang for minutes."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TypeVar

R = TypeVar("R")


def in_daemon(work: Callable[[], R]) -> "asyncio.Future[R]":
    """The future of what `work` returns or raises, from a thread of its own. If it is cancelled, the thread works on for nobody."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[R] = loop.create_future()

    def settle(result: R | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def body() -> None:
        result, failed = None, None
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  (it belongs to whoever waits)
            failed = error
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(settle, result, failed)

    Thread(target=body, name="background", daemon=True).start()
    return future
