"""The process that adds to a region's audit log, beside the node that serves (TLOG-14).

It is told of each pass over a socket, and performs what that asks of objects and of the index. Effects on log and store it asks the
node for, which performs them between two batches. It ends with the node, whose end of the socket is closed then. It has no key that
signs: what it writes is what any node of the region would.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec

from flk.impl.keys import KeyEntry, keyring_of
from flk.impl.storage.audit_index import NAME, AuditIndex
from flk.impl.storage.locked import Lock, objects_at
from flk.model.compiled.examiner import examining
from flk.model.effects import Effect, Fetch, GetBeginning, GetObject, ListObjects, PutObject
from flk.model.entries.entry import Entry
from flk.model.programs.examine import Examine
from flk.model.programs.integrate import integrate
from flk.model.record.canonical import Profile
from flk.model.record.signing import Ed25519PublicKey
from flk.model.refusal import Refused
from flk.model.runtime import run
from flk.model.transparency.leaves import Fact
from flk.spec.constants import CONSTANTS

OFTEN = 500_000  # objects from one search for cycles to the next: more than a step makes, and there are no cycles

Performers: TypeAlias = Mapping[type[Effect[Any]], Callable[[Any], Any]]


class Keys(NamedTuple):
    """Whose records count: the keys of a node, as they can be told to another process."""

    entries: tuple[KeyEntry, ...]
    profiles: tuple[Profile, ...]
    policies: tuple[tuple[str, bytes], ...]

    def examine(self) -> Examine:
        """`examine` with these keys."""
        policies = {name: Ed25519PublicKey(public) for name, public in self.policies}
        return examining(keyring_of(self.entries, self.profiles, policies))


class Place(NamedTuple):
    """Where the process works: for which region, the URL of the object store, and the directory with the index; how what it creates
    is locked, if it is. With `asks_all` it performs nothing.
    """

    region: str
    objects: str
    directory: Path
    lock: Lock | None = None
    asks_all: bool = False


class Pass(NamedTuple):
    """A pass to be made."""

    keys: Keys
    facts: tuple[Fact, ...]


class Asked(NamedTuple):
    """An effect that the node is to perform."""

    effect: Effect[Any]


class Told(NamedTuple):
    """The result of an effect or of a pass; of `Fetch`, packed."""

    result: Any


class Raised(NamedTuple):
    """What an effect or a pass raised."""

    error: Exception


class Ended(Exception):
    """The node is gone."""


pack = msgspec.msgpack.Encoder().encode
unpack = msgspec.msgpack.Decoder(tuple[Entry | None, ...]).decode


def own_performers(place: Place) -> Performers:
    """How the process performs what it does itself."""
    if place.asks_all:
        return {}
    objects, index = objects_at(place.objects, place.region, place.lock), AuditIndex(place.directory / NAME)
    return {
        GetObject: lambda e: objects.get(e.name),
        GetBeginning: lambda e: objects.beginning(e.name, e.size),
        ListObjects: lambda e: objects.names(e.prefix, e.after),
        PutObject: lambda e: objects.put(e.name, e.content),
        **index.performers,
    }


def work(node: "Connection[Any, Any]") -> None:
    """Make the passes that the node tells of. Raises Ended once it is gone."""
    place: Place = _received(node)
    own = own_performers(place)
    keys, examine = None, None
    while True:
        told: Pass = _received(node)
        if examine is None or told.keys != keys:
            keys, examine = told.keys, told.keys.examine()
        try:
            result = run(
                integrate(place.region, examine, told.facts),
                lambda effect: own[type(effect)](effect) if type(effect) in own else _asked(node, effect),
            )
        except Ended:
            raise
        except Exception as error:  # noqa: BLE001  the node tells of it, and makes the next pass
            _send_error(node, error)
        else:
            _send(node, Told(result))


def _asked(node: "Connection[Any, Any]", effect: Effect[Any]) -> Any:
    _send(node, Asked(effect))
    answer = _received(node)
    if isinstance(answer, Raised):
        raise answer.error
    return unpack(answer.result) if isinstance(effect, Fetch) else answer.result


def _received(node: "Connection[Any, Any]") -> Any:
    try:
        return node.recv()
    except (EOFError, OSError):
        raise Ended from None


def _send(node: "Connection[Any, Any]", what: Told | Asked | Raised) -> None:
    try:
        node.send(what)
    except OSError:
        raise Ended from None


def _send_error(node: "Connection[Any, Any]", error: Exception) -> None:
    known = isinstance(error, Refused) or type(error).__module__.startswith("flk.")
    _send(node, Raised(error if known else RuntimeError(f"{type(error).__name__}: {error}")))


def command_of(descriptor: int, *, hurries: bool) -> list[str]:
    """What starts the process. This module is imported, not run: what goes to and fro is of the same classes on both sides."""
    return [sys.executable, "-c", f"from {__name__} import main; main({descriptor}, hurries={hurries})"]


def main(descriptor: int, *, hurries: bool) -> None:
    """Work for the node at the other end of a socket, after all else that wants the processor, unless it `hurries`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the node is told, too, and tells by its end
    if not hurries:
        os.nice(CONSTANTS.transparency.niceness)
    gc.freeze()
    gc.set_threshold(OFTEN, 20, 1000)
    try:
        work(Connection(descriptor))
    except Ended:
        return
