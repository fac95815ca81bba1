"""Explorations as people and programs read them."""

from io import StringIO
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console, RenderableType
from tests.formal.explicit.test_liveness import cases
from tests.support.formal import expressions
from tests.support.formal.expressions import Tree
from tests.support.formal.lassos import Case

from flk.formal.explicit.engines.coverage import ActionCoverage, Conjunct, coverage
from flk.formal.explicit.engines.interpreted import search
from flk.formal.explicit.explore import Explored, Finding, explore
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Fault, Interpreter
from flk.formal.explicit.schema import Schema, State
from flk.formal.explicit.search import Options
from flk.formal.language import ANY, BOOL, Protocol, Term, exists, forall, implies, integer, require
from flk.formal.library.catalogue import protocols
from flk.formal.library.gallery import DESIGNS
from flk.formal.library.protocols.two_phase_commit import protocol as two_phase_commit
from flk.formal.reports import covered, facts, page
from flk.formal.reports.changes import ending, rows, summary_of
from flk.formal.reports.drawing import svg
from flk.formal.reports.lanes import lane_sort
from flk.formal.reports.listing import headline, listing, ruling
from flk.formal.reports.plain import diagram, markdown
from flk.formal.reports.reason import reason
from flk.formal.reports.statistics import BARS, figures, sparkline
from flk.formal.reports.terminal import rendered, violations
from flk.spec.errors import UnusableInput
from flk.spec.requirements import catalogue


def shown(part: RenderableType, width: int = 140) -> str:
    """What a terminal shows, without colours."""
    screen = StringIO()
    Console(file=screen, width=width, highlight=False).print(part)
    return screen.getvalue()


def post(*, fair: tuple[str, ...] = ("tick",)) -> Protocol:
    """Servers send each other letters, read them, and are all struck by a storm."""
    protocol = Protocol("post", "Letters go from server to server. A storm takes them all.")
    server = protocol.index("Server", size=3)
    bag = protocol.relation("bag", server, server)
    read = protocol.relation("read", server)
    storms = protocol.scalar("storms", integer(0, 1), initially=0)
    clock = protocol.scalar("clock", BOOL, initially=False)

    @protocol.action(a=server, b=server)
    def send(a: Term, b: Term) -> None:
        """A letter falls into the bag of the other."""
        require(a != b, ~bag[b, a])
        bag.next[b, a] = True

    @protocol.action(b=server)
    def open_bag(b: Term) -> None:
        """All letters are read."""
        require(exists(server, lambda a: bag[b, a]))
        bag.next[b, :] = False
        read.next[b] = True

    @protocol.action()
    def storm() -> None:
        """All letters are lost, once."""
        require(storms < 1)
        storms.next = storms + 1
        bag.next[:, :] = False

    @protocol.action()
    def tick() -> None:
        """Time passes."""
        clock.next = ~clock

    @protocol.never("DUP-1")
    def struck_after_reading() -> Term:
        """A storm after somebody read < anything & everything."""
        return (storms == 1) & exists(server, lambda s: read[s])

    @protocol.lemma()
    def nobody_reads() -> Term:
        """False, and only a lemma."""
        return forall(server, lambda s: ~read[s])

    @protocol.leads_to(fair=fair)
    def letters_are_read() -> tuple[Term, Term]:
        """Who has a letter reads it."""
        return exists(server, server, lambda a, b: bag[a, b]), exists(server, lambda s: read[s])

    return protocol


SCHEMA = Schema.of(post())
T, N, H = expressions.TRUTH, expressions.NUMBER, expressions.HELD
FOUND = explore(SCHEMA.protocol, search, "interpreter")


def finding(name: str, found: Explored = FOUND) -> Finding:
    """What was found of a property."""
    return next(each for each in found.findings if each.property == name)


@settings(max_examples=60)
@given(cases())
def test_the_changes_of_a_path_tell_all_of_it(case: Case) -> None:
    """From the initial state, the changes of each row lead to the state after it; what did not change is not mentioned."""
    protocol = case.protocol()
    schema = Schema.of(protocol)
    (found,) = explore(protocol, search, "interpreter").findings
    if found.path is None:
        return
    for row, (before, after) in zip(rows(schema, found.path), pairwise(found.path.moves), strict=True):
        now = {str(cell): schema.describe(cell, code) for cell, code in zip(schema.cells, before.state, strict=True)}
        assert all(now[str(change.cell)] == change.before != change.after for change in row.changes)
        now |= {str(change.cell): change.after for change in row.changes}
        then = {str(cell): schema.describe(cell, code) for cell, code in zip(schema.cells, after.state, strict=True)}
        assert now == then
        assert row.shown == after.shown


def test_a_state_in_short() -> None:
    """What is false, 0 or undefined is left out; what is the same all over is said once."""
    schema = Schema.of(two_phase_commit)
    (initial,) = Interpreter(schema).initial_states()
    assert summary_of(schema, initial) == ["manager = working everywhere", "decision = open"]
    path = finding("struck_after_reading").path
    assert path is not None
    assert summary_of(SCHEMA, path.moves[2].state) == ["read[server3] = true"]


def test_the_table_of_changes_in_markdown() -> None:
    """One row for each step, from the initial state, with only the cells that changed."""
    path = finding("struck_after_reading").path
    assert path is not None
    assert markdown(SCHEMA, path).splitlines() == [
        "| step | action | changes |",
        "|---|---|---|",
        "| 0 | *initially* | everything is false, 0 or undefined |",
        "| 1 | `send(server2, server3)` | bag[server3, server2]: false → true |",
        "| 2 | `open_bag(server3)` | bag[server3, server2]: true → false<br>read[server3]: false → true |",
        "| 3 | `storm()` | storms: 0 → 1 |",
    ]


def test_the_sequence_diagram_in_text() -> None:
    """A letter goes from the one who sends to the one whose bag changes; a storm strikes all lanes."""
    path = finding("struck_after_reading").path
    assert path is not None
    assert diagram(SCHEMA, path, lane_sort(SCHEMA.protocol)) == [
        "    server1    server2    server3",
        "1      │          ●─────────▶│   send(server2, server3)",
        "2      │          │          ●   open_bag(server3)",
        "3      ╪══════════╪══════════╪   storm()",
    ]


def test_what_is_taken_goes_to_the_one_who_takes_it() -> None:
    """Where a step changes only the lane of its first parameter, the arrow leads there from that of the second."""
    protocol = Protocol("mirror", "A server copies from another.")
    server = protocol.index("Server", size=2)
    full = protocol.relation("full", server, initially=ANY)
    protocol.assume(lambda: exists(server, server, lambda a, b: full[a] & ~full[b]))

    @protocol.action(a=server, b=server)
    def fetch(a: Term, b: Term) -> None:
        require(full[b], ~full[a])
        full.next[a] = True

    protocol.never()(lambda: forall(server, lambda s: full[s]))
    schema = Schema.of(protocol)
    path = explore(protocol, search, "x").findings[0].path
    assert path is not None
    assert diagram(schema, path, lane_sort(protocol)) == [
        "    server1    server2",
        "1      │◀─────────●   fetch(server1, server2)",
    ]
    drawing = ElementTree.fromstring(svg(schema, path, lane_sort(protocol)))
    (arrow,) = drawing.iter("{http://www.w3.org/2000/svg}polygon")
    (dot,) = drawing.iter("{http://www.w3.org/2000/svg}circle")
    assert float(arrow.get("points", "").split(",")[0]) < float(dot.get("cx", ""))


def test_a_lasso_in_text() -> None:
    """The steps of the cycle are marked, and it is said which come again."""
    path = finding("letters_are_read").path
    assert path is not None
    drawn = diagram(SCHEMA, path, lane_sort(SCHEMA.protocol))
    assert drawn[1].startswith("1   ")
    assert drawn[2:] == [
        "2 ↻    ╪══════════╪══════════╪   tick()",
        "3 ↻    ╪══════════╪══════════╪   tick()",
        "       ┊          ┊          ┊   and steps 2 to 3 again, for ever",
    ]
    assert "| 2 ↻ | `tick()` |" in markdown(SCHEMA, path)


@pytest.mark.slow
def test_a_lasso_in_which_nothing_happens() -> None:
    """A state in which nothing fair can happen may be the last."""
    protocol = post(fair=())
    path = finding("letters_are_read", explore(protocol, search, "interpreter")).path
    assert path is not None
    assert ending(path) == "and nothing else happens"
    assert diagram(Schema.of(protocol), path, lane_sort(protocol))[-1].endswith("and nothing else happens")
    assert "↻" in svg(Schema.of(protocol), path, lane_sort(protocol))


def test_lanes_are_those_of_the_sort_that_most_actions_are_about() -> None:
    """Or of the one that is asked for, or that the protocol chooses; a sort that is not there is refused with those that are."""
    audit = protocols()["audit"]
    chosen = lane_sort(audit)
    assert chosen is not None
    assert chosen.name == "Task"
    worker = lane_sort(audit, "worker")
    assert worker is not None
    assert worker.name == "Worker"
    own = audit.variant("own", "It chooses.")
    own.lanes = worker
    assert lane_sort(own.variant("heir", "It inherits.")) is worker
    with pytest.raises(UnusableInput, match="post has no sort Region: choose lanes from Server"):
        lane_sort(SCHEMA.protocol, "Region")
    assert lane_sort(Protocol("none", "No sorts.")) is None


def test_a_protocol_without_lanes_has_one() -> None:
    """It is called as the protocol, and all happens there."""
    protocol = Protocol("lonely", "One number.")
    n = protocol.scalar("n", integer(0, 1), initially=0)

    @protocol.action()
    def up() -> None:
        require(n == 0)
        n.next = 1

    protocol.never()(lambda: n == 1)
    path = explore(protocol, search, "x").findings[0].path
    assert path is not None
    assert diagram(Schema.of(protocol), path, lane_sort(protocol)) == ["    lonely", "1      ●   up()"]


@pytest.mark.parametrize("name", ["struck_after_reading", "letters_are_read"])
def test_the_drawing_is_one_svg_element_that_needs_nothing_else(name: str) -> None:
    """Well formed; each step is there with its changes and, to be pointed at, the whole state after it."""
    path = finding(name).path
    assert path is not None
    root = ElementTree.fromstring(svg(SCHEMA, path, lane_sort(SCHEMA.protocol)))
    space = "{http://www.w3.org/2000/svg}"
    texts = [element.text for element in root.iter(f"{space}text")]
    for row in rows(SCHEMA, path):
        assert {row.shown, *map(str, row.changes)} <= set(texts)
    titles = [element.text or "" for element in root.iter(f"{space}title")]
    assert [title.splitlines()[0] for title in titles] == [f"after step {n}" for n in range(len(path.moves))]
    assert {"server1", "server2", "server3"} <= set(texts)
    assert (len(list(root.iter(f"{space}polyline"))) == 1) == (path.loop is not None)
    width = float(root.get("viewBox", "").split()[2])
    assert all(float(element.get("x", 0)) < width for element in root.iter(f"{space}text"))


@pytest.mark.slow
@settings(max_examples=200)
@given(expressions.truths(0, 3), st.data())
def test_a_reason_is_true_of_the_state(tree: Tree, data: st.DataObject) -> None:
    """The deciding part, with the values given to its locals, has the truth that is said, and the cells hold what is said."""
    schema = Schema.of(expressions.PROTOCOL)
    state: State = data.draw(st.tuples(*(st.integers(0, cell.codes - 1) for cell in schema.cells)))
    interpreter, node = Interpreter(schema), expressions.lifted(tree)
    try:
        holds = bool(interpreter.evaluate(node, state, {}))
    except Fault:
        return
    settled = reason(interpreter, node, state)
    cells = {f"{cell} = {schema.describe(cell, code)}" for cell, code in zip(schema.cells, state, strict=True)}
    assert set(settled.cells) <= cells
    if not settled.given and settled.part == repr(expressions.term(tree)):
        assert settled.holds == holds


def test_a_reason_names_who_it_was() -> None:
    """Quantifiers are followed to the values that settle them, negations through them."""
    path = finding("struck_after_reading").path
    assert path is not None
    condition = SCHEMA.protocol.properties["struck_after_reading"].condition
    settled = reason(Interpreter(SCHEMA), condition, path.moves[-1].state)
    assert (settled.given, settled.holds) == ((), True)
    lemma = finding("nobody_reads").path
    assert lemma is not None
    settled = reason(Interpreter(SCHEMA), SCHEMA.protocol.properties["nobody_reads"].condition, lemma.moves[-1].state)
    assert str(settled) == "for s = server3: false is not read[s], as read[server3] = true"


REASONS = {
    # What is asked in a state with truth, number = 1, here = key2, held[key1] = 2 and held[key2] = 0; what settles it.
    "a conjunction fails by its first false part": (T & (N == 0) & (N == 2), "false is number = 0, as number = 1"),
    "a conjunction holds by all its parts": (T & (N == 1), "true is truth and number = 1, as truth = true, number = 1"),
    "a disjunction holds by its first true part": ((N == 0) | T | (N == 1), "true is truth, as truth = true"),
    "a disjunction fails by all its parts": (
        (N == 0) | ~T,
        "false is number = 0 or not truth, as number = 1, truth = true",
    ),
    "negation is seen through": (~(T & (N == 0)), "false is number = 0, as number = 1"),
    "negation of all parts is not": (
        ~((N == 0) | ~T),
        "true is not (number = 0 or not truth), as number = 1, truth = true",
    ),
    "for all fails by the first for whom it does": (
        forall(expressions.KEY, lambda k: H[k] == 2),
        "for k = key2: false is held[k] = 2, as held[key2] = 0",
    ),
    "for all holds by all": (forall(expressions.KEY, lambda k: H[k] < 3), "true is forall k: held[k] < 3"),
    "some holds by the first for whom it does": (
        exists(expressions.KEY, lambda k: H[k] < 3),
        "for k = key1: true is held[k] < 3, as held[key1] = 2",
    ),
    "an implication fails as a whole": (
        forall(expressions.KEY, lambda k: implies(T, H[k] == 2)),
        "for k = key2: false is not truth or held[k] = 2, as truth = true, held[key2] = 0",
    ),
    "a computed index is followed": (
        H[expressions.HERE] == 1,
        "false is held[here] = 1, as here = key2, held[key2] = 0",
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_a_reason_is_the_innermost_part_that_settles_it(name: str) -> None:
    """Connective by connective."""
    condition, said = REASONS[name]
    schema = Schema.of(expressions.PROTOCOL)
    values = {"number": 1, "truth": 1, "here": 1, "held[key1]": 2, "held[key2]": 0}
    state = tuple(values.get(str(cell), cell.low) - cell.low for cell in schema.cells)
    assert str(reason(Interpreter(schema), condition.node, state)) == said


def test_the_screen_shows_the_shortest_violation_and_names_the_others() -> None:
    """A property before a lemma, the shortest path first; -v shows all of them."""
    screen = shown(rendered(SCHEMA, FOUND))
    assert "✗ violated" in screen
    assert "letters_are_read is violated, for ever" in screen or "struck_after_reading is violated after 3" in screen
    assert "nobody_reads is violated after" not in screen
    assert "-v shows how" in screen
    assert "nobody_reads" in screen.split("-v shows how")[1]
    everything = shown(rendered(SCHEMA, FOUND, verbose=True, lanes=""))
    for title in ("struck_after_reading is violated after 3 steps", "nobody_reads is violated after 2 steps"):
        assert title in everything
    assert "╪══════════╪" in everything
    first = violations(FOUND, "nobody_reads")[0]
    assert first.property == "nobody_reads"


def test_the_screen_of_a_search_that_was_cut_short_says_so_once() -> None:
    """Not beside each property that is left undecided."""
    found = explore(two_phase_commit, search, "interpreter", options=Options(max_states=5))
    screen = " ".join(shown(rendered(Schema.of(two_phase_commit), found)).split())
    assert screen.count("the search was cut short") == 1
    assert "? undecided" in screen


def test_a_fault_is_shown_with_the_way_to_it() -> None:
    """What is wrong, and the steps that lead there."""
    protocol = Protocol("faulty", "It overflows.")
    n = protocol.scalar("n", integer(0, 1), initially=0)

    @protocol.action()
    def up() -> None:
        n.next = n + 1

    screen = shown(rendered(Schema.of(protocol), explore(protocol, search, "interpreter")))
    assert "a fault, after 1 step" in screen
    assert "up(): n := n + 1: n would become 2, outside of 0..1" in screen
    assert "no properties: nothing else is claimed" in screen


@given(st.lists(st.integers(1, 10**9), min_size=5, max_size=100), st.integers(1, 12))
def test_the_sparkline_fits_and_its_highest_bar_is_full(layers: list[int], width: int) -> None:
    """No more bars than asked for; the largest sum of layers is a full bar."""
    line = sparkline(layers, width)
    assert len(line) <= width
    assert BARS[-1] in line
    assert len(sparkline(layers, len(layers))) == len(layers)


def test_figures_say_what_was_counted() -> None:
    """States, steps, depth, width, size and speed."""
    said = dict(figures(explore(two_phase_commit, search, "interpreter")))
    assert said["states"] == "288"
    assert said["transitions"] == "1,145"
    assert said["depth"] == "10, widest at 5 with 54 states"
    assert "states/s" in said["time"]
    cut = dict(figures(explore(two_phase_commit, search, "interpreter", options=Options(max_states=2))))
    assert cut["states"] == "8, not all"
    assert cut["steps from a state"] == "7.00 on average"


def test_the_coverage_table_marks_what_never_happens_and_what_decides_nothing() -> None:
    """Never fired, never true, never false, never looked at."""
    parts = (
        Conjunct("a", True, True),
        Conjunct("b", True, False),
        Conjunct("c", False, True),
        Conjunct("d", False, False),
    )
    lines = list(covered.lines([ActionCoverage("go", 0, parts), ActionCoverage("stay", 1234, ())]))
    assert [line.remark for line in lines] == ["never happens", "never false", "never true", "never looked at", ""]
    assert [line.fired for line in lines] == ["0", "", "", "", "1,234"]
    screen = shown(covered.table([ActionCoverage("go", 0, parts)]))
    assert "never happens" in screen


@pytest.mark.slow
def test_facts_for_programs_can_be_walked() -> None:
    """JSON: states as objects from cell to value; each step says what it changed; a lasso's loop closes."""
    told = msgspec.json.decode(msgspec.json.encode(facts.facts(SCHEMA, FOUND, everything())))
    assert (told["verdict"], told["exit"], told["complete"]) == ("violated", 1, True)
    assert told["violations"] == ["struck_after_reading", "nobody_reads", "letters_are_read"]
    assert told["states"] == sum(told["layers"]) == FOUND.states
    assert [int(each, 16) for each in told["hashes"]] == list(FOUND.hashes)
    assert {action["action"] for action in told["coverage"]} == {"send", "open_bag", "storm", "tick"}
    (struck,) = (each for each in told["findings"] if each["property"] == "struck_after_reading")
    assert struck["requirements"] == ["DUP-1"]
    (lasso,) = (each["path"] for each in told["findings"] if each["property"] == "letters_are_read")
    states = [lasso["initial"]]
    for step in lasso["steps"]:
        states.append(states[-1] | step["changes"])
    assert states[-1] == states[lasso["loop"]]
    assert states[-1]["clock"] in {"true", "false"}


def everything() -> covered.Coverage:
    """The coverage of the whole search."""
    ground = Ground(SCHEMA)
    return coverage(ground, search(ground, Options()))


@pytest.mark.slow
def test_the_page_needs_nothing_else_and_says_all() -> None:
    """No script, no network; figures, verdicts, drawings, coverage; the same text every time; an author's words are escaped."""
    text = page.html(SCHEMA, FOUND, everything())
    assert text == page.html(SCHEMA, FOUND, everything())
    for foreign in ("<script", "http://", "https://", "@import"):
        assert foreign not in text.replace("http://www.w3.org/2000/svg", "")
    assert text.count("<svg") == sum(f.path is not None for f in FOUND.findings)
    assert "somebody read &lt; anything &amp; everything" in text
    for word in ("struck_after_reading is violated after 3 steps", "Coverage", "open_bag(server3)"):
        assert word in text


def test_a_page_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """With the file and the fix."""
    with pytest.raises(UnusableInput, match="name a file in a directory that exists"):
        page.write(tmp_path / "nowhere" / "page.html", "text")


def test_the_listing_names_every_protocol_and_design() -> None:
    """Each with the first sentence of its story and the sizes that can be chosen."""
    screen = shown(listing(protocols()), 200)
    assert all(name in screen for name in protocols())
    assert headline(two_phase_commit) == "Resource managers prepare or abort on their own."
    assert "rm=3" in screen


@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_is_ruled_out_in_full(name: str) -> None:
    """The requirements are in the catalogue, and are quoted."""
    known = {one.id: one for one in catalogue()}
    design = DESIGNS[name]
    assert set(design.rules_out) <= set(known)
    told = ruling(design)
    assert all(f"{one} ({known[one].level}): {known[one].text}" in told for one in design.rules_out)
