"""A process that makes tiers, and kills a child of its own at each step of what they do.

    python -m tests.support.impl.tier_kills DIRECTORY

It has used no library that starts threads when it forks.
"""

import os
import shutil
import sys
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

from tests.support.impl.tiers import BEGINNING, Bucket, Shelf, entry, named

from flk.impl.storage.aging import AgingStore
from flk.impl.storage.cold_index import ColdIndex
from flk.impl.storage.tiers import Tiered
from flk.model.entries.entry import Claim
from flk.model.log.hlc import wall_seconds
from flk.model.programs.tiering import move
from flk.model.runtime import run

STEPS: list[tuple[type, str]] = [
    (Tiered, "perform"),
    (Bucket, "put"),
    (Bucket, "delete"),
    (ColdIndex, "intend"),
    (ColdIndex, "hold"),
    (ColdIndex, "drop"),
    (AgingStore, "delete"),
    (AgingStore, "merge_beside"),
]
FILLED = [Claim(named(f"k{number}"), entry(seconds)) for number, seconds in enumerate((0.0, 0.0, 20.0, 35.0))]
AGAIN = [Claim(named(name), entry(36, "other")) for name in ("k0", "k2", "new")]


def fill(shelf: Shelf) -> None:
    """Entries in all tiers."""
    for made in FILLED:
        shelf.now = wall_seconds(made.entry.timestamp)
        shelf.tiered.claim([made])
        run(move(), shelf.tiered.perform)
    shelf.now = BEGINNING + 36
    run(move(), shelf.tiered.perform)


def script(shelf: Shelf) -> None:
    """Claims of cold, warm and new keys, of which two are promoted; then all that has aged goes down, and the oldest expire."""
    shelf.now = BEGINNING + 36
    shelf.tiered.claim(AGAIN)
    shelf.tiered.claim(AGAIN)
    for seconds in (48, 70, 101):
        shelf.now = BEGINNING + seconds
        run(move(), shelf.tiered.perform)


def main(directory: Path) -> None:
    """DIR/filled is as the script begins; DIR/0, DIR/1 … are as a kill leaves it, before each step."""
    filled = directory / "filled"
    filled.mkdir()
    _in_child(partial(_fill, filled))
    for point in range(1_000_000):
        place = directory / str(point)
        shutil.copytree(filled, place)
        if _in_child(partial(_until, place, point)):
            shutil.rmtree(place)
            return


def _fill(place: Path) -> None:
    shelf = Shelf(place)
    fill(shelf)
    shelf.close()


def _until(place: Path, point: int) -> None:
    """Run the script, and die at a point."""
    left = [point]

    def pass_one() -> None:
        if left[0] == 0:
            os._exit(9)
        left[0] -= 1

    shelf = Shelf(place)
    for kind, name in STEPS:
        setattr(kind, name, _watched(getattr(kind, name), pass_one))
    script(shelf)


def _watched(method: Callable[..., Any], pass_one: Callable[[], None]) -> Callable[..., Any]:
    @wraps(method)
    def watched(*args: Any, **kwargs: Any) -> Any:
        pass_one()
        return method(*args, **kwargs)

    return watched


def _in_child(work: Callable[[], None]) -> bool:
    """Whether the work came to its end. Raises if it failed."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001  (a child that goes on would be a second parent)
            sys.excepthook(*sys.exc_info())
            os._exit(3)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in {0, 9}:
        raise SystemExit(f"a child ended with {code}")
    return code == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
