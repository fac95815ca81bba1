"""From one layout of a ring to the next, as if in one step, though the stores are several servers.

Each store has a fence, and every write names that of the layout in which it was decided: in the same step the store refuses it if
its own is another. A change goes thus:

1. The next layout is put on record beside the one in force, unless a change is on its way.
2. The fence of every store that either layout has is raised to `open - 1` of the next, which no write names: nothing is written.
3. When all are closed, the next layout is the one in force.
4. The fence of every store is raised to `open`.

Between the last store's closing and the first one's opening lies a moment at which the layout changes for all: whatever was written
in the one was written before it, in the other after. That is what the protocol `migration` takes for granted when it has one phase.
Fences and records only rise, so that any of these steps may be repeated by anybody at any time, and everybody does: a node that
finds a change on its way completes it. So nobody waits for a migrator that died (MIG-7).
"""

from collections.abc import Callable, Mapping

from flk.impl.storage.layout import LAYOUT, Layout, Record, recorded, text_of
from flk.impl.storage.shared import SharedStore

Stores = Callable[[Layout], Mapping[str, SharedStore]]


def settled(head: SharedStore, stores: Stores) -> Layout:
    """The layout in force, with every store open for it; a change that is on its way is completed first.

    `stores` gives those of a layout. Raises Unavailable if one does not answer.
    """
    while (record := recorded(head)).next is not None:
        concerned = {**stores(record.now), **stores(record.next)}
        for store in concerned.values():
            store.raise_fence(record.next.open - 1)
        head.note(LAYOUT, text_of(record), text_of(Record(record.next)))
    for store in stores(record.now).values():
        store.raise_fence(record.now.open)
    return record.now


def go_on(head: SharedStore, stores: Stores, since: Layout, to: Layout) -> Layout:
    """Change the layout if it is still `since`; which is in force then."""
    head.note(LAYOUT, text_of(Record(since)), text_of(Record(since, to)))
    return settled(head, stores)
