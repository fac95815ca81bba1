"""Erasing leaves from an audit log in an object store, by whoever may write there (ERA-*)."""

import time

from flk.impl.data.transparency import Log
from flk.impl.storage.objects import Objects
from flk.model.effects import Clock, ListObjects, PutObject, ReplaceObject, TakeIn
from flk.model.log.hlc import at
from flk.model.programs.erase import Erasing, erase
from flk.model.transparency.leaves import Sought
from flk.model.transparency.notes import Verifier


def erase_in(objects: Objects, key: Verifier, sought: Sought, reason: str, *, do: bool) -> Erasing:
    """One pass over a log; unless `do`, only what it would do. No node's index is written: nodes read the step as any other.

    Raises BadLog, BadNote, Unavailable.
    """
    return Log(objects, key).run(
        erase("", key, sought, reason, do=do),
        {
            PutObject: lambda e: objects.put(e.name, e.content),
            ReplaceObject: lambda e: objects.replace(e.name, e.damaged, e.content),
            ListObjects: lambda e: objects.names(e.prefix, e.after),
            Clock: lambda _: at(time.time()),
            TakeIn: lambda _: None,
        },
    )
