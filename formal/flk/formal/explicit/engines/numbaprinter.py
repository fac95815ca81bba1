"""A program as one module for Numba: what its protocol says, and then the search of `search.numba`."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import groupby

from flk.formal.explicit.engines.dialects import Dialect
from flk.formal.explicit.engines.printer import Effect, Scope, indented
from flk.formal.explicit.engines.program import Program, Records
from flk.formal.explicit.expression import Expression
from flk.formal.explicit.ground import GroundInstance

DIALECT = Dialect()
TOGETHER = 24
"""Instances in one function at most: compilers take more than twice as long over a function that is twice as long."""

HEAD = """import numpy as np
from numba import njit

jit = njit(cache=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
entry = njit(cache=True, error_model="numpy")


@jit
def population(x):
    x = x - ((x >> 1) & 0x5555555555555555)
    x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333)
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0F
    return (x * 0x0101010101010101) >> 56


@jit
def floor_quotient(a, b):
    return a // b if b != 0 else 0


@jit
def floor_remainder(a, b):
    return a % b if b != 0 else 0
"""


def print_module(program: Program) -> str:
    """The module's text."""
    search = files("flk.formal.explicit.engines").joinpath("search.numba").read_text("utf-8")
    constants = f"WORDS = {program.words}\nINSTANCES = {len(program.instances)}\n"
    return "\n".join([HEAD, constants, *_steps(program), *_symmetry(program), search])


def print_values(program: Program, expressions: Sequence[Expression]) -> str:
    """A module whose `values` computes some expressions in many states."""
    scope = _scope(program, expressions)
    results = [scope.text(e) for e in expressions]
    body = [
        *_unpacked(program, "states[at * WORDS + {}]"),
        *scope.lines,
        *(f"to[at * {len(results)} + {n}] = {text}" for n, text in enumerate(results)),
    ]
    head = [HEAD, f"WORDS = {program.words}", "", "", "@entry", "def values(states, to):"]
    head.append("    for at in range(len(states) // WORDS):")
    return "\n".join([*head, *indented(body, 8), ""])


def _steps(program: Program) -> Iterator[str]:
    words = ", ".join(f"w{word}" for word in range(program.words))
    calls: list[str] = []
    for name, group in groupby(enumerate(program.instances), key=lambda pair: pair[1].instance.action.name):
        numbered = list(group)
        for first in range(0, len(numbered), TOGETHER):
            function = f"step_{name}_{first}"
            calls.append(f"    n, f = {function}({words}, out, n, which)\n    faulty |= f")
            yield f"\n@jit\ndef {function}({words}, out, n, which):\n    faulty = False"
            yield from indented(_instances(program, numbered[first : first + TOGETHER]), 4)
            yield "    return n, faulty\n"
    yield "\n@jit\ndef successors(states, at, out, n, which):\n    faulty = False"
    yield from indented(_unpacked(program, "states[at * WORDS + {}]"), 4)
    yield from calls
    yield "    return n, faulty\n"


def _instances(program: Program, group: Sequence[tuple[int, GroundInstance]]) -> Iterator[str]:
    scope = _scope(program, [expression for _, ground in group for expression in (ground.enabled, ground.undefined)])
    for number, ground in group:
        yield f"# {ground.instance}"
        undefined = scope.unless_false(ground.undefined)
        enabled = scope.text(ground.enabled)
        yield from scope.taken()
        if undefined:
            yield f"faulty |= {undefined}"
        yield f"if {enabled}:"
        yield from indented(_effect(number, scope.effect(ground, program.words)), 4)


def _effect(number: int, effect: Effect) -> Iterator[str]:
    written = [
        *(f"out[n * WORDS + {word}] = {text}" for word, text in enumerate(effect.words)),
        f"which[n] = {number}",
        "n += 1",
    ]
    yield from effect.lines
    if effect.fault:
        yield f"if {effect.fault}:\n            faulty = True"
        yield "else:"
        yield from indented(written, 4)
    else:
        yield from written


def _symmetry(program: Program) -> Iterator[str]:
    """`canonical` makes a state the least of its images."""
    for number, records in enumerate(program.records):
        yield f"\n@jit\ndef arrange_{number}(s, at):"
        yield from indented(_arranging(program, records), 4)
    yield "\n@jit\ndef arrange(s, at):"
    yield from (f"    arrange_{number}(s, at)" for number in range(len(program.records)))
    yield "    return\n"
    for number, writes in enumerate(program.exchanges):
        scope = _scope(program, [write.code for write in writes])
        after = scope.words_after(writes, program.words)
        yield f"\n@jit\ndef exchange_{number}(s):"
        yield from indented([*_unpacked(program, "s[{}]"), *scope.lines], 4)
        yield from (f"    s[{word}] = {text}" for word, text in enumerate(after))
    if program.symmetry.tour:
        yield f"TOUR = np.array({list(program.symmetry.tour)})\n"
    yield "\n@jit\ndef canonical(s, at):"
    yield from indented(_touring(program) if program.symmetry.tour else ["arrange(s, at)"], 4)


def _arranging(program: Program, records: Records) -> Iterator[str]:
    """Sort the records by insertion."""
    count, words = len(records.elements), records.words
    yield f"records = np.zeros(({count + 1}, {words}), np.int64)"
    yield from _unpacked(program, "s[at * WORDS + {}]")
    for element, places in enumerate(records.elements):
        for place, field in zip(places, records.fields, strict=True):
            code = f"((w{place.word} >> {place.shift}) & {(1 << field.bits) - 1})"
            yield f"records[{element}, {field.word}] |= {code} << {field.shift}"
    yield f"for i in range(1, {count}):"
    yield f"    for k in range({words}):\n            records[{count}, k] = records[i, k]"
    yield "    j = i\n        while j > 0:\n            k = 0"
    yield f"        while k < {words - 1} and records[{count}, k] == records[j - 1, k]:\n                k += 1"
    yield f"        if records[{count}, k] >= records[j - 1, k]:\n                break"
    yield f"        for k in range({words}):\n                records[j, k] = records[j - 1, k]\n            j -= 1"
    yield f"    for k in range({words}):\n            records[j, k] = records[{count}, k]"
    for word in range(program.words):
        yield from _scattered(records, word)


def _scattered(records: Records, word: int) -> Iterator[str]:
    cleared = 0
    terms = []
    for element, places in enumerate(records.elements):
        for place, field in zip(places, records.fields, strict=True):
            if place.word == word:
                cleared |= place.mask
                code = f"((records[{element}, {field.word}] >> {field.shift}) & {(1 << field.bits) - 1})"
                terms.append(f"w{word} |= {code} << {place.shift}")
    if cleared:
        yield f"w{word} &= ~{DIALECT.constant(cleared)}"
        yield from terms
        yield f"s[at * WORDS + {word}] = w{word}"


def _touring(program: Program) -> Iterator[str]:
    """Go through all images by exchanges of neighbours, and keep the least."""
    yield "image = np.empty(WORDS, np.int64)\n    other = np.empty(WORDS, np.int64)"
    yield "for k in range(WORDS):\n        image[k] = s[at * WORDS + k]\n    arrange(s, at)"
    yield "for exchange in TOUR:"
    for number in range(len(program.exchanges)):
        yield f"    {'if' if number == 0 else 'elif'} exchange == {number}:\n            exchange_{number}(image)"
    yield "    for k in range(WORDS):\n            other[k] = image[k]\n        arrange(other, 0)\n        k = 0"
    yield "    while k < WORDS - 1 and other[k] == s[at * WORDS + k]:\n            k += 1"
    yield "    if other[k] < s[at * WORDS + k]:\n            for j in range(WORDS):\n                s[at * WORDS + j] = other[j]"


def _scope(program: Program, roots: Iterable[Expression]) -> Scope:
    return Scope(DIALECT, program.layout.fields, roots)


def _unpacked(program: Program, word: str) -> list[str]:
    return [f"w{n} = {word.format(n)}" for n in range(program.words)]
