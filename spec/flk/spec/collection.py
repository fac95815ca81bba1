"""How often Python looks for cyclic garbage while something runs that makes little of it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Let Python look for cyclic garbage seldom: what runs leaves little of it, and much that lives to the end, which is looked
    through in vain each time. Who makes many short runs puts all of them inside: the end of each would cost a collection.
    """
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
