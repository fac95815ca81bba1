"""Erasing leaves from an audit log in an object store, by whoever may write there (ERA-*)."""

import time

from flk.impl.data.transparency import Log
from flk.impl.storage.objects import Objects
from flk.model.auditing.results import FOLDERS
from flk.model.effects import Clock, DeleteObject, GetObject, ListObjects, PutObject, ReplaceObject, TakeIn
from flk.model.log.hlc import at
from flk.model.programs.erase import Erasing, erase
from flk.model.transparency.leaves import Sought
from flk.model.transparency.notes import Verifier


def erase_in(objects: Objects, results: Objects, key: Verifier, sought: Sought, reason: str, *, do: bool) -> Erasing:
    """One pass over a log, and over the `results` of its workers, wherever these are; unless `do`, only what it would do. No node's
    index is written: nodes read the step as any other.

    Raises BadLog, BadNote, Unavailable.
    """

    def of(name: str) -> Objects:
        return results if name.startswith(FOLDERS) else objects

    return Log(objects, key).run(
        erase("", key, sought, reason, do=do),
        {
            PutObject: lambda e: objects.put(e.name, e.content),
            ReplaceObject: lambda e: objects.replace(e.name, e.damaged, e.content),
            GetObject: lambda e: of(e.name).get(e.name),
            DeleteObject: lambda e: of(e.name).delete(e.name),
            ListObjects: lambda e: of(e.prefix).names(e.prefix, e.after),
            Clock: lambda _: at(time.time()),
            TakeIn: lambda _: None,
        },
    )
