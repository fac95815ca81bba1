"""A real node that writes its region's audit log: what is in it, who is shown what, and what is told of a fork (TLOG-*)."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.impl import store_servers
from tests.support.impl.audited import audit_options, objects_in
from tests.support.impl.client import Client, Reply, keys_of
from tests.support.impl.contract import check_reply
from tests.support.impl.operated import Operated, operated
from tests.support.model.audit_log import kinds, leaves_in
from tests.support.model.transparency import LOG, WITNESS
from tests.support.model.world import HONEST, OTHER_TENANT, STORY, pcs, submission

from flk.impl.data.transparency import Log
from flk.impl.keys import KeyEntry
from flk.impl.server.auditing import _key
from flk.impl.server.process import server_process
from flk.impl.server.settings import Settings, mistakes
from flk.impl.server.tiering import Tiering
from flk.impl.storage.objects import open_objects
from flk.model.record.merkle import verify_inclusion
from flk.model.record.signing import Algorithm
from flk.model.transparency.checkpoints import Checkpoint, read_checkpoint
from flk.model.transparency.notes import Signer, signed

ID = json.loads(HONEST.body)["pcs_id"]


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def size_in(node: Operated) -> int:
    """How many leaves the published checkpoint has; 0 if there is none."""
    reply = node.public.request("GET", "/v1/audit/checkpoint")
    return read_checkpoint(reply.body, LOG.verifier).size if reply.status == 200 else 0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """A node whose log has a story."""
    directory = tmp_path_factory.mktemp("audited")
    with operated(directory, audit_options(directory)) as made:
        for sent in STORY:
            made.public.submit(sent)
        until(lambda: size_in(made) == 6)
        yield made


def proof(node: Operated, pcs_id: str, who: str = "default") -> Reply:
    """What a tenant is shown about a record."""
    return node.public.request("GET", f"/v1/audit/proof/{pcs_id}", None, node.bearer(who))


@pytest.mark.slow
def test_every_record_that_was_answered_is_one_leaf(tmp_path: Path) -> None:
    """Over two starts, the second without what the node knew of the log; and in the end all is as the checkpoint says."""
    with operated(tmp_path, audit_options(tmp_path)) as first:
        for sent in STORY:
            first.public.submit(sent)
        until(lambda: size_in(first) == 6)
    for path in (tmp_path / "data").glob("audit.sqlite*"):
        path.unlink()
    with operated(tmp_path, audit_options(tmp_path)) as second:
        for epoch in range(10, 30):
            assert second.public.submit(submission(pcs(epoch=epoch))).status == 200
            assert second.public.submit(HONEST).status == 200
        until(lambda: size_in(second) == 26)
    leaves = leaves_in(objects_in(tmp_path))
    assert kinds(leaves) == {"outcome": 24, "equivocation": 1, "keys": 1}
    log = Log(open_objects(f"file://{tmp_path}/objects/audit/eu"), LOG.verifier)
    assert log.audit(log.checkpoint()[0]).leaves == 26
    keys = json.loads(next(leaf for leaf in leaves if b'"keys"' in leaf))
    assert [key["tenant"] for key in keys["content"]] == ["default", "other"]
    assert b"testsecret".hex().encode() not in b"".join(leaves)


@pytest.mark.slow
def test_a_tenant_is_shown_the_proof_of_its_own_records(node: Operated) -> None:
    """It checks without the node: leaf, place and hashes come to the root that the log has signed."""
    check_reply("/v1/audit/proof/{pcs_id}", proof(node, ID))
    shown = proof(node, ID).json()
    checkpoint = read_checkpoint(str(shown["checkpoint"]).encode(), LOG.verifier)
    leaves = [each for each in shown["leaves"] if isinstance(each, dict)]  # type: ignore[attr-defined]
    assert [json.loads(each["leaf"])["kind"] for each in leaves] == ["outcome", "equivocation"]
    for each in leaves:
        hashes = [bytes.fromhex(one) for one in each["proof"]]
        assert verify_inclusion(each["leaf"].encode(), each["index"], checkpoint.size, hashes, checkpoint.root)
    digest = json.loads(leaves[0]["leaf"])["digest"]
    of_other = proof(node, json.loads(OTHER_TENANT.body)["pcs_id"], "other").body.decode()
    assert digest not in of_other
    for strange in ("0" * 64, "short"):
        check_reply("/v1/audit/proof/{pcs_id}", proof(node, strange))
    assert proof(node, "0" * 64).status == 404
    assert proof(node, "short").status == 400
    assert (proof(node, ID, "nobody").status, proof(node, ID, "operator").status) == (401, 403)


def test_hashes_are_for_everybody_and_leaves_are_not(node: Operated) -> None:
    """With the types and times to keep of C2SP; and no path leads out of the log."""

    def got(path: str, who: str = "nobody") -> Reply:
        return node.public.request("GET", f"/v1/audit/{path}", None, node.bearer(who))

    checkpoint, tile = got("checkpoint"), got("tile/0/000.p/6")
    assert checkpoint.headers["content-type"].startswith("text/plain")
    assert checkpoint.headers["cache-control"] == "no-cache"
    assert (len(tile.body), tile.headers["content-type"]) == (6 * 32, "application/octet-stream")
    assert "immutable" in tile.headers["cache-control"]
    check_reply("/v1/audit/checkpoint", checkpoint)
    check_reply("/v1/audit/tile/{level}/{number}", tile)
    check_reply("/v1/audit/tile/entries/{number}", got("tile/entries/000.p/6", "operator"))
    statuses = [got("tile/entries/000.p/6", who).status for who in ("nobody", "default", "operator")]
    assert statuses == [401, 403, 200]
    for path in (
        "tile/0/001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/../checkpoint",
        "tile/0/..%2F000",
        "tile/x/0",
    ):
        assert got(path).status == 404, path


@pytest.mark.thorough
def test_a_fork_is_told_and_nothing_is_signed(tmp_path: Path) -> None:
    """A checkpoint of more leaves is there, signed with the log's key and of another history: the node says so, and goes on."""
    with operated(tmp_path, audit_options(tmp_path)) as node:
        node.public.submit(HONEST)
        until(lambda: size_in(node) == 2)
        fork = Checkpoint(LOG.name, 3, bytes(32))
        name = "audit/eu/signed/0000000000000003"
        open_objects((tmp_path / "objects").as_uri()).put(name, signed(fork.text, [LOG.sign(fork.text)]))
        for epoch in range(10, 13):
            assert node.public.submit(submission(pcs(epoch=epoch))).status == 200
        until(lambda: b"flk_audit_forks_total 0.0" not in node.ask("/metrics").body)
        assert "TLOG-5" in node.public.request("GET", "/ready").body.decode()
        assert size_in(node) == 2


@pytest.mark.parametrize(
    ("changes", "fix"),
    [
        ({"objects": None}, "name it with --objects"),
        ({"tiering": Tiering("file:///cold")}, "leave one of the two out"),
        ({"audit": Path("keys.toml")}, "flk audit key"),
        ({"audit": None, "audit_witnesses": (str(WITNESS.witness),)}, "with --audit"),
        ({"audit_witnesses": (str(WITNESS.verifier),)}, "a witness cosigns with"),
        ({"audit_witnesses": ("nonsense",)}, "NAME+ID+KEY"),
    ],
)
def test_what_an_audit_log_cannot_do_without_is_asked_for(tmp_path: Path, changes: dict[str, Any], fix: str) -> None:
    """An object store, a store that forgets nothing, and keys of the right kind (TLOG-10)."""
    keys = keys_of(tmp_path)
    options = audit_options(tmp_path)
    given = {"objects": options[1], "audit": Path(options[3]), **changes}
    if given["audit"] == Path("keys.toml"):
        given["audit"] = keys
    told = [str(mistake) for mistake in mistakes(Settings(tmp_path / "data", keys, **given))]
    assert any(fix in mistake for mistake in told), told
    assert not list(mistakes(Settings(tmp_path / "data", keys, objects=options[1], audit=Path(options[3]))))


def test_what_a_secret_is_known_by_takes_the_key_of_the_log() -> None:
    """Whoever guesses secrets learns nothing from leaves of keys."""

    def told(signer: Signer, secret: str) -> object:
        return _key(signer, KeyEntry("default", "a", Algorithm.HMAC_SHA256, secret=secret))["key"]

    assert told(LOG, "guess") == told(LOG, "guess") != told(LOG, "another")
    assert told(LOG, "guess") != told(WITNESS, "guess")


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("kill", [False, True])
def test_nodes_that_share_a_store_write_one_log(tmp_path: Path, *, kill: bool) -> None:
    """Both take records, the same and others, integrate at the same time, and one is killed; each outcome is one leaf, whichever
    node's log it is from, and all that was signed is one history.
    """
    url = store_servers.redis().url(f"audited-{kill}")
    given = ["--store", url, *audit_options(tmp_path)]
    records = [submission(pcs(epoch=epoch)) for epoch in range(60)]
    seen: list[Checkpoint] = []
    with ExitStack() as stack:
        nodes = [stack.enter_context(server_process(tmp_path / name, keys_of(tmp_path), given)) for name in "ab"]
        clients = [stack.enter_context(closing(Client(node))) for node in nodes]
        for number, sent in enumerate(records):
            for client in clients if number % 3 == 0 else [clients[number % 2]]:
                assert client.submit(sent).status == 200
            if kill and number == 40:
                nodes[0].process.kill()
                nodes[0].process.wait()
                clients[0] = clients[1]
            reply = clients[1].request("GET", "/v1/audit/checkpoint")
            if reply.status == 200:
                seen.append(read_checkpoint(reply.body, LOG.verifier))
        if kill:
            nodes[0] = stack.enter_context(server_process(tmp_path / "a", keys_of(tmp_path), given))
        until(lambda: len(outcomes_in(tmp_path)) >= len(records), 60)
    found = outcomes_in(tmp_path)
    assert len(found) == len(set(found)) == len(records)
    log = Log(open_objects(f"file://{tmp_path}/objects/audit/eu"), LOG.verifier)
    now, _ = log.checkpoint()
    assert log.audit(now).leaves == now.size
    assert all(log.grown_from(earlier, now) is not None for earlier in seen)


def outcomes_in(directory: Path) -> list[str]:
    """The id of each leaf of an outcome in the published log."""
    objects = objects_in(directory)
    if "audit/eu/checkpoint" not in objects:
        return []
    leaves = map(json.loads, leaves_in(objects))
    return [leaf["pcs_id"] for leaf in leaves if leaf["kind"] == "outcome"]
