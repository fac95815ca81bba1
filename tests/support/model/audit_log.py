"""An audit log read by somebody else: its objects, by the definition of a tree, and what its leaves say."""

import json
from collections import Counter
from collections.abc import Mapping

from tests.support.model.transparency import LOG, WITNESS, asked
from tests.support.model.world import EXAMINE, World

from flk.model.programs.checkpoint import Published, Witnessed, checkpoint, witness
from flk.model.programs.integrate import Added, integrate
from flk.model.programs.proofs import audit
from flk.model.programs.ship import ship
from flk.model.record.merkle import merkle_root
from flk.model.transparency.checkpoints import Checkpoint, read_checkpoint
from flk.model.transparency.leaves import Fact
from flk.model.transparency.tiles import bundles_of, unpacked

PREFIX = "audit/eu/"


def write(world: World, *facts: Fact, witnessed: bool = False) -> tuple[Added, Published]:
    """Ship, integrate, sign and publish in region eu; with a witness in `us`, cosign before it is published."""
    world.run("eu", ship())
    added = world.run("eu", integrate("eu", EXAMINE, facts))
    witnesses = (WITNESS.witness,) if witnessed else ()
    published = world.run("eu", checkpoint("eu", LOG, witnesses))
    if witnessed:
        cosign(world)
        published = world.run("eu", checkpoint("eu", LOG, witnesses))
    return added, published


def cosign(world: World) -> Witnessed:
    """What the witness in `us` makes of the log of eu."""
    return world.run("us", witness(PREFIX, LOG.verifier, WITNESS))


def published(objects: Mapping[str, bytes]) -> Checkpoint:
    """The checkpoint that is published."""
    return read_checkpoint(objects[f"{PREFIX}checkpoint"], LOG.verifier)


def leaves_in(objects: Mapping[str, bytes], now: Checkpoint | None = None) -> list[bytes]:
    """The leaves of the published log, or of another checkpoint, from its objects. All of these are as the checkpoint says."""
    now = now or published(objects)
    own = {name.removeprefix(PREFIX): content for name, content in objects.items() if name.startswith(PREFIX)}
    asked(audit("", now), own)
    leaves: list[bytes] = []
    for bundle in bundles_of(now.size):
        leaves += (unpacked(own.get(bundle.name) or own[bundle.whole.name]) or [])[: bundle.width]
    assert merkle_root(leaves) == now.root
    return leaves


def kinds(leaves: list[bytes]) -> Counter[str]:
    """How many leaves there are of each kind."""
    return Counter(json.loads(leaf)["kind"] for leaf in leaves)
