"""A program as one file of C: what its protocol says, and then the search of `search.c`."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import groupby

from flk.formal.explicit.engines.dialects import C
from flk.formal.explicit.engines.printer import Effect, Scope, indented, together
from flk.formal.explicit.engines.program import Program, Records
from flk.formal.explicit.expression import Expression
from flk.formal.explicit.ground import GroundInstance
from flk.formal.explicit.layout import Field
from flk.formal.language.text import text_of_action

DIALECT = C()

HEAD = """#include <stddef.h>
#include <stdint.h>

static inline int64_t population(int64_t word) { return __builtin_popcountll((unsigned long long)word); }
static inline int64_t floor_quotient(int64_t a, int64_t b) { return b ? a / b - (a % b != 0 && (a < 0) != (b < 0)) : 0; }
static inline int64_t floor_remainder(int64_t a, int64_t b) { return b ? a % b + (a % b != 0 && (a < 0) != (b < 0) ? b : 0) : 0; }
"""


def print_c(program: Program) -> str:
    """The file."""
    search = files("flk.formal.explicit.engines").joinpath("search.c").read_text("utf-8")
    return "\n".join([*_heading(program), *_steps(program), *_symmetry(program), *_goals(program), search])


def print_values(program: Program, expressions: Sequence[Expression]) -> str:
    """A file whose `values` computes some expressions in many states."""
    scope = _scope(program, expressions)
    results = [scope.text(e) for e in expressions]
    count, words = len(expressions), program.words
    body = [f"    to[at * {count} + {n}] = {text};" for n, text in enumerate(results)]
    return "\n".join(
        [
            HEAD,
            "void values(const int64_t *from, size_t count, int64_t *to) {",
            "  for (size_t at = 0; at < count; at++) {",
            *_unpacked(program, f"(from + at * {words})"),
            *indented(scope.lines, 2),
            *body,
            "  }",
            "}",
            "",
        ]
    )


def _heading(program: Program) -> Iterator[str]:
    schema = program.ground.schema
    yield f"/* Explores the protocol {schema.protocol.name} at {schema.sizes or 'its only size'}.\n *\n * The fields of a state:"
    for cell, field in zip(schema.cells, program.layout.fields, strict=True):
        if field.bits:
            yield f" *   w{field.word}, bits {field.shift + field.bits - 1:2}..{field.shift:2}  {cell}"
    yield " */"
    yield HEAD
    yield f"#define WORDS {program.words}"
    yield f"#define INSTANCES {len(program.instances)}"
    yield f"#define GOALS {len(program.goals)}\n"


def _steps(program: Program) -> Iterator[str]:
    """A function for each action; each appends the states after its instances, and the instances' numbers."""
    calls: list[str] = []
    numbered = enumerate(program.instances)
    for name, group in groupby(numbered, key=lambda pair: pair[1].instance.action.name):
        calls.append(f"  out = step_{name}(s, out, &which, faulty);")
        comment = text_of_action(program.ground.schema.protocol.actions[name]).splitlines()
        yield "\n * ".join(["/* " + comment[0], *comment[1:]]) + " */"
        yield f"static inline int64_t *step_{name}(const int64_t *s, int64_t *out, uint16_t **which, int *faulty) {{"
        yield "  (void)faulty;"
        yield from _unpacked(program, "s")
        yield from _instances(program, list(group))
        yield "  return out;\n}\n"
    yield "/* Writes the states after all steps of a state, and the numbers of their instances. Returns how many there are. */"
    yield "static size_t successors(const int64_t *s, int64_t *out, uint16_t *which, int *faulty) {"
    yield "  uint16_t *const first = which;"
    yield from calls
    yield "  return (size_t)(which - first);\n}\n"


def _instances(program: Program, group: Sequence[tuple[int, GroundInstance]]) -> Iterator[str]:
    guards = [expression for _, ground in group for expression in (ground.enabled, ground.undefined)]
    scope = _scope(program, guards)
    for number, ground in group:
        yield f"  /* {ground.instance} */"
        undefined = scope.unless_false(ground.undefined)
        enabled = scope.text(ground.enabled)
        yield from indented(scope.taken(), 2)
        if undefined:
            yield f"  if ({undefined}) *faulty = 1;"
        yield f"  if ({enabled}) {{"
        yield from indented(_effect(number, scope.effect(ground, program.words)), 4)
        yield "  }"


def _effect(number: int, effect: Effect) -> Iterator[str]:
    yield from effect.lines
    if effect.fault:
        yield f"if ({effect.fault}) *faulty = 1;"
        yield "else {"
    for word, text in enumerate(effect.words):
        yield f"out[{word}] = {text};"
    yield "out += WORDS;"
    yield f"*(*which)++ = {number};"
    if effect.fault:
        yield "}"


def _symmetry(program: Program) -> Iterator[str]:
    """`canonical` makes a state the least of its images."""
    if not program.symmetry.sorts:
        yield "static inline void canonical(int64_t *s) { (void)s; }\n"
        return
    for number, records in enumerate(program.records):
        yield from _arranging(number, records, program)
    yield "static inline void arrange(int64_t *s) {\n  (void)s;"
    yield from (f"  arrange_{number}(s);" for number in range(len(program.records)))
    yield "}\n"
    if not program.symmetry.tour:
        yield "static inline void canonical(int64_t *s) { arrange(s); }\n"
        return
    yield from _touring(program)


def _arranging(number: int, records: Records, program: Program) -> Iterator[str]:
    """Sort the records by insertion."""
    count, words = len(records.elements), records.words
    yield f"static void arrange_{number}(int64_t *s) {{\n  int64_t records[{count}][{words}];"
    yield from _unpacked(program, "s")
    for element, places in enumerate(records.elements):
        for word in range(words):
            yield f"  records[{element}][{word}] = {_moved('w{}', zip(places, records.fields, strict=True), word)};"
    yield f"  for (int i = 1; i < {count}; i++) {{\n    int64_t record[{words}];\n    int at = i;"
    yield f"    for (int k = 0; k < {words}; k++) record[k] = records[i][k];"
    yield "    for (; at > 0; at--) {\n      int k = 0;"
    yield f"      while (k < {words - 1} && record[k] == records[at - 1][k]) k++;"
    yield "      if (record[k] >= records[at - 1][k]) break;"
    yield f"      for (int j = 0; j < {words}; j++) records[at][j] = records[at - 1][j];\n    }}"
    yield f"    for (int k = 0; k < {words}; k++) records[at][k] = record[k];\n  }}"
    for word in range(program.words):
        yield from _scattered(word, records)
    yield "}\n"


def _scattered(word: int, records: Records) -> Iterator[str]:
    cleared = sum(place.mask for places in records.elements for place in places if place.word == word)
    if not cleared:
        return
    terms = [f"(w{word} & ~{DIALECT.constant(cleared)})"]
    for element, places in enumerate(records.elements):
        for part in range(records.words):
            pairs = [(f, p) for f, p in zip(records.fields, places, strict=True) if f.word == part]
            if any(p.word == word for _, p in pairs):
                terms.append(_moved(f"records[{element}][{{}}]", pairs, word))
    yield f"  s[{word}] = {' | '.join(terms)};"


def _moved(name: str, moves: Iterable[tuple[Field, Field]], word: int) -> str:
    """The given word of what fields become when they are moved from one place to another, in words called `name`."""
    masks = together((source, to) for source, to in moves if to.word == word)
    terms = [DIALECT.gathered(name.format(source), mask, down) for (_, source, down), mask in masks.items()]
    return f"({' | '.join(terms)})" if terms else "0"


def _touring(program: Program) -> Iterator[str]:
    """Go through all images by exchanges of neighbours, and keep the least."""
    tour = program.symmetry.tour
    yield f"static const uint8_t tour[{len(tour)}] = {{{', '.join(map(str, tour))}}};\n"
    yield "static void canonical(int64_t *s) {\n  int64_t image[WORDS], other[WORDS];"
    yield "  for (int k = 0; k < WORDS; k++) image[k] = s[k];\n  arrange(s);"
    yield f"  for (size_t i = 0; i < {len(tour)}; i++) {{"
    yield from _unpacked(program, "image")
    yield "    switch (tour[i]) {"
    for number, writes in enumerate(program.exchanges):
        scope = _scope(program, [write.code for write in writes])
        after = scope.words_after(writes, program.words)
        yield f"    case {number}: {{"
        yield from indented(scope.lines, 6)
        yield from (f"      image[{word}] = {text};" for word, text in enumerate(after))
        yield "      break; }"
    yield "    }\n    for (int k = 0; k < WORDS; k++) other[k] = image[k];\n    arrange(other);\n    int k = 0;"
    yield "    while (k < WORDS - 1 && other[k] == s[k]) k++;"
    yield "    if (other[k] < s[k]) for (int j = 0; j < WORDS; j++) s[j] = other[j];\n  }\n}\n"


def _goals(program: Program) -> Iterator[str]:
    """Each says 1 where its goal is seen and 2 where reading it is a fault."""
    for number, goal in enumerate(program.goals):
        scope = _scope(program, [goal.target, goal.undefined])
        undefined = scope.unless_false(goal.undefined)
        target = scope.text(goal.target)
        yield f"/* {goal.name} */\nstatic int look_{number}(const int64_t *s) {{"
        yield from _unpacked(program, "s")
        yield from indented(scope.lines, 2)
        if undefined:
            yield f"  if ({undefined}) return 2;"
        yield f"  return {target};\n}}\n"
    names = "".join(f"look_{number}, " for number in range(len(program.goals)))
    yield f"static int (*const looks[GOALS + 1])(const int64_t *) = {{{names}NULL}};\n"


def _scope(program: Program, roots: Iterable[Expression]) -> Scope:
    return Scope(DIALECT, program.layout.fields, roots)


def _unpacked(program: Program, state: str) -> Iterator[str]:
    for word in range(program.words):
        yield f"  const int64_t w{word} = {state}[{word}]; (void)w{word};"
