"""Protocols are mutated by rule, the mutants have a meaning, and what the lab has for protocols kills those that differ."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
from tests.support import ROOT
from z3 import CheckSatResult, unknown

from flk.formal.language import Protocol
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.mutation.check import Outcome
from flk.formal.mutation.ladder import Ladder
from flk.formal.mutation.ledger import Ledger, read
from flk.formal.mutation.mutant import Mutant, unmutated
from flk.formal.mutation.protocols import checks
from flk.formal.mutation.protocols.checks import Proof
from flk.formal.mutation.protocols.meaning import Reader, behaviour, protocol_of
from flk.formal.mutation.protocols.targets import target_of
from flk.formal.mutation.report import Report, Row
from flk.formal.mutation.run import run
from flk.formal.mutation.selection import Selection
from flk.formal.prover.solver import QUICK
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

TICKET = ROOT / "tests/support/formal/ticket.py"
LEDGERS = sorted((ROOT / "tests/mutation").glob("protocols-*.toml"))

LAMP = """
from flk.formal.language import BOOL, Protocol, Term, require

protocol = Protocol("lamp", "It is switched on and off.")
lit = protocol.scalar("lit", BOOL, initially=False)


@protocol.action()
def on() -> None:
    require(~lit)
    lit.next = True


@protocol.action()
def off() -> None:
    require(lit)
    lit.next = False


@protocol.always()
def one_switch_works() -> Term:
    return (protocol.enabled("on") == ~lit) & (protocol.enabled("off") == lit)
"""


def tried(name: str, selection: Selection | None = None, ledger: Ledger | None = None) -> Report:
    """The report on a protocol's mutants."""
    return run([target_of(name)], selection or Selection(), Ladder(workers=2), ledger or Ledger(), progress=False)


@pytest.fixture(scope="module")
def ticket() -> Report:
    """Of all mutants of the ticket."""
    return tried(str(TICKET))


def by_change(report: Report) -> Mapping[tuple[str, str, str, str], Row]:
    """Rows by function, operator and change."""
    return {(row.function, row.operator, row.before, row.after): row for row in report.rows}


@pytest.mark.slow
def test_planted_mutants_have_the_status_they_deserve(ticket: Report) -> None:
    """Either guard of `sell` says what the other implies: each alone may go, and nothing can tell. All else is killed."""
    rows = by_change(ticket)
    equivalent = {
        ("sell", "drop-guard", "~used", "True"),
        ("sell", "drop-guard", "~sold", "True"),
        ("sell", "read-another", "sold", "used"),
        ("sell", "read-another", "used", "sold"),
    }
    assert {change for change, row in rows.items() if not row.killer} == equivalent
    assert all(rows[change].alike for change in equivalent)
    assert rows["use", "drop-guard", "sold", "True"].said == "violates used_is_sold among 4 states"
    assert rows["use", "disable-action", "require(sold)", "require(False); require(sold)"].killer == "exploration"
    assert (ticket.verdict, ticket.counts[0].living) == (Verdict.VIOLATED, 4)


def test_a_mutant_that_begins_elsewhere_on_the_same_round_is_alike(tmp_path: Path) -> None:
    """A lamp that is switched on and off has the same states and steps whether it begins dark or lit, and the report says so."""
    lamp = tmp_path / "lamp.py"
    lamp.write_text(LAMP)
    rows = by_change(tried(str(lamp)))
    assert rows["", "change-initial", "False", "True"].alike
    assert {change for change, row in rows.items() if not row.killer} == {("", "change-initial", "False", "True")}


def test_a_property_that_no_mutant_breaks_is_named(ticket: Report) -> None:
    """A tautology is violated by nothing; every other property of the ticket is."""
    assert [claim.name for claim in ticket.vacuous] == ["sold_is_not_lost"]


def test_a_proof_kills_what_it_refutes_and_nothing_that_the_solver_gives_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticket that is used before it is sold breaks an obligation. A solver that knows nothing is soon asked no more."""
    guard = next(each for each in target_of(str(TICKET)).mutants() if (each.function, each.before) == ("use", "sold"))
    refuted = Proof()(guard)
    assert (refuted.outcome, refuted.hits) == (Outcome.KILLED, ("used_is_sold",))
    asked: list[int] = []

    def give_up(_: object, effort: int) -> tuple[None, CheckSatResult]:
        asked.append(effort)
        return None, unknown

    monkeypatch.setattr(checks, "ask", give_up)
    monkeypatch.setattr(checks, "PATIENCE", 2)
    assert Proof()(guard).outcome is Outcome.SURVIVED
    assert asked == [QUICK, QUICK]


@pytest.mark.slow
def test_every_kind_of_change_is_made() -> None:
    """The issue's list: guards, updates, indices, comparisons, quantifiers, definedness, initial values, actions that skip."""
    assert {mutant.operator for mutant in mutants_of_replication()} >= {
        "drop-guard", "drop-conjunct", "drop-disjunct", "drop-update", "move-update", "swap-indices", "change-variable",
        "change-comparison", "exchange-quantifier", "negate-defined", "drop-negation", "change-initial", "change-value",
        "exchange-choice", "skip-action", "disable-action",
    }  # fmt: skip


@cache
def mutants_of_replication() -> Sequence[Mutant]:
    """Made once: it takes seconds."""
    return target_of("replication").mutants()


def original_of(name: str) -> Mutant:
    """The unmutated source of a protocol of the library."""
    return target_of(name).original


@pytest.mark.slow
def test_reading_the_changed_actions_alone_is_reading_it_all() -> None:
    """The quick way to a mutant's meaning agrees with running its whole source, on mutants of every operator."""
    original = original_of("replication")
    one_of_each = {mutant.operator: mutant for mutant in mutants_of_replication()}.values()
    reader = Reader(original)
    assert all(reader.behaviour(mutant) == behaviour(protocol_of(mutant)) for mutant in one_of_each)
    assert reader.behaviour(original) == behaviour(PROTOCOLS["replication"])


def test_properties_keep_their_meaning_where_a_helper_is_mutated() -> None:
    """`holds` is used by actions and by properties of replication: only the actions get the mutant, and what says who may act."""
    mutant = next(mutant for mutant in mutants_of_replication() if mutant.function == "holds")
    changed, original = protocol_of(mutant), PROTOCOLS["replication"]

    def claims(protocol: Protocol) -> dict[str, str]:
        return {each.name: repr(each.condition) for each in protocol.properties.values()}

    differing = {name for name, claim in claims(changed).items() if claim != claims(original)[name]}
    assert differing == {"what_is_replayed", "how_a_store_is_rebuilt"}
    assert all(map(original.says_when_enabled, differing))
    assert behaviour(changed) != behaviour(original)


def test_the_original_means_what_the_library_means() -> None:
    """Running a module's source gives the protocol that importing it gives."""
    for name, protocol in PROTOCOLS.items():
        original = original_of(name)
        assert behaviour(protocol_of(unmutated("m", original.path, original.source))) == behaviour(protocol)


def test_a_diff_shows_the_change_and_nothing_else(ticket: Report) -> None:
    """One line goes and one comes, in its surroundings."""
    row = by_change(ticket)["use", "drop-update", "used.next = True", "pass"]
    changed = [line for line in row.diff.splitlines() if line.startswith(("+", "-"))][2:]
    assert changed == ["-    used.next = True", "+    pass"]


def test_a_refuted_design_is_no_target() -> None:
    """Its mutants would tell nothing: it is refuted as it is."""
    with pytest.raises(UnusableInput, match="take the protocol it departs from, ingest"):
        target_of("gallery/get-then-set")


def test_a_protocol_that_does_not_hold_is_refused(tmp_path: Path) -> None:
    """Mutants are measured against an original that passes; otherwise everything would count as killed."""
    file = tmp_path / "broken.py"
    file.write_text(TICKET.read_text().replace("return sold | ~sold", "return ~sold"))
    with pytest.raises(UnusableInput, match="exploration fails without any mutant: violates sold_is_not_lost"):
        tried(str(file))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two-phase-commit", "migration"])
def test_a_sample_of_the_labs_mutants_is_killed_or_explained(name: str) -> None:
    """None that was killed comes alive, and what the ledger explains is as it says: `flk mutate --all` tries them all."""
    found = tried(name, Selection(sample=12, seed=10), read(LEDGERS))
    assert found.verdict is Verdict.HOLDS, [
        (row.id, row.diff) for row in found.rows if not row.killer and not row.reason
    ]
