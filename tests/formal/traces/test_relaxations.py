"""Traces are followed without the guards that bound exploration: what is proved holds of them, too."""

import pytest
from z3 import Not, unsat

from flk.formal.library.protocols.replication import protocol as replication
from flk.formal.prover.obligations import Induction
from flk.formal.prover.solver import QUICK, ask
from flk.formal.traces.relaxations import unlimited


@pytest.mark.slow
def test_what_is_proved_of_replication_holds_without_its_bounds() -> None:
    """Stores are lost, frames rot, segments are salvaged and sealed empty as often as one likes: every invariant is inductive.

    But for the one that counts how often something rotted, and the one that is true of what is salvaged once.
    """
    free = unlimited(replication)
    bounded = {name for name in replication.actions if free.actions[name].guards != replication.actions[name].guards}
    assert bounded == {"seal", "upload", "mark_shipped", "mark_replayed", "lose_store", "rot", "salvage"}
    once = ("what_did_not_rot_is_in_a_log", "a_frame_is_twice_where_it_was_uploaded")
    free.without(*once, *filter(replication.says_when_enabled, replication.properties))
    obligations = list(Induction(free).obligations())
    assert len(obligations) > 100
    assert all(ask((*each.given, Not(each.goal)), effort=QUICK)[1] == unsat for each in obligations)
