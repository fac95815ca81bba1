"""Watching a log that somebody else writes (TLOG-5, TLOG-9): what it may become, what is kept of it, and what is an alarm."""

from collections.abc import Sequence

import pytest
from tests.support.model.transparency import LOG, WITNESS, checkpoint_over, leaves_of, objects_over

from flk.model.effects import Effect, GetObject, Mark, Marked
from flk.model.programs.monitor import MONITORED, Seen, monitor
from flk.model.record.signing import Ed25519PrivateKey
from flk.model.runtime import run
from flk.model.transparency.checkpoints import BadLog
from flk.model.transparency.notes import Signer, Verifier, signed

ANOTHER = Signer("another.example/w", Ed25519PrivateKey(bytes(range(2, 34))))
LEAVES = leaves_of(300)


class Monitor:
    """Somebody who looks at a log from time to time, and what is kept of it."""

    def __init__(self, *witnesses: Verifier) -> None:
        self.kept: dict[str, str] = {}
        self.marks = 0
        self.objects: dict[str, bytes] = {}
        self._witnesses = witnesses

    def shows(self, leaves: Sequence[bytes], *cosigned: Signer) -> "Monitor":
        """From now on the log is that of these leaves, and these witnesses have cosigned it."""
        self.objects = objects_over(leaves)
        text = checkpoint_over(leaves).text
        self.objects["checkpoint"] = signed(text, [LOG.sign(text), *(each.cosign(text, 7) for each in cosigned)])
        return self

    def look(self) -> Seen:
        """One look."""
        program = monitor("", LOG.verifier, self._witnesses)
        return run(program, self._perform)  # type: ignore[arg-type]  # of these effects

    def _perform(self, effect: Effect[object]) -> object:
        match effect:
            case GetObject(name):
                return self.objects.get(name)
            case Marked(name):
                return self.kept.get(name, "")
            case Mark(name, text):
                self.kept[name] = text
                self.marks += 1
                return None
        raise AssertionError(effect)

    def require_alarm(self, told: str) -> None:
        """A look raises the alarm, and what was kept is kept."""
        before = dict(self.kept)
        with pytest.raises(BadLog, match=told):
            self.look()
        assert self.kept == before


def test_a_log_that_grows_is_followed() -> None:
    """Each look says what was kept before, and keeps the latest checkpoint; the same one is not kept again."""
    watched = Monitor()
    assert watched.look() == Seen(None, None)
    some, all_ = checkpoint_over(LEAVES[:260]), checkpoint_over(LEAVES)
    assert watched.shows(LEAVES[:260]).look() == Seen(None, some)
    assert watched.look() == Seen(some, some)
    assert watched.marks == 1
    assert watched.shows(LEAVES).look() == Seen(some, all_)
    assert watched.look() == Seen(all_, all_)
    assert watched.kept == {MONITORED + LOG.name: watched.objects["checkpoint"].decode()}


@pytest.mark.parametrize(
    "leaves",
    [
        pytest.param(LEAVES[:250], id="fewer leaves"),
        pytest.param([*LEAVES[:259], b"another"], id="the last one is another"),
        pytest.param([b"another", *LEAVES[1:]], id="more, and the first one is another"),
    ],
)
def test_a_log_that_did_not_only_grow_is_an_alarm(leaves: list[bytes]) -> None:
    """At every look, for what was signed before stays kept (TLOG-5)."""
    watched = Monitor()
    watched.shows(LEAVES[:260]).look()
    watched.shows(leaves).require_alarm("TLOG-5")
    watched.require_alarm("TLOG-5")
    assert watched.shows(LEAVES).look().before == checkpoint_over(LEAVES[:260])


def test_a_log_that_is_gone_is_an_alarm() -> None:
    """One that was never there is not."""
    watched = Monitor()
    watched.shows(LEAVES).look()
    watched.objects = {}
    watched.require_alarm("had 300 leaves, and checkpoint is gone")


def test_what_is_not_what_was_signed_is_an_alarm_at_the_first_look() -> None:
    """Tiles of other leaves (TLOG-3), a checkpoint of another key, and what is no checkpoint (TLOG-1)."""
    watched = Monitor().shows(LEAVES)
    honest = watched.objects["checkpoint"]
    watched.shows([b"another", *LEAVES[1:]]).objects["checkpoint"] = honest
    watched.require_alarm("TLOG-3")
    text = checkpoint_over(LEAVES).text
    watched.shows(LEAVES).objects["checkpoint"] = signed(text, [Signer(LOG.name, ANOTHER.key).sign(text)])
    watched.require_alarm("checkpoint: ")
    watched.objects["checkpoint"] = b"none"
    watched.require_alarm("checkpoint: TLOG-1")


def test_what_a_witness_has_not_cosigned_is_an_alarm() -> None:
    """Its name is told; a cosignature of another text is none (TLOG-9). Who names no witness asks for none."""
    watched = Monitor(WITNESS.witness, ANOTHER.witness)
    watched.shows(LEAVES, WITNESS).require_alarm(f"TLOG-9: checkpoint lacks the cosignature of {ANOTHER.name}")
    text = checkpoint_over(LEAVES).text
    watched.objects["checkpoint"] = signed(
        text, [LOG.sign(text), WITNESS.cosign(text, 7), ANOTHER.cosign(checkpoint_over(LEAVES[:9]).text, 7)]
    )
    watched.require_alarm("checkpoint: TLOG-1")
    assert watched.shows(LEAVES, ANOTHER, WITNESS).look() == Seen(None, checkpoint_over(LEAVES))
    watched.shows([*LEAVES, b"more"]).require_alarm(f"cosignature of {WITNESS.name}")
    assert Monitor().shows(LEAVES).look() == Seen(None, checkpoint_over(LEAVES))
