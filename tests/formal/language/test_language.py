"""The language: what an author writes becomes a tree, and every mistake is answered with its line and the fix."""

import runpy
from pathlib import Path

import pytest

from flk.formal.explicit.explore import explore
from flk.formal.language import (
    ANY,
    BOOL,
    UNDEFINED,
    IllFormed,
    Protocol,
    Term,
    count,
    exists,
    forall,
    implies,
    integer,
    ite,
    require,
)
from flk.formal.language.nodes import Joined, Quantified, Read
from flk.formal.language.text import text, text_of_action
from flk.formal.library.catalogue import PROTOCOLS
from flk.spec.errors import UnusableInput

PREAMBLE = """\
from flk.formal.language import *
from flk.formal.language.sorts import INTEGER
p, q = Protocol("p", "A story."), Protocol("q", "Another.")
K, T, E = p.index("K", size=2), p.index("T", size=2, ordered=True), p.enum("E", "one", "two")
n = p.scalar("n", integer(0, 3), initially=0)
b = p.scalar("b", BOOL, initially=False)
c = p.scalar("c", BOOL, initially=False)
e = p.scalar("e", E, initially=E.one)
m = p.map("m", K, to=integer(0, 3), initially=0)
r = p.relation("r", K, K)
w = p.map("w", K, to=K, partial=True)
x = q.scalar("x", BOOL, initially=False)
"""

STEP = "@p.action(k=K, j=K, t=T)\ndef step(k, j, t):\n    "
CLAIM = "@p.always()\ndef claim():\n    "


def inside(line: str, *rest: str) -> str:
    """An action with a faulty line, marked."""
    return STEP + "\n    ".join((f"{line}  #!", *rest))


CONTROL_FLOW = {
    "if": (inside("if b:", "    n.next = 1"), "`if`", "require(c) for a guard, or ite(c, x, y)"),
    "elif": (
        STEP + "if False:\n        pass\n    elif b:  #!\n        pass",
        "`if`",
        "require(c) for a guard, or ite(c, x, y)",
    ),
    "while": (inside("while b:", "    pass"), "`while`", "an action is one step"),
    "a conditional expression": (inside("n.next = 1 if b else 0"), "`x if c else y`", "ite(c, x, y)"),
    "assert": (inside("assert b"), "`assert`", "require(c)"),
    "and": (inside("require(b and c)"), "`and`", "a & b, each side in parentheses"),
    "or": (inside("require(b or c)"), "`or`", "a | b, each side in parentheses"),
    "not": (inside("require(not b)"), "`not`", "~a"),
    "in a list": (inside("require(n in [1, 2])"), "`in`", "(a == b) | (a == c)"),
    "in a tuple of symbols": (inside("require(k in (j,))"), "`in`", "(a == b) | (a == c)"),
    "in a sort": (inside("require(k in K)"), "`in K`", "compare with == or use exists"),
    "in a map": (inside("require(k in m)"), "`in m`", "m.defined(...)"),
    "a chain of comparisons": (inside("require(0 < n < 3)"), "chain", "(a < b) & (b < c)"),
    "a chain with equality": (inside("require(0 <= n <= 3)"), "chain", "(a < b) & (b < c)"),
    "min": (inside("n.next = min(n, 2)"), "`max`, `min` or `sorted`", "ite(a < b, a, b)"),
    "max": (inside("n.next = max(n, m[k])"), "`max`, `min` or `sorted`", "ite(a < b, a, b)"),
    "sorted": (inside("sorted([n, m[k]])"), "`max`, `min` or `sorted`", "ite(a < b, a, b)"),
    "any": (inside("require(any([b, c]))"), "`any`", "exists(Sort, lambda x: ...)"),
    "all": (inside("require(all([b, c]))"), "`all`", "forall(Sort, lambda x: ...)"),
    "bool": (inside("bool(b)"), "no truth while tracing", "write require, ite"),
    "int": (inside("int(n)"), "no value while tracing", "index maps of the protocol"),
    "range": (inside("range(n)"), "no value while tracing", "index maps of the protocol"),
    "a list at a symbol": (inside("[1, 2][n]"), "no value while tracing", "index maps of the protocol"),
    "abs": (inside("abs(n)"), "abs of a symbol", "ite(a < 0, -a, a)"),
    "len of a map": (inside("len(m)"), "a loop over m", "forall, exists or count"),
    "a loop over a sort": (inside("for i in K:", "    pass"), "a loop over K", "forall(K, lambda x: ...)"),
    "a loop over a map": (inside("for i in m:", "    pass"), "a loop over m", "forall, exists or count"),
    "a loop over a symbol": (inside("for i in n:", "    pass"), "a loop over a symbol (n)", "forall, exists or count"),
    "sum of a map": (inside("sum(m)"), "a loop over m", "count"),
    "a symbol as a key": (inside("{k: 1}"), "as a key or in a set", "use a map of the protocol"),
    "a symbol in a set": (inside("{k, j}"), "as a key or in a set", "compare with =="),
    "a dictionary at a symbol": (inside("{1: 2}.get(n)"), "as a key or in a set", "use a map of the protocol"),
    "in the second line of a statement": (STEP + "require(\n        b and c  #!\n    )", "`and`", "a & b"),
    "in a lambda": (inside("require(forall(K, lambda i: b and c))"), "`and`", "a & b"),
    "a word in a comment does not mislead": (inside("require(0 < n < 3)  # if and or"), "chain", "(a < b) & (b < c)"),
}

SORTS = {
    "a number for a truth": (inside("require(b & n)"), "n is of sort 0..3", "compare it with == or <, in parentheses"),
    "a comparison without parentheses": (inside("require(n == 1 & b)"), "1 is of sort Int", "in parentheses"),
    "not of a number": (inside("require(~n)"), "~ takes truths", "compare it with =="),
    "a number required": (inside("require(n)"), "require takes truths", "compare it with =="),
    "a number implies": (inside("require(implies(n, b))"), "implies takes truths", "compare it with =="),
    "a number chosen by": (inside("n.next = ite(n, 1, 2)"), "ite takes truths", "compare it with =="),
    "a number for all": (inside("require(forall(K, lambda i: m[i]))"), "forall takes truths", "compare it with =="),
    "a number counted": (inside("n.next = count(K, lambda i: m[i])"), "count takes truths", "compare it with =="),
    "arithmetic on an index": (inside("n.next = k + 1"), "k is of sort K", "count(K, ...) gives a number"),
    "arithmetic on a truth": (inside("n.next = b + 1"), "b is of sort Bool", "use & | ~ on truths"),
    "a fraction": (inside("n.next = n / 2"), "no fractions", "write // to round down"),
    "a power": (inside("n.next = n ** 2"), "** on a symbol", "a * a"),
    "sorts compared": (inside("require(k == e)"), "E with K", "give a parameter over K"),
    "a member and a number compared": (inside("require(e == 1)"), "E with Int", "write E.one"),
    "no order on an index": (inside("require(k < j)"), "K has no order", "declare it ordered=True"),
    "no order on an enum": (inside("require(e < E.two)"), "E has no order", "only integers and ordered index sorts"),
    "no order on truths": (inside("require(b < c)"), "Bool has no order", "only integers and ordered index sorts"),
    "two sorts in a choice": (inside("n.next = ite(b, 1, E.one)"), "ite: 1 is of sort Int", "two of one sort"),
    "an index of another sort": (inside("require(r[k, t])"), "indexed by K, and t is of sort T", "a parameter over K"),
    "a number as an index": (inside("require(m[n] == 1)"), "n is of sort 0..3", "a parameter over K"),
    "an index of another sort, written": (inside("r.next[k, e] = True"), "e is of sort E", "a parameter over K"),
    "too few indices": (inside("require(r[k])"), "r takes 2 indices, not 1", "r[K, K]"),
    "too few indices, written": (inside("r.next[k] = True"), "r.next takes 2 indices, not 1", "r.next[K, K]"),
    "a number for a member": (inside("e.next = 1"), "e is of sort E, and 1 of Int", "write E.one"),
    "a number for a truth, written": (inside("b.next = n"), "b is of sort Bool", "True, False or a condition"),
    "a value outside of the bounds": (inside("n.next = 7"), "outside of 0..3", "widen its bounds"),
    "an unknown member": (inside("require(e == E.three)"), "no member three", "choose from one, two"),
    "a string for a member": (inside("require(e == 'one')"), "'one' is not a term", "Phase.working"),
    "a float": (inside("n.next = 1.5"), "1.5 is not a term", "in a smaller unit"),
    "None compared": (inside("require(w[k] == None)"), "None is not a term", "m.defined(...)"),
    "UNDEFINED compared": (inside("require(w[k] == UNDEFINED)"), "UNDEFINED is not a term", "m.defined(...)"),
    "None written": (inside("w.next[k] = None"), "None is not a term", "UNDEFINED"),
    "a whole map": (inside("require(r)"), "the map r is not a term", "read it at an index"),
    "a question not put": (inside("require(w.defined)"), "is not a term", "call it"),
    "all of a map read": (inside("require(r[k, :])"), "r[:] is read", "forall, exists or count over K"),
}

QUANTIFIERS = {
    "over all integers": (inside("require(forall(int, lambda i: b))"), "not a finite domain", "integer(low, high)"),
    "over a size": (inside("require(exists(2, lambda i: b))"), "exists over 2", "index sorts"),
    "over a pair": (inside("require(exists((K, K), lambda i, j: b))"), "exists over (K, K)", "then the body"),
    "over the sort of arithmetic": (inside("require(forall(INTEGER, lambda i: b))"), "forall over Int", "integer("),
    "without a function": (inside("require(forall(K, b))"), "forall", "a function of 1 argument"),
    "with too few arguments": (inside("require(forall(K, K, lambda i: b))"), "forall", "a function of 2 arguments"),
}

STATE = {
    "the next state read": (inside("require(b.next)"), "b.next is read", "can only be assigned"),
    "the next state of a map read": (inside("require(m.next[k] == 1)"), "m.next is read", "guard with m"),
    "the next state added to": (inside("m.next[k] += 1"), "m.next is read", "guard with m"),
    "the present assigned": (inside("m[k] = 1"), "m[...] is assigned", "m.next[...] = ..."),
    "a map without an index assigned": (inside("m.next = 1"), "m is a map", "m.next[:] = ..."),
    "a scalar assigned twice": (STEP + "n.next = 1\n    n.next = 2  #!", "assigned twice", "ite for a choice"),
    "a place assigned twice": (STEP + "m.next[k] = 1\n    m.next[k] = 2  #!", "assigned twice", "ite for a choice"),
    "a total variable undefined": (inside("n.next = UNDEFINED"), "cannot become undefined", "partial=True"),
    "a total map asked": (inside("require(m.defined(k))"), "always defined", "leave the question out"),
    "a total scalar asked": (inside("require(n.defined())"), "always defined", "leave the question out"),
    "a function for one place": (inside("r.next[k, j] = lambda i: True"), "is one place", "a function needs a :"),
    "a function of too few": (inside("r.next[k, :] = lambda: True"), "r.next[:]", "a function of 1 argument"),
    "an empty guard": (inside("require()"), "without a condition", "leave it out"),
    "a guard outside": ("require(b)  #!", "require outside of an action", "only read the state"),
    "an assignment outside": ("b.next = True  #!", "b.next outside of an action", "only read the state"),
    "a guard in a property": (CLAIM + "require(b)  #!\n    return b", "outside of an action", "only read"),
    "an assignment in a property": (CLAIM + "b.next = True  #!\n    return b", "outside of an action", "only read"),
    "another protocol's variable written": (
        "@p.action()\ndef go():  #!\n    x.next = True",
        "go writes x",
        "not a variable of p: declare it there",
    ),
    "another protocol's variable read": (
        "@p.action()\ndef go():  #!\n    require(x)",
        "go reads x",
        "not a variable of p: declare it there",
    ),
    "another protocol's variable claimed": ("@p.always()\ndef inv():  #!\n    return x", "inv reads x", "declare it"),
    "another protocol's sort": (
        "Z = q.index('Z')\np.map('y', Z, to=BOOL, initially=False)  #!",
        "y uses the sort Z",
        "declare it there",
    ),
    "another protocol's sort, bound": (
        "Z = q.index('Z')\n@p.always()\ndef inv():  #!\n    return forall(Z, lambda z: b)",
        "inv uses the sort Z",
        "declare it there",
    ),
}

ACTIONS = {
    "of one name": (
        "@p.action()\ndef go():\n    b.next = True\n@p.action()\ndef go():  #!\n    b.next = False",
        "two actions called go",
        "rename one",
    ),
    "with other parameters": ("@p.action(k=K)\ndef go(j):  #!\n    pass", "go takes (j)", "name the same"),
    "without parameters": ("@p.action(k=K)\ndef go():  #!\n    pass", "go takes ()", "name the same"),
    "over a number": ("@p.action(k=3)\ndef go(k):  #!\n    pass", "k is over 3", "give BOOL, integer(low, high)"),
    "over all integers": ("@p.action(k=INTEGER)\ndef go(k):  #!\n    pass", "k is over Int", "integer(low, high)"),
    "that return": ("@p.action()\ndef go():  #!\n    return b", "go returns b", "require or x.next = ..."),
    "without parentheses": ("@p.action\ndef go():  #!\n    pass", "@action above go", "@protocol.action()"),
}

PROPERTIES = {
    "of a number": ("@p.always()\ndef inv():  #!\n    return n", "always takes truths", "compare it with =="),
    "that return nothing": ("@p.never()\ndef inv():  #!\n    b & c", "None is not a term", "is a `return` missing?"),
    "with arguments": ("@p.always()\ndef inv(k):  #!\n    return b", "inv takes arguments", "bind with forall"),
    "of one name": (
        "@p.always()\ndef inv():\n    return b\n@p.always()\ndef inv():  #!\n    return b",
        "two properties called inv",
        "rename one",
    ),
    "without parentheses": ("@p.lemma\ndef inv():  #!\n    return b", "@lemma above inv", "@protocol.lemma()"),
    "of a requirement that is none": ("p.always(3)  #!", "given 3", "ids of requirements"),
    "without a conclusion": (
        "@p.leads_to(fair=())\ndef live():  #!\n    return b",
        "two conditions",
        "return premise, conclusion",
    ),
    "fair to no action": (
        "@p.leads_to(fair=('go',))\ndef live():  #!\n    return b, c",
        "no action is called go",
        "define actions before properties",
    ),
    "fair to a string": ("p.leads_to(fair='go')  #!", "fair='go'", "fair=('go',)"),
    "of many lines of decoration": (
        "@p.leads_to(\n    fair=('go',),\n)\ndef live():  #!\n    return b, c",
        "no action is called go",
        "define actions before",
    ),
    "assumed of a number": ("@p.assume\ndef begin():  #!\n    return n", "assume takes truths", "compare it with =="),
    "removed that are not there": ("p.without('nope')  #!", "neither action, property nor end nope", "choose from"),
}

DECLARATIONS = {
    "a size of 0": ("p.index('Z', size=0)  #!", "its size is 0", "an integer of 1 or more"),
    "a size that is a truth": ("p.index('Z', size=True)  #!", "its size is True", "an integer of 1 or more"),
    "a size in words": ("p.index('Z', size='2')  #!", "its size is '2'", "an integer of 1 or more"),
    "no members": ("p.enum('Z')  #!", "its members are ()", "at least one"),
    "a member twice": ("p.enum('Z', 'a', 'a')  #!", "('a', 'a')", "each once"),
    "a member that is no name": ("p.enum('Z', 'a b')  #!", "'a b' is not a name", "letters, digits"),
    "a member that Python keeps": ("p.enum('Z', 'in')  #!", "'in' is not a name", "letters, digits"),
    "a member that sorts keep": ("p.enum('Z', 'members')  #!", "already means something else", "another name"),
    "two sorts of one name": ("p.enum('E', 'a')  #!", "two sorts or variables called E", "rename one"),
    "a sort that is no name": ("p.enum('E F', 'a')  #!", "'E F' is not a name", "letters, digits"),
    "two variables of one name": (
        "p.scalar('n', BOOL, initially=False)  #!",
        "two sorts or variables called n",
        "rename one",
    ),
    "a variable called as a sort": ("p.relation('K', K)  #!", "two sorts or variables called K", "rename one"),
    "a variable that is no name": ("p.relation('my map', K)  #!", "'my map' is not a name", "letters, digits"),
    "no beginning": ("p.scalar('z', BOOL)  #!", "how does it begin?", "partial=True"),
    "partial with a beginning": (
        "p.scalar('z', BOOL, initially=False, partial=True)  #!",
        "begins undefined",
        "leave `initially` out",
    ),
    "a beginning of another sort": ("p.scalar('z', E, initially=0)  #!", "not a constant of sort E", "write E.one"),
    "a beginning that varies": ("p.scalar('z', BOOL, initially=b)  #!", "not a constant of sort Bool", "True"),
    "an element as a beginning": ("p.scalar('z', K, initially=0)  #!", "not a constant of sort K", "partial=True"),
    "a beginning out of bounds": (
        "p.scalar('z', integer(0, 2), initially=3)  #!",
        "outside of 0..2",
        "widen its bounds",
    ),
    "all integers": ("p.scalar('z', int, initially=0)  #!", "is not a sort", "integer(low, high)"),
    "the sort of arithmetic": ("p.scalar('z', INTEGER, initially=0)  #!", "unbounded domain", "integer(low, high)"),
    "bounds that are none": ("integer(0, None)  #!", "an unbounded domain", "give two integers"),
    "bounds that are fractions": ("integer(0, 2.5)  #!", "2.5", "give two integers"),
    "bounds the wrong way round": ("integer(3, 0)  #!", "has no values", "the lower bound first"),
    "a map without a domain": ("p.map('z', to=BOOL, initially=False)  #!", "needs a domain", "write scalar"),
    "a map over a number": ("p.map('z', 3, to=BOOL, initially=False)  #!", "3 is not a sort", "an index sort"),
}

MISTAKES = {
    f"{group}: {name}": mistake
    for group, mistakes in {
        "control flow": CONTROL_FLOW,
        "sorts": SORTS,
        "quantifiers": QUANTIFIERS,
        "state": STATE,
        "actions": ACTIONS,
        "properties": PROPERTIES,
        "declarations": DECLARATIONS,
    }.items()
    for name, mistake in mistakes.items()
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_with_its_file_its_line_and_the_fix(name: str, tmp_path: Path) -> None:
    """Each is found while the file is read, at the marked line of the author's own file."""
    code, what, fix = MISTAKES[name]
    file, lines = tmp_path / "author.py", (PREAMBLE + code).splitlines()
    file.write_text("\n".join(lines), "utf-8")
    (marked,) = (number for number, line in enumerate(lines, 1) if "#!" in line)
    with pytest.raises(IllFormed) as refused:
        runpy.run_path(str(file))
    place, message = str(refused.value).split(": ", 1)
    assert place == f"{file}:{marked}"
    assert what in message
    assert fix in message


def test_what_the_mistakes_are_made_in_is_right_without_them(tmp_path: Path) -> None:
    """The frame around the faulty lines is well formed, so it is they that are refused."""
    (tmp_path / "author.py").write_text(PREAMBLE + inside("require(b)") + "\n" + CLAIM + "return b", "utf-8")
    runpy.run_path(str(tmp_path / "author.py"))


def sample() -> Protocol:
    """A protocol with one of each thing."""
    protocol = Protocol("sample", "One of\n    each.", ("DUP-1",))
    key = protocol.index("Key", size=2)
    phase = protocol.enum("Phase", "idle", "busy")
    held = protocol.map("held", key, to=phase, initially=phase.idle)
    owner = protocol.scalar("owner", key, partial=True)
    level = protocol.scalar("level", integer(-1, 2), initially=ANY)

    @protocol.action(k=key)
    def take(k: Term) -> None:
        """Take
        it.
        """
        require((held[k] == phase.idle) & ~owner.defined(), level < 2)
        held.next[k] = phase.busy
        owner.next = k
        level.next = ite(level < 0, -level, level + 1)

    @protocol.action()
    def drop_all() -> None:
        require(exists(key, lambda k: held[k] == phase.busy))
        held.next[:] = phase.idle
        owner.next = UNDEFINED

    @protocol.may_stop()
    def full() -> Term:
        return level == 2

    @protocol.always("DUP-1")
    def one_owner() -> Term:
        """At most one is held."""
        return implies(owner.defined(), count(key, lambda k: held[k] == phase.busy) == 1)

    return protocol


def test_an_action_is_read_back_as_it_was_written() -> None:
    """The tree of an action, in infix form: conjuncts apart, in order, with the author's names."""
    protocol = sample()
    assert text_of_action(protocol.actions["take"]) == "\n".join(
        [
            "take(k: Key)",
            "  require held[k] = idle",
            "  require not defined(owner)",
            "  require level < 2",
            "  held[k] := busy",
            "  owner := k",
            "  level := if level < 0 then 0 - level else level + 1",
        ]
    )
    assert "held[i] := idle for all i" in text_of_action(protocol.actions["drop_all"])
    assert protocol.actions["take"].story == "Take it."
    assert protocol.story == "One of each."


def test_a_place_is_that_of_the_definition() -> None:
    """Actions and properties know the line of their `def`, below the decorator."""
    protocol = sample()
    for thing in (protocol.actions["take"], protocol.properties["one_owner"]):
        assert (
            Path(thing.file).read_text("utf-8").splitlines()[thing.line - 1].lstrip().startswith(f"def {thing.name}(")
        )


def test_the_same_text_gives_the_same_tree() -> None:
    """Bound names are numbered from 0 in every action and property, so trees compare."""
    one, other = sample(), sample()
    assert one.properties["one_owner"].condition == other.properties["one_owner"].condition
    assert one.actions["take"].updates == other.actions["take"].updates


def test_joining_flattens_and_quantifiers_nest() -> None:
    """`a & b & c` is one conjunction of three; a quantifier over two sorts is two, the first outermost."""
    protocol = Protocol("flat", "Flat.")
    key = protocol.index("Key")
    a, b, c = (protocol.scalar(name, BOOL, initially=False) for name in "abc")
    joined = (a & b & c).node
    assert isinstance(joined, Joined)
    assert [part.variable.name for part in joined.parts if isinstance(part, Read)] == ["a", "b", "c"]
    nested = forall(key, key, lambda i, j: (i == j) | a).node
    assert isinstance(nested, Quantified)
    assert isinstance(nested.body, Quantified)
    assert text(nested) == "forall i: forall j: i = j or a"


def test_a_term_shows_its_text() -> None:
    """What the author sees of a symbol is what was written."""
    protocol = Protocol("shown", "Shown.")
    n, b = protocol.scalar("n", integer(0, 3), initially=0), protocol.scalar("b", BOOL, initially=False)
    assert repr((n + 1) * 2 == 4) == "(n + 1) * 2 = 4"
    assert repr(~(b | (n != 2))) == "not (b or n != 2)"
    assert repr(6 // n - 7 % n) == "6 // n - 7 % n"
    assert repr(True & b) == "true and b"
    assert repr(n - (1 - n)) == "n - (1 - n)"
    assert repr(n - 1 - n) == "n - 1 - n"
    assert repr((b | (n == 1)) & ~(b & (n == 1))) == "(b or n = 1) and not (b and n = 1)"


def test_a_variant_replaces_adds_and_removes_and_leaves_its_base_alone() -> None:
    """It shares what it does not change; an action of a known name takes the place of the base's, once."""
    base = sample()
    variant = base.variant("other", "Changed.")

    @variant.action()
    def drop_all() -> None:
        """Nothing is dropped."""

    variant.without("take")
    assert set(base.actions) == {"take", "drop_all"}
    assert set(variant.actions) == {"drop_all"}
    assert variant.actions["drop_all"].updates == ()
    assert base.actions["drop_all"].updates != ()
    with pytest.raises(IllFormed, match="two actions called drop_all: rename one"):
        variant.action()(drop_all)


def test_removing_an_action_removes_its_fairness() -> None:
    """Progress properties no longer count on an action that is gone."""
    protocol = sample()
    protocol.leads_to(fair=("take", "drop_all"))(lambda: (True, True))
    protocol.without("take")
    assert protocol.properties["<lambda>"].fair == ("drop_all",)


def test_sizes_are_chosen_by_name_without_regard_to_case() -> None:
    """What is not chosen keeps its default; an unknown sort and a size of 0 are refused with the fix."""
    protocol = sample()
    assert protocol.sizes() == {"Key": 2}
    assert protocol.sizes({"key": 5}) == {"Key": 5}
    with pytest.raises(UnusableInput, match="no index sort region: choose from Key"):
        protocol.sizes({"region": 3})
    with pytest.raises(UnusableInput, match="leaves nothing to explore; give 1 or more"):
        protocol.sizes({"Key": 0})


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_of_the_lab_tells_its_story(name: str) -> None:
    """Protocols, actions and properties say in words what they are about."""
    protocol = PROTOCOLS[name]
    assert protocol.story
    assert all(action.story for action in protocol.actions.values())
    assert all(property_.story for property_ in protocol.properties.values())


def test_the_sample_explores() -> None:
    """What was written means something: a smoke test of the whole chain."""
    from flk.formal.explicit.engines.interpreted import search

    found = explore(sample(), search, "interpreter")
    assert found.verdict == "holds"
