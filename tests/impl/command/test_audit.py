"""`flk audit`: a log in an object store, verified, proven and watched; and what is wrong is named (TLOG-*)."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.support.impl.audited import stored
from tests.support.impl.command import flk, flk_here
from tests.support.model.transparency import LOG, WITNESS, leaves_of

from flk.model.transparency.notes import Signature, Verifier, private_text, read_note, signed, signed_by

KEY = str(LOG.verifier)


@pytest.mark.slow
def test_a_log_is_verified_and_a_leaf_of_it_proven(tmp_path: Path) -> None:
    """In words, and as JSON."""
    url = stored(tmp_path, leaves_of(300))
    done = flk("audit", "verify", url, "--key", KEY)
    assert done.returncode == 0, done.stderr
    assert "300 leaves in 5 objects are what the log has signed" in done.stdout
    facts = msgspec.json.decode(flk("audit", "prove", url, "257", "--key", KEY, "--json").stdout)
    assert (facts["index"], facts["size"], len(facts["proof"])) == (257, 300, 7)
    assert "leaf 257 of 300" in flk("audit", "prove", url, "257", "--key", KEY).stdout


@pytest.mark.slow
def test_a_monitor_takes_growth_and_refuses_a_fork(tmp_path: Path) -> None:
    """The file stays as it was, so that both signed checkpoints can be shown."""
    url, state = stored(tmp_path / "log", leaves_of(100)), tmp_path / "state"
    watch = ("audit", "monitor", url, "--key", KEY, "--state", str(state))
    assert "100 leaves, known from now on" in flk(*watch).stdout
    stored(tmp_path / "log", leaves_of(300))
    assert "100 leaves grew to 300" in flk(*watch).stdout
    kept = state.read_bytes()
    for fork in (leaves_of(200), [b"forged", *leaves_of(400)[1:]]):
        stored(tmp_path / "log", fork)
        done = flk(*watch)
        assert done.returncode == 1
        assert "TLOG-5" in done.stderr
        assert state.read_bytes() == kept


def test_a_monitor_refuses_a_log_that_is_gone(tmp_path: Path) -> None:
    """Who keeps a checkpoint of it knows better than that the place is wrong (TLOG-5)."""
    url, state = stored(tmp_path / "log", leaves_of(100)), tmp_path / "state"
    watch = ("audit", "monitor", url, "--key", KEY, "--state", str(state))
    assert flk_here(*watch).returncode == 0
    kept = state.read_bytes()
    (tmp_path / "log" / "checkpoint").unlink()
    done = flk_here(*watch)
    assert (done.returncode, "TLOG-5: the log had 100 leaves" in done.stderr) == (1, True), done.stderr
    assert state.read_bytes() == kept


@pytest.mark.parametrize("content", [b"", b"garbage"])
@pytest.mark.parametrize("command", ["monitor", "witness"])
def test_what_was_kept_and_is_no_checkpoint_now_is_no_beginning(tmp_path: Path, command: str, content: bytes) -> None:
    """A monitor that began anew would take a fork, and a witness would cosign one: both ask, and leave the file."""
    url, state = signed_by_log(tmp_path / "log", leaves_of(9)), tmp_path / "state"
    state.write_bytes(content)
    (tmp_path / "witness.key").write_text(private_text("witness.example/w", bytes(32)))
    by = ("--with", str(tmp_path / "witness.key")) if command == "witness" else ()
    done = flk_here("audit", command, url, "--key", KEY, "--state", str(state), *by)
    assert (done.returncode, "put back what it had" in done.stderr) == (2, True), done.stderr
    assert state.read_bytes() == content
    assert not (tmp_path / "log" / "cosigned").exists()


@pytest.mark.slow
def test_a_monitor_refuses_what_its_witness_has_not_cosigned(tmp_path: Path) -> None:
    """Growth that only this monitor is shown, and a cosignature that is not the witness's; what is cosigned is kept (TLOG-13)."""
    log, state = tmp_path / "log", tmp_path / "state"
    url = stored(log, leaves_of(100))
    watch = ("audit", "monitor", url, "--key", KEY, "--state", str(state), "--witness", str(WITNESS.witness))
    assert "TLOG-9: checkpoint lacks the cosignature" in flk(*watch).stderr
    assert not state.exists()
    cosigned(log, WITNESS.cosign)
    assert "100 leaves, known from now on" in flk(*watch).stdout
    kept = state.read_bytes()
    stored(log, leaves_of(300))
    assert flk(*watch).returncode == 1
    cosigned(log, lambda text, seconds: WITNESS.cosign(f"{text}{seconds}\n", seconds))
    assert "TLOG-1" in flk(*watch).stderr
    assert state.read_bytes() == kept
    stored(log, leaves_of(300))
    cosigned(log, WITNESS.cosign)
    assert "100 leaves grew to 300" in flk(*watch).stdout
    wrong = flk(*watch[:-1], KEY)
    assert (wrong.returncode, "--witness" in wrong.stderr) == (2, True)


def cosigned(log: Path, cosign: Callable[[str, int], Signature]) -> None:
    """Put a cosignature below the log's checkpoint."""
    note = read_note((log / "checkpoint").read_bytes())
    (log / "checkpoint").write_bytes(signed(note.text, [*note.signatures, cosign(note.text, 1_700_000_000)]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "spoil", "code", "said"),
    [
        (KEY, "tile/0/000.p/9", 1, "go by the runbook FLKAuditFork"),
        (KEY, "tile/entries/000.p/9", 1, "TLOG-3"),
        (KEY, "checkpoint", 1, "TLOG-1"),
        (str(WITNESS.verifier), "", 1, f"it says it is of {LOG.name}: give that log's key\n"),
        (str(WITNESS.witness), "", 2, "key of a witness"),
        ("nonsense", "", 2, "NAME+ID+KEY"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, key: str, spoil: str, code: int, said: str) -> None:
    """An object that is another, a key of somebody else's, and what is no key."""
    url = stored(tmp_path, leaves_of(9))
    if spoil:
        content = bytearray((tmp_path / spoil).read_bytes())
        content[20] ^= 1
        (tmp_path / spoil).write_bytes(content)
    done = flk("audit", "verify", url, "--key", key)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


@pytest.mark.slow
def test_an_empty_place_and_a_leaf_that_is_not_there_are_told(tmp_path: Path) -> None:
    """With the fix."""
    (tmp_path / "empty").mkdir()
    assert "`checkpoint`" in flk("audit", "verify", f"file://{tmp_path}/empty", "--key", KEY).stderr
    nowhere = flk("audit", "verify", f"file://{tmp_path}/nowhere", "--key", KEY)
    assert (nowhere.returncode, "check that this user may read" in nowhere.stderr) == (2, True), nowhere.stderr
    done = flk("audit", "prove", stored(tmp_path / "log", leaves_of(3)), "3", "--key", KEY)
    assert (done.returncode, "there is no leaf 3" in done.stderr) == (2, True)


def test_a_key_is_not_written_over_another_and_has_a_name(tmp_path: Path) -> None:
    """With the fix."""
    made = str(tmp_path / "made.key")
    assert flk_here("audit", "key", "example.com/eu", made).returncode == 0
    again = flk_here("audit", "key", "example.com/eu", made)
    assert (again.returncode, "already" in again.stderr and "name another" in again.stderr) == (2, True), again.stderr
    for name in ("a+b", "a b", ""):
        done = flk_here("audit", "key", name, str(tmp_path / "other.key"))
        assert (done.returncode, f"{name!r} is no name of a key" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "other.key").exists()


@pytest.mark.slow
def test_a_witness_cosigns_what_a_node_signs(tmp_path: Path) -> None:
    """It keeps what it cosigned, cosigns growth, and no fork: then the file is as it was (TLOG-9)."""
    made = flk("audit", "key", "witness.example/w", str(tmp_path / "witness.key"))
    witness = Verifier.parse(made.stdout.splitlines()[1])
    assert (tmp_path / "witness.key").stat().st_mode & 0o077 == 0
    log, state = tmp_path / "log", tmp_path / "state"
    by = ("--key", KEY, "--with", str(tmp_path / "witness.key"), "--state", str(state))
    url = signed_by_log(log, leaves_of(300))
    assert "300 leaves, cosigned by witness.example/w" in flk("audit", "witness", url, *by).stdout
    cosigned = next((log / "cosigned" / f"{300:016d}").iterdir()).read_bytes()
    assert signed_by(read_note(cosigned), [witness]) == (witness,)
    kept = state.read_bytes()
    url = signed_by_log(log, [b"forged", *leaves_of(400)[1:]])
    done = flk("audit", "witness", url, *by)
    assert (done.returncode, "TLOG-5" in done.stderr) == (1, True)
    assert state.read_bytes() == kept
    assert len(list((log / "cosigned").iterdir())) == 1


def signed_by_log(directory: Path, leaves: list[bytes]) -> str:
    """Such a log, with its checkpoint where a node puts what it signs; its URL."""
    url = stored(directory, leaves)
    (directory / "signed").mkdir(exist_ok=True)
    (directory / "signed" / f"{len(leaves):016d}").write_bytes((directory / "checkpoint").read_bytes())
    return url
