"""Seeds whose runs a checker, a fault, a mirror of the store, or the programs once got wrong, found in long hunts."""

import pytest

from flk.sim.api.inputs import kinds_of
from flk.sim.experiments.hunt import SearchSpace, Trial, run_trial
from flk.sim.experiments.run_inputs import synthetic_inputs
from flk.sim.experiments.worlds import RECORDS, Worlds
from flk.spec.verdict import Verdict

SEEDS = {
    2481: "the loss of the last segment that was applied is accepted",
    7335: "an agent with many segments in its outbox starts again",
    11082: "an object is cut off whole, and one of its bits flips",
    12981: "a claim that was refused half-way through a migration is there again after rollback",
    13979: "an agent is given something while it reads its outbox again",
    14708: "a claim is stored although its frame rotted, and its window is over before that of the frame that came again",
    14743: "the loss of a segment is accepted, and what is left of it was appended behind a write that was cut short",
    16237: "bits rot in the open segment, and then it is gone",
    20068: "of several segments that are full and not sealed yet one in the middle is cut where a frame ends",
    20187: "an agent that was given much while it was dead starts again",
    22554: "what was logged again after a segment rotted is gone with the open segment",
    26486: "the log of a new disk repeats frames that were lost with the old one, timestamps and all",
    26935: "an object is lost whose segment has rotted on the disk, and is shipped again",
    27983: "a timestamp is given again, after the frame that had it rotted away",
    30613: "a timestamp is given again on a new disk",
    33504: "bursts in a world whose stores look into the cold tier at each entry that they replay",
    37663: "what rotted is forgotten in its time, and the same record is stored again later",
    39607: "two peers are replayed at once, and only one of them was observed so far",
    40218: "an entry of the warm tier is asked for while its shard of the hot tier is gone",
    51283: "a bit rots in the timestamp of a segment's head",
    70033: "a segment that was uploaded rots at its end, and what is left of it is shipped under the same name",
    76435: "a timestamp is given again to the same record, after the frame that had it rotted away",
    90426: "agents make up for a disk that hung, and what is to be shipped waits for that",
    120385: "a bit in the last byte of a sealed segment flips, and the byte is zero then",
    81907: "a frame rots whose object a peer has read, and the object is lost before the rest is shipped again",
    160591: "the opening of a sealed segment rots, whose clock is further ahead of wall time than the bound",
    167415: "bits rot in segments that are full and not sealed yet, and another is salvaged before these are sealed",
    315696: "a bit flips in the opening of the open segment, which is sealed with it, and all of its frames can be read",
    290039: "a new disk gives an honest record the timestamp that a forged one had on the lost disk",
    415798: "after a burst every answer comes later than its sender waits, so that all is sent again and again (ORD-6)",
    434831: "an agent is back that was dead for long, and its submissions keep a slow store busy until well after that",
    450969: "a clock that is ahead is put back a little after the mover has read the time and before it deletes",
    113082: "a page of a segment is zeroed, its object is lost, and then the disk",
}


OF_DISKS = (
    "bit_rot",
    "region_crash",
    "object_loss",
    "clock_skew",
    "torn_write",
    "fsync_failure",
    "object_store_outage",
    "slow_disk",
)
"""Kinds of faults that meet in most of these findings: a hunt in them alone finds the next within thousands of seeds."""
SEEDS_OF_DISKS = {
    8784: "the only frame that was logged under a clock far ahead is torn, and the head of its segment is not",
    11362: "an object of a lost disk comes to light late, and the new disk has given one of its timestamps to another record",
    17682: "a node has read the latest timestamp of its log, and then that rots",
    589: "two regions log the same record at the same moment; the frame of one has rotted, that of the other is shipped",
}


@pytest.mark.parametrize("seed", SEEDS_OF_DISKS, ids=str)
def test_nothing_is_violated_by_faults_of_disks(seed: int) -> None:
    """Nor if no other fault happens."""
    space = SearchSpace(synthetic_inputs(RECORDS), None, kinds_of(OF_DISKS))
    assert run_trial(space, Trial(seed)).verdict is not Verdict.VIOLATED


@pytest.mark.parametrize("seed", SEEDS, ids=str)
def test_nothing_is_violated(seed: int) -> None:
    """The programs do what they ought to."""
    space = SearchSpace(synthetic_inputs(RECORDS))
    assert run_trial(space, Trial(seed)).verdict is not Verdict.VIOLATED


SEEDS_OF_POLICIES = {7000074: "what a segment states of policies rots, and then a frame that was judged by it"}


@pytest.mark.parametrize("seed", SEEDS_OF_POLICIES, ids=str)
def test_nothing_is_violated_where_policies_change(seed: int) -> None:
    """Nor where each entry is judged by what its log states."""
    space = SearchSpace(synthetic_inputs(RECORDS), worlds=Worlds(policies=True))
    assert run_trial(space, Trial(seed)).verdict is not Verdict.VIOLATED
