"""`flk audit erase`: of a real node's log, while it writes (ERA-*)."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.impl.audited import audit_options, objects_in, stored
from tests.support.impl.command import flk_here as flk
from tests.support.impl.operated import Operated, operated
from tests.support.model.transparency import LOG, WITNESS
from tests.support.model.world import HONEST, STORY, pcs, submission

from flk.impl.data.transparency import Log
from flk.impl.storage.objects import open_objects
from flk.model.record.merkle import verify_inclusion_of
from flk.model.transparency.checkpoints import read_checkpoint
from flk.model.transparency.erased import hash_of, place
from flk.model.transparency.leaves import Sought
from flk.model.transparency.notes import private_text
from flk.model.transparency.steps import read_step
from flk.model.transparency.tiles import unpacked

KEY = ("--key", str(LOG.verifier))
WHY = ("--reason", "request 7")
OTHERS = Sought("other")


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def size_in(url: str) -> int:
    """How many leaves are published."""
    return Log(open_objects(url), LOG.verifier).checkpoint()[0].size


def holding(directory: Path) -> list[str]:
    """The objects of the audit log with leaves about a record of the other tenant. Which keys it has stays in the log."""
    found = []
    for name, content in objects_in(directory).items():
        if "/batch/" in name or "/tile/entries/" in name:
            leaves = read_step(name, content).leaves if "/batch/" in name else unpacked(content) or ()
            found += [name] * any(OTHERS.is_in(leaf) for leaf in leaves)
    return found


def grow(node: Operated, url: str, epoch: int) -> None:
    """One record more is published."""
    before = size_in(url)
    assert node.public.submit(submission(pcs(epoch=epoch))).status == 200
    until(lambda: size_in(url) > before)


@pytest.mark.slow
def test_a_tenant_is_erased_and_the_log_verifies(tmp_path: Path) -> None:
    """While the node writes: two runs, and no object speaks of it. Then the node loses its index, and goes on with the same log."""
    url = f"file://{tmp_path}/objects/audit/eu"
    erase = ("audit", "erase", url, *KEY, "--tenant", "other", *WHY)
    with operated(tmp_path, audit_options(tmp_path)) as node:
        for sent in STORY:
            node.public.submit(sent)
        until(lambda: (tmp_path / "objects/audit/eu/checkpoint").exists() and size_in(url) == 6)
        assert holding(tmp_path)
        planned = flk(*erase)
        assert (planned.returncode, "nothing was changed" in planned.stdout) == (1, True)
        assert flk(*erase, "--do").returncode == 1
        until(lambda: size_in(url) == 7)
        done = flk(*erase, "--do")
        assert (done.returncode, holding(tmp_path)) == (0, []), done.stdout + done.stderr
        assert "not looked at: stores, logs and segments, snapshots, backups, other regions" in done.stdout
        grow(node, url, 40)
        other = json.loads(STORY[-2].body)["pcs_id"]
        shown = node.public.request("GET", f"/v1/audit/proof/{other}", None, node.bearer("other")).json()
        (leaf,) = (each for each in shown["leaves"] if isinstance(each, dict))  # type: ignore[attr-defined]
        now = read_checkpoint(str(shown["checkpoint"]).encode(), LOG.verifier)
        path = [bytes.fromhex(one) for one in leaf["proof"]]
        assert place(leaf["leaf"].encode())
        assert verify_inclusion_of(hash_of(leaf["leaf"].encode()), leaf["index"], now.size, path, now.root)
    for path_ in (tmp_path / "data").glob("audit.sqlite*"):
        path_.unlink()
    with operated(tmp_path, audit_options(tmp_path)) as node:
        node.public.submit(HONEST)
        grow(node, url, 41)
        assert node.ask("/ready").status in {200, 404}
    verified = flk("audit", "verify", url, *KEY)
    assert verified.returncode == 0, verified.stderr
    assert "9 leaves" in verified.stdout
    assert "1 leaves are erased, 0 more" in verified.stdout
    assert holding(tmp_path) == []
    assert json.loads(flk(*erase, "--json").stdout)["done"] is True


@pytest.mark.slow
def test_results_of_workers_go_wherever_they_are(tmp_path: Path) -> None:
    """Those of the erased leaf, and no others, at the place that is named (ERA-5)."""
    url, into = f"file://{tmp_path}/objects/audit/eu", f"file://{tmp_path}/results"
    (tmp_path / "results").mkdir()
    (tmp_path / "worker.key").write_text(private_text(WITNESS.name, bytes(range(1, 33))))
    erase = ("audit", "erase", url, *KEY, "--tenant", "other", *WHY, "--do")
    files = ("--queue", str(tmp_path / "queue"), "--attest", str(tmp_path / "worker.key"), "--into", into)
    with operated(tmp_path, audit_options(tmp_path)) as node:
        for sent in STORY:
            node.public.submit(sent)
        until(lambda: (tmp_path / "objects/audit/eu/checkpoint").exists() and size_in(url) == 6)
        worked = flk("audit", "work", url, *KEY, *files)
        assert worked.returncode == 0, worked.stderr
        before = results_in(tmp_path / "results")
        assert flk(*erase).returncode == 1
        until(lambda: size_in(url) == 7)
        assert flk(*erase).returncode == 0
        assert results_in(tmp_path / "results") == before
        assert flk(*erase, "--into", into).returncode == 0
    gone = before - results_in(tmp_path / "results")
    assert {name.partition("/")[0] for name in gone} == {"attested", "enriched"}
    assert len({name.partition("/")[2] for name in gone}) == 1
    assert len(gone) < len(before)


def results_in(directory: Path) -> set[str]:
    """What workers wrote of leaves."""
    return {f"{path.parent.name}/{path.name}" for path in directory.rglob("*.json") if path.parent.name != "report"}


@pytest.mark.slow
@pytest.mark.parametrize("reason", ["", " ", "a\nb", "x" * 201])
def test_a_reason_is_one_line(tmp_path: Path, reason: str) -> None:
    """Everybody reads it, for ever."""
    url = stored(tmp_path / "log", [b'{"kind":"keys"}'])
    done = flk("audit", "erase", url, *KEY, "--tenant", "a", "--reason", reason)
    assert (done.returncode, "--reason" in done.stderr) == (2, True)


def test_a_log_without_steps_is_not_written(tmp_path: Path) -> None:
    """It may be a copy of tiles: the place to erase is where the nodes write."""
    url = stored(tmp_path / "log", [b'{"kind":"outcome","tenant":"a"}'])
    done = flk("audit", "erase", url, *KEY, "--tenant", "a", *WHY, "--do")
    assert (done.returncode, "lists no steps" in done.stderr) == (2, True)
