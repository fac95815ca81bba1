"""What is to be proved of a transition system.

Every invariant holds at the start and is kept by every action: with any number of elements, hence in every state that can be
reached. A planted fault must break such an obligation, and must also be seen to do harm in a run from the start: an action
that fails to keep an invariant might only do so from a state that nothing reaches.
"""

from collections.abc import Callable, Collection, Iterator
from functools import partial

from z3 import And, BoolRef, Not

from flk.formal.logic import at_most
from flk.formal.readout import read_path
from flk.formal.runs import SMALL, run
from flk.formal.theorem import Mutant, Obligation
from flk.formal.transitions import Action, S, System, name


def obligations(system: System[S]) -> tuple[Obligation, ...]:
    """Every invariant at the start and after every action: `start: INVARIANT`, `ACTION: INVARIANT`."""
    after_actions = (obligation for action in system.actions for obligation in _after(system, action))
    return (*_at_start(system), *after_actions)


def mutant(
    title: str,
    story: str,
    system: System[S],
    *,
    breaks: Collection[tuple[Callable[..., object], Callable[..., object]]],
    harms: Callable[[S], BoolRef],
    steps: int,
) -> Mutant:
    """A system with a planted fault: actions that fail to keep what they should, and a run to a violation of `harms`."""
    faulty = [action for action in system.actions if action.step in {step for step, _ in breaks}]
    named = {obligation.name: obligation for action in faulty for obligation in _after(system, action)}
    broken = tuple(named[_title(step, kept)] for step, kept in breaks)
    harm = run(system, lambda state: Not(harms(state)), steps)
    return Mutant(title, story, broken, (harm._replace(name=f"a run against: {name(harms)}"),))


def _at_start(system: System[S]) -> Iterator[Obligation]:
    start = system.start()
    read, few = partial(read_path, system, [start], []), _few(system)
    for holds in system.invariants:
        yield Obligation(f"start: {name(holds)}", system.background, holds(start), read, few)


def _after(system: System[S], action: Action[S]) -> Iterator[Obligation]:
    before, after = system.symbols("before"), system.symbols("after")
    move, happens = system.move(action, before, after)
    given = And(system.background, *(holds(before) for holds in system.invariants), move.taken, happens)
    read, few = partial(read_path, system, [before, after], [[move]]), _few(system)
    kept = [(_title(action.step, holds), holds(after)) for holds in system.invariants]
    related = [(_title(action.step, relates), relates(before, after)) for relates in system.steady]
    for title, goal in kept + related:
        yield Obligation(title, given, goal, read, few)


def _title(step: Callable[..., object], kept: Callable[..., object]) -> str:
    return f"{name(step)}: {name(kept)}"


def _few(system: System[S]) -> BoolRef:
    return And(*(at_most(SMALL, sort) for sort in system.sorts))
