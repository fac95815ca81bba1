"""What the audit log says of one record, in answers that whoever holds the signed checkpoint can check himself (TLOG-11)."""

import json
from hashlib import sha256

from tests.support.model.audit_log import PREFIX, leaves_in, published, write
from tests.support.model.transparency import LOG
from tests.support.model.world import STORY, World, pcs, submission

from flk.model.entries.entry import Key
from flk.model.flow.submission import Response
from flk.model.programs.ship import ship
from flk.model.programs.show import show
from flk.model.transparency.leaves import Fact


def logged() -> World:
    """A region that has published the leaves of a story."""
    world = World("eu")
    for sent in STORY:
        world.ingest("eu", sent)
    write(world, Fact("keys", []))
    return world


def asked(world: World, key: Key) -> Response:
    """What a node of the region answers."""
    return world.run("eu", show("eu", LOG.verifier, key))


def climbed(leaf: str, index: int, size: int, proof: list[str]) -> bytes:
    """The root that a proof leads to, by the text of RFC 9162, section 2.1.3.2, and by nothing of the lab's."""
    root, here, last = sha256(b"\0" + leaf.encode()).digest(), index, size - 1
    for beside in map(bytes.fromhex, proof):
        if here % 2 or here == last:
            root = sha256(b"\1" + beside + root).digest()
            while here and not here % 2:
                here, last = here // 2, last // 2
        else:
            root = sha256(b"\1" + root + beside).digest()
        here, last = here // 2, last // 2
    assert last == 0
    return root


def test_every_leaf_about_a_record_is_shown_with_a_proof_and_no_other() -> None:
    """Status 200, the leaves in their order, and each proof ends at the root of the checkpoint beside it."""
    world = logged()
    leaves, now = leaves_in(world.objects.objects), published(world.objects.objects)
    for key in world.entries["eu"].entries:
        answer = asked(world, key)
        assert answer.status == 200
        told = json.loads(answer.body)
        assert told["checkpoint"].encode() == world.objects.objects[f"{PREFIX}checkpoint"]
        named = [(leaf.get("tenant"), leaf.get("pcs_id")) for leaf in map(json.loads, leaves)]
        about = [number for number, each in enumerate(named) if each == key]
        assert [shown["index"] for shown in told["leaves"]] == about
        for shown in told["leaves"]:
            assert shown["leaf"].encode() == leaves[shown["index"]]
            assert climbed(shown["leaf"], shown["index"], now.size, shown["proof"]) == now.root


def test_what_has_no_leaf_yet_is_not_found() -> None:
    """An unknown id, another tenant's, no checkpoint at all, and a record that is integrated and not published."""
    world = logged()
    key = next(iter(world.entries["eu"].entries))
    assert asked(world, Key(key.tenant, "0" * 64)).status == 404
    assert asked(world, Key("another", key.pcs_id)).status == 404
    late = pcs(epoch=99)
    published_before = world.objects.objects[f"{PREFIX}checkpoint"]
    world.ingest("eu", submission(late))
    world.run("eu", ship())
    write(world, Fact("keys", []))
    assert asked(world, Key("default", late.pcs_id)).status == 200
    world.objects.objects[f"{PREFIX}checkpoint"] = published_before
    assert asked(world, Key("default", late.pcs_id)).status == 404
    del world.objects.objects[f"{PREFIX}checkpoint"]
    assert asked(world, key).status == 404


def test_a_log_that_is_not_what_was_signed_is_no_answer() -> None:
    """A changed bundle, a checkpoint that somebody else signed: 503, whatever is stored, and never a proof of it."""
    world = logged()
    key = next(iter(world.entries["eu"].entries))
    for name in [name for name in world.objects.objects if name.startswith(f"{PREFIX}tile/entries")]:
        whole = world.objects.objects[name]
        world.objects.objects[name] = whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
        answers = {asked(world, each).status for each in world.entries["eu"].entries}
        assert 503 in answers
        world.objects.objects[name] = whole
    signed = world.objects.objects[f"{PREFIX}checkpoint"]
    world.objects.objects[f"{PREFIX}checkpoint"] = signed.replace(b"\n6\n", b"\n5\n")
    answer = asked(world, key)
    assert answer.status == 503
    assert b"not what was signed" in answer.body
