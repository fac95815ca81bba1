"""Programs with a planted mistake, by name, so that other processes can import them."""

from collections.abc import Generator
from typing import Any

from flk.model.effects import Marked, Program
from flk.sim.kernel.programs import MODEL
from flk.sim.nodes.designs import DESIGNS

IGNORED_STORE_ERROR = DESIGNS["ignored-store-error"]


def restless() -> Program[tuple[str, ...]]:
    """Ship as the model does, after a look at something that Python's hash seed decides."""
    yield from Marked(f"note {hash('a text') % 1000}")
    return (yield from MODEL.ship())


def failing() -> Generator[Any, Any, tuple[str, ...]]:
    """No shipper at all."""
    yield from Marked("note")
    raise RuntimeError("the shipper broke")


RESTLESS = MODEL._replace(ship=restless)
FAILING = MODEL._replace(ship=failing)
