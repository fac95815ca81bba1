"""Declaring a log of a shared store lost, from outside: with the store and the object store, and no node (SNAP-10, RET-7)."""

import re
from collections.abc import Callable
from contextlib import closing
from typing import Any

from flk.impl.server.node import object_performers
from flk.impl.server.settings import REGION
from flk.impl.storage.objects import open_objects
from flk.impl.storage.opening import open_region
from flk.impl.storage.store import RegionStore
from flk.model.effects import Bar, Clock, DeclareLost, Effect, Export, Rotten, Supersessions, Watermarks
from flk.model.entries.entry import Supersession
from flk.model.programs.lose import Lost, lose
from flk.model.refusal import Unavailable
from flk.model.runtime import run
from flk.spec.errors import UnusableInput

_LOG = re.compile(rf"(?P<region>{REGION})\.[0-9]{{6,}}")


def declare_lost(log: str, store: str, objects: str) -> Lost:
    """Declare a log lost. Raises UnusableInput if it is none of the store's, Unavailable if it cannot be done now."""
    named = _LOG.fullmatch(log)
    if named is None or not int(log.rpartition(".")[2]):
        raise UnusableInput(f"{log!r} names no log; one reads like eu.000003, and a node says its own when it starts")
    try:
        opened = open_region(store, named["region"], accept_weaker=True)
    except Unavailable as refusal:
        raise UnusableInput(f"--store: {refusal.detail}; start it, or mend the URL") from None
    with closing(opened):
        if opened.weakness:
            raise UnusableInput(
                f"{opened} may lose what it acknowledged, so no snapshot of it stands for a log ({opened.weakness}); start its"
                f" nodes with --accept-loss {log}"
            )
        if not opened.watermarks():
            raise UnusableInput(f"{opened}: no node of {named['region']} has used this store; name theirs with --store")
        performers = {**_performers(opened), **object_performers(open_objects(objects), None)}
        return run(lose(log), lambda effect: performers[type(effect)](effect))


def _performers(store: RegionStore) -> dict[type[Effect[object]], Callable[[Any], Any]]:
    return {
        Bar: lambda e: store.bar(e.log),
        DeclareLost: lambda e: store.declare_lost(e.sign),
        Watermarks: lambda _: store.watermarks(),
        Rotten: lambda _: tuple(aside.key for aside in store.rotten()),
        Clock: lambda _: store.latest(),
        Export: lambda e: store.export(e.after, e.limit),
        Supersessions: lambda e: tuple(Supersession(*row) for row in store.superseded(e.after, e.limit)),
    }
