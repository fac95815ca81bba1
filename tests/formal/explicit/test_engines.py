"""The fast engines agree with the interpreter in everything, on published protocols and on random ones."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from flk.formal.explicit import graph
from flk.formal.explicit.engines import (
    choose,
    coverage,
    edges,
    emitted,
    interpreted,
    jitted,
    runs,
    vectorised,
)
from flk.formal.explicit.engines.packed import Steps
from flk.formal.explicit.engines.program import Program
from flk.formal.explicit.engines.states import States
from flk.formal.explicit.engines.validation import validate
from flk.formal.explicit.engines.vector import Vectorised
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.layout import fingerprint
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Engine, Options, Search
from flk.formal.explicit.symmetry import Symmetry
from flk.formal.fuzzing.protocols import protocols
from flk.formal.language import ANY, BOOL, Protocol, Term, exists, forall, integer, require
from flk.formal.library.protocols.replication import protocol as replication
from flk.formal.library.protocols.two_phase_commit import protocol as two_phase_commit
from flk.spec import toolchain
from flk.spec.errors import UnusableInput

pytestmark = pytest.mark.slow

FAST = {"numpy": vectorised.search, "numba": jitted.search, "c": emitted.search}
PUBLISHED = {3: 288, 4: 1_568, 5: 8_832, 6: 50_816, 7: 296_448, 8: 1_745_408}


def drawn(examples: int) -> settings:
    """So many examples, however slow or large."""
    return settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True, scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What is compiled here is not kept for the user."""
    path = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(path))
        patch.setattr(emitted, "LONG", 0)  # less to do for the compiler
        yield path


def ground(protocol: Protocol, sizes: Mapping[str, int] | None = None) -> Ground:
    """The ground form at some sizes."""
    return Ground(Schema.of(protocol, sizes))


def agree(one: Search, other: Search) -> None:
    """Two searches saw the same."""
    for what in ("layers", "hashes", "transitions", "complete", "hits", "fault", "deadlock", "happened"):
        assert getattr(one, what) == getattr(other, what), what
    for depth in range(len(one.layers)):
        assert list(one.states(depth)) == list(other.states(depth))
    for hit in [*one.hits.values(), *filter(None, [one.fault, one.deadlock])]:
        if hit.depth:
            assert one.predecessor(hit.depth - 1, hit.state) == other.predecessor(hit.depth - 1, hit.state)


def contended() -> Protocol:
    """A lock whose holder is a value of the sort whose elements ask for it, with a matrix over two sorts: states of several words,
    and records of locks of two.
    """
    protocol = Protocol("contended", "Clients ask for locks.")
    client, lock = protocol.index("Client", 3), protocol.index("Lock", 2)
    holder = protocol.map("holder", lock, to=client, partial=True)
    asks = protocol.relation("asks", client, lock)
    trusts = protocol.relation("trusts", client, client)
    fortune = protocol.map("fortune", lock, to=integer(0, 1 << 30), initially=7)
    hoard = protocol.map("hoard", lock, to=integer(-(1 << 40), 1 << 40), initially=0)

    @protocol.action(c=client, k=lock)
    def ask(c: Term, k: Term) -> None:
        require(~asks[c, k])
        asks.next[c, k] = True

    @protocol.action(c=client, k=lock)
    def take(c: Term, k: Term) -> None:
        require(asks[c, k], ~holder.defined(k))
        holder.next[k] = c
        fortune.next[k] = fortune[k] * 2 % 1000
        hoard.next[k] = 3 - fortune[k]

    @protocol.action(c=client, d=client, k=lock)
    def entrust(c: Term, d: Term, k: Term) -> None:
        require(holder.defined(k), holder[k] == c, c != d, ~trusts[c, d])
        trusts.next[c, d] = True
        holder.next[k] = d

    @protocol.reachable()
    def everybody_trusts_somebody() -> Term:
        return forall(client, lambda c: exists(client, lambda d: trusts[c, d]))

    return protocol


@pytest.mark.parametrize("engine", [vectorised.search, emitted.search], ids=["numpy", "c"])
@pytest.mark.parametrize("symmetry", [False, True], ids=["all", "folded"])
def test_two_phase_commit_as_the_interpreter_sees_it(engine: Engine, symmetry: bool) -> None:
    """States, layers, hashes, transitions, hits and predecessors are the same, folded or not."""
    options = Options(symmetry=symmetry)
    agree(interpreted.search(ground(two_phase_commit), options), engine(ground(two_phase_commit), options))


@pytest.mark.parametrize("engine", FAST.values(), ids=FAST)
def test_values_of_a_permuted_sort_and_states_of_several_words(engine: Engine) -> None:
    """Permutations that are tried one by one, of states of four words and with records of two, give the interpreter's results."""
    options = Options(symmetry=True)
    subject = ground(contended(), {"Client": 2})
    program = Program.of(subject, symmetry=True)
    assert (program.words, program.records[0].words) == (4, 2)
    agree(interpreted.search(subject, options), engine(subject, options))


@pytest.mark.parametrize("engine", [vectorised.search, emitted.search], ids=["numpy", "c"])
@pytest.mark.parametrize("managers", [3, 5, 7, 8])
def test_published_counts_of_two_phase_commit(engine: Engine, managers: int) -> None:
    """The distinct states are as many as others have published."""
    assert sum(engine(ground(two_phase_commit, {"RM": managers}), Options()).layers) == PUBLISHED[managers]


@pytest.mark.thorough
def test_published_count_of_two_phase_commit_in_numba() -> None:
    """Numba's code finds the published number, too."""
    assert sum(jitted.search(ground(two_phase_commit, {"RM": 8}), Options()).layers) == PUBLISHED[8]


def test_published_count_of_nine_managers_in_c() -> None:
    """Ten million states are found."""
    assert sum(emitted.search(ground(two_phase_commit, {"RM": 9}), Options()).layers) == 10_340_352


@pytest.mark.parametrize("engine", [vectorised.search, emitted.search], ids=["numpy", "c"])
def test_fifteen_managers_folded(engine: Engine) -> None:
    """The number of orbits is published; there are 15! permutations, so nobody tried them all."""
    search = engine(ground(two_phase_commit, {"RM": 15}), Options(symmetry=True))
    assert sum(search.layers) == 16_336


@drawn(80)
@given(protocols())
def test_random_protocols_in_numpy(protocol: Protocol) -> None:
    """Whatever the protocol, faults and limits included, the NumPy engine reports what the interpreter does."""
    options = Options(max_states=60)
    agree(interpreted.search(ground(protocol), options), vectorised.search(ground(protocol), options))


@drawn(40)
@given(protocols(symmetric=True))
def test_random_protocols_folded(protocol: Protocol) -> None:
    """So it does where states are folded."""
    options = Options(max_states=60, symmetry=True)
    agree(interpreted.search(ground(protocol), options), vectorised.search(ground(protocol), options))


@drawn(12)
@given(protocols())
def test_random_protocols_in_c(protocol: Protocol) -> None:
    """So does the C engine."""
    options = Options(max_states=60)
    agree(interpreted.search(ground(protocol), options), emitted.search(ground(protocol), options))


@drawn(30)
@given(protocols(symmetric=True))
def test_what_is_printed_for_numba(protocol: Protocol) -> None:
    """Read as plain Python: compiling each takes seconds."""
    import numba

    options = Options(max_states=60, symmetry=True)
    expected = interpreted.search(ground(protocol), options)
    jitted._imported.cache_clear()
    with pytest.MonkeyPatch.context() as patch, np.errstate(over="ignore"):
        patch.setattr(numba.config, "DISABLE_JIT", True)
        agree(expected, jitted.search(ground(protocol), options))
    jitted._imported.cache_clear()


@pytest.mark.parametrize("name", FAST)
def test_random_states_are_stepped_as_the_interpreter_steps_them(name: str) -> None:
    """Most of the states cannot be reached."""
    kernel = {"numpy": Vectorised, "numba": jitted.Kernel, "c": emitted.Kernel}[name]
    subjects = ((two_phase_commit, 300), (contended(), 100), (replication, 150))
    for protocol, states in subjects[2 if name == "numba" else 0 :]:
        program = Program.of(ground(protocol), symmetry=False)
        result = validate(program, {name: kernel(program)}, states, seed=1)
        assert result.mismatch == ""
        assert result.comparisons >= states * len(program.ground.schema.instances)


def test_a_wrong_step_is_found_by_validation() -> None:
    """A single bit that is wrong in a single step is a mismatch."""

    class Wrong(vectorised.Kernel):
        def steps(self, states: States) -> Steps:
            steps = super().steps(states)
            steps.after[len(steps.after) // 2] ^= 1 << 62
            return steps

    program = Program.of(ground(two_phase_commit), symmetry=False)
    assert "numpy differs" in validate(program, {"numpy": Wrong(program)}, 20, seed=1).mismatch


@pytest.mark.parametrize("engine", [vectorised.search, emitted.search], ids=["numpy", "c"])
@pytest.mark.parametrize(
    ("protocol", "sizes"),
    [
        (two_phase_commit, {"RM": 6}),
        (replication, {"Segment": 1}),
        (replication, {"Region": 2, "Record": 2, "Stamp": 1}),
        (contended(), {}),
        (contended(), {"Client": 2, "Lock": 2}),
    ],
)
def test_orbits_sum_to_the_unfolded_count(engine: Engine, protocol: Protocol, sizes: dict[str, int]) -> None:
    """The states that stand for others stand for each state exactly once."""
    subject = ground(protocol, sizes)
    assert orbit_sum(subject, engine(subject, Options(symmetry=True))) == sum(engine(subject, Options()).layers)


def orbit_sum(subject: Ground, search: Search) -> int:
    """How many states the states of a folded search stand for."""
    symmetry = Symmetry.of(subject.schema, wanted=True)
    return sum(symmetry.orbit_size(state) for depth in range(len(search.layers)) for state in search.states(depth))


def test_the_orbit_sum_shows_a_wrong_canonical_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classic mistake: sorting by a part of the record."""
    monkeypatch.setattr(Vectorised, "_arranged", lambda self, words: [np.sort(word) for word in words])
    subject = ground(two_phase_commit, {"RM": 4})
    search = vectorised.search(subject, Options(symmetry=True, max_states=2000))
    assert orbit_sum(subject, search) != PUBLISHED[4]


@drawn(40)
@given(protocols(symmetric=True))
def test_sorted_records_are_the_least_image(protocol: Protocol) -> None:
    """Sorting what can be sorted gives what trying all permutations gives, and the tour passes all images."""
    schema = Schema.of(protocol)
    symmetry = Symmetry.of(schema, wanted=True)
    every = Symmetry.of(schema, wanted=True)
    every.__dict__["sorted"] = ()
    for step in range(20):
        state = tuple((step * 7 + position * 3) % cell.codes for position, cell in enumerate(schema.cells))
        images = {tuple(move.code(state) for move in moves) for moves in every.images}
        assert symmetry.canonical(state) == min(images)
        assert symmetry.orbit_size(state) == len(images)
        toured, image = {state}, state
        for exchange in every.tour:
            image = tuple(move.code(image) for move in every.exchanges[exchange])
            toured.add(image)
        assert toured == images


def test_a_search_stops_and_is_cut_short_like_the_interpreters() -> None:
    """A violation or a limit ends every engine's search at the same layer."""
    broken = two_phase_commit.variant("broken", "Managers abort whenever they like.")

    @broken.action(r=broken.sorts["RM"])
    def RMChooseToAbort(r: Term) -> None:  # noqa: N802 (the paper's name)
        from flk.formal.library.protocols.two_phase_commit import Manager, manager

        manager.next[r] = Manager.aborted

    for options in (Options(stop=True), Options(max_states=100), Options(stop=True, symmetry=True)):
        expected = interpreted.search(ground(broken), options)
        assert not expected.complete
        for engine in (vectorised.search, emitted.search):
            agree(expected, engine(ground(broken), options))


def test_many_states_to_begin_in() -> None:
    """A million candidates, of which an assumption leaves some, are no trouble."""
    protocol = Protocol("anywhere", "It begins anywhere but where the digits are equal.")
    digits = [protocol.scalar(name, integer(0, 99), initially=ANY) for name in "abc"]
    flag = protocol.scalar("flag", BOOL, initially=False)
    protocol.assume(lambda: digits[0] != digits[1])

    @protocol.action()
    def rise() -> None:
        require(digits[2] < 99)
        digits[2].next = digits[2] + 1
        flag.next = True

    for engine in (vectorised.search, emitted.search):
        assert engine(ground(protocol), Options()).layers == [990_000, 980_100]


def test_layers_are_told_as_they_end() -> None:
    """Progress names each layer once, with the states so far."""
    for engine in (vectorised.search, emitted.search):
        told: list[tuple[int, int]] = []
        search = engine(ground(two_phase_commit), Options(on_layer=lambda *layer, told=told: told.append(layer)))
        assert told == list(enumerate(np.cumsum(search.layers).tolist()))


def test_the_table_grows_and_threads_do_not_matter() -> None:
    """One, two or five threads find the same layers with the same hashes."""
    subject = ground(two_phase_commit, {"RM": 7})
    searches = [emitted.search(subject, replace(Options(), threads=threads)) for threads in (1, 2, 5)]
    assert len({(tuple(search.layers), tuple(search.hashes)) for search in searches}) == 1


@drawn(30)
@given(protocols())
def test_graphs_and_coverage_are_the_interpreters(protocol: Protocol) -> None:
    """Steps by number, and what fired, are those of the interpreter."""
    subject = ground(protocol)
    search = interpreted.search(subject, Options(max_states=60))
    if not search.complete:
        return
    fast = vectorised.search(subject, Options())
    expected = graph.interpreted(subject, search)
    for found in (edges.graph(subject, fast), edges.graph(subject, search)):
        assert list(found.states) == list(expected.states)
        assert steps(found) == steps(expected)
        assert (found.codes == expected.codes).all()
    covered = coverage.coverage(subject, fast)
    assert covered == coverage.coverage(subject, search)
    assert sum(action.fired for action in covered) == search.transitions


def steps(found: graph.Graph) -> list[tuple[int, int, int]]:
    """The steps of a graph, in order."""
    return sorted(zip(found.source.tolist(), found.target.tolist(), found.instance.tolist(), strict=True))


def test_conjuncts_that_never_decide_are_seen() -> None:
    """A conjunct that is never false where it is read shows as such."""
    protocol = Protocol("shadowed", "The second conjunct is only read where it holds.")
    level = protocol.scalar("level", integer(0, 3), initially=0)

    @protocol.action()
    def climb() -> None:
        require(level < 3, level != 3)
        level.next = level + 1

    @protocol.action()
    def rest() -> None:
        """It has no guard, so it always happens."""

    subject = ground(protocol)
    climbing, resting = coverage.coverage(subject, vectorised.search(subject, Options()))
    assert resting == coverage.ActionCoverage("rest", 4, ())
    assert climbing.fired == 3
    assert [(c.text, c.seen_true, c.seen_false) for c in climbing.conjuncts] == [
        ("level < 3", True, True),
        ("level != 3", True, False),
    ]


def test_equal_fingerprints_are_not_taken_for_equal_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a fingerprint of two bits the search is as exact as ever."""
    monkeypatch.setattr(runs, "fingerprints", lambda states: (states[:, 0] & 3).astype(np.uint64))
    subject = ground(contended(), {"Client": 2})
    agree(interpreted.search(subject, Options()), vectorised.search(subject, Options()))


def test_fingerprints_of_arrays_are_those_of_the_layout() -> None:
    """Arrays of states hash as single states do."""
    from flk.formal.explicit.engines.states import fingerprints

    states = np.array([[0, 0], [1, 2], [(1 << 63) - 1, 5]], np.int64)
    assert fingerprints(states).tolist() == [fingerprint(row) for row in states.tolist()]


def test_auto_takes_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """C, else Numba, else NumPy; a named engine that is not there is refused with the fix."""
    assert choose.choose().name == "c"
    monkeypatch.setattr(toolchain, "compiler", lambda: None)
    assert choose.choose().name == "numba"
    with pytest.raises(UnusableInput, match="install gcc"):
        choose.choose("c")
    with pytest.raises(UnusableInput, match="no C compiler"):
        emitted.search(ground(two_phase_commit), Options())
    monkeypatch.setattr(jitted, "available", lambda: False)
    assert choose.choose().name == "numpy"
    with pytest.raises(UnusableInput, match="pip install numba"):
        choose.choose("numba")
    with pytest.raises(UnusableInput, match="none of that name"):
        choose.choose("fortran")


def test_arithmetic_beyond_64_bits_is_refused() -> None:
    """What would wrap is not computed."""
    protocol = Protocol("astronomic", "It squares large numbers.")
    large = protocol.scalar("large", integer(0, 1 << 40), initially=0)

    @protocol.action()
    def square() -> None:
        large.next = large * large

    with pytest.raises(UnusableInput, match="beyond 64 bits"):
        vectorised.search(ground(protocol), Options())


def test_too_many_instances_are_refused() -> None:
    """Their numbers are kept in sixteen bits."""
    protocol = Protocol("busy", "It can do very much.")
    thing = protocol.index("Thing", 300)
    seen = protocol.relation("seen", thing)

    @protocol.action(a=thing, b=thing)
    def look(a: Term, b: Term) -> None:
        seen.next[a] = seen[b]

    with pytest.raises(UnusableInput, match="90000 instances"):
        vectorised.search(ground(protocol), Options())


def test_too_many_permutations_are_refused() -> None:
    """Twelve elements that are values have more permutations than anybody tries."""
    with pytest.raises(UnusableInput, match="permutations are too many"):
        vectorised.search(ground(contended(), {"Client": 12}), Options(symmetry=True))


def test_what_does_not_compile_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler's complaint reaches the user."""
    monkeypatch.setattr(emitted, "print_c", lambda program: "not C")
    with pytest.raises(UnusableInput, match="fails"):
        emitted.search(ground(two_phase_commit), Options())


def test_what_was_compiled_is_kept(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same protocol is not compiled twice."""
    emitted.search(ground(two_phase_commit), Options())
    assert list(toolchain.directory().glob("*.so"))
    assert kept in toolchain.directory().parents
    monkeypatch.setattr("subprocess.run", None)
    emitted.search(ground(two_phase_commit), Options())


def test_without_a_cache_directory_there_is_one_for_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file stands where the user's cache should be."""
    (tmp_path / "taken").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "taken"))
    assert toolchain.directory().is_dir()
    assert toolchain.directory() == toolchain.directory()
