"""The door of the model: what `from flk.model import …` offers is documented, runs, and needs little."""

import subprocess
import sys

import pytest
from tests.support.doors import failing_examples, undocumented

import flk.model
from flk.model import HmacKey, Keyring, Node, Pcs, sign, signed, summarise, verify

KEY = HmacKey(b"secret")
KEYRING = Keyring({"default": [KEY]})
HEAVY = {"scipy", "matplotlib", "numba", "networkx", "z3", "simpy", "pandas", "pyarrow", "hypothesis", "obstore"}
"""What the core of the distribution does without when it is imported."""


def record(epoch: int = 1) -> Pcs:
    """A record of two points."""
    return summarise(
        [[0.1, 0.2], [0.4, 0.8]], b"raw data", epoch=epoch, seed=7, shard_id="s1", sent_at="2026-01-01T00:00:00Z"
    )


def test_every_name_is_documented_with_an_example() -> None:
    """Meaning, units, errors and an example, on each name that is exported."""
    assert undocumented(flk.model) == []


def test_every_example_runs_on_the_exported_names() -> None:
    """What the documentation shows is what comes out."""
    assert failing_examples(flk.model) == []


@pytest.mark.parametrize("room", ["flk.spec", "flk.model", "flk.conformance"])
def test_the_core_needs_little_when_it_is_imported(room: str) -> None:
    """Neither the extras' packages nor what only some checks use are loaded with a room of the core."""
    command = f"import sys, {room}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True).stdout.split()
    assert not HEAVY & {name.partition(".")[0] for name in loaded}
    assert not {name for name in loaded if name.startswith(("flk.sim", "flk.impl", "flk.formal"))}


def test_a_signature_is_verified_by_its_own_key_alone() -> None:
    """Neither another key, another record nor another spelling of the base64 will do."""
    one = record()
    sig = sign(KEY, one)
    assert verify(KEY, one, sig)
    assert not verify(HmacKey(b"another"), one, sig)
    assert not verify(KEY, record(epoch=2), sig)
    assert not verify(KEY, one, sig.rstrip("="))
    assert not verify(KEY, one, "")


def test_a_node_in_memory_forgets_nothing_in_a_crash() -> None:
    """What was answered before a crash is answered again, byte for byte, also when nothing was shipped."""
    node = Node("eu", KEYRING)
    sent = [signed(record(epoch), KEY) for epoch in range(3)]
    before = [node.submit(one) for one in sent]
    assert node.crash().claims == 3
    assert [node.submit(one) for one in sent] == before


def test_nodes_that_share_objects_agree_on_the_first_write() -> None:
    """Two regions take the same id in with other content; after replay both hold what was logged first."""
    eu = Node("eu", KEYRING)
    us = Node("us", KEYRING, peer=eu, now=lambda: 1.0)
    one = signed(record(), KEY)
    assert [node.submit(one).status for node in (us, eu)] == [200, 200]
    for node, other in ((eu, us), (us, eu)):
        node.ship()
        other.replay(node)
    assert us.entry(one.pcs_id) == eu.entry(one.pcs_id)
    assert us.entry(one.pcs_id) is not None
    assert us.submit(one).json()["region"] == "eu"


def test_tenants_need_keys_of_their_own() -> None:
    """A bare key counts always, for its tenant alone."""
    node = Node("eu", KEYRING)
    assert node.submit(signed(record(), KEY), tenant="other").status == 401
    assert node.submit(b"{}").json()["requirement"] == "REC-3"
