"""Mutants of the compiled `examine`: its text with one change, compiled, and asked what the original is asked.

`python -m tests.support.model.compiled_mutants` makes every mutant that the rules below know, and names those that live.
"""

import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain, islice
from math import inf
from typing import NamedTuple

from msgspec.structs import replace
from tests.support.model.world import EXAMINE, HONEST

from flk.impl.bench.examine_cases import KEYRINGS, Case, cases
from flk.impl.bench.examine_edges import edges
from flk.model.compiled import library
from flk.model.compiled.examiner import book_of
from flk.model.compiled.source import PARTS, source, text
from flk.model.entries.entry import Claim, Key
from flk.model.log.hlc import Timestamp
from flk.spec.errors import UnusableInput
from flk.spec.toolchain import compiler

SECONDS = 20


class Mutant(NamedTuple):
    """A line of a part, and what stands there instead."""

    part: str
    line: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.part}.c:{self.line}: {self.old.strip()}  →  {self.new.strip()}"


RULES = (
    (r" <= ", " < "), (r" < ", " <= "), (r" >= ", " > "), (r" > ", " >= "), (r" == ", " != "), (r" != ", " == "),
    (r" && ", " || "), (r" \|\| ", " && "), (r" \+ ", " - "), (r" - ", " + "), (r" \* ", " + "), (r" / ", " * "), (r" % ", " / "),
    (r" \+= ", " -= "), (r"\+\+", "--"), (r" & ", " | "), (r" \| ", " & "), (r" \^ ", " | "), (r" << ", " >> "), (r" >> ", " << "),
    (r"return false", "return true"), (r"return true", "return false"), (r"!(?=[a-z(])", ""), (r"(?<![\w.])0(?![\w.])", "1"),
    (r"(?<![\w.])1(?![\w.])", "2"), (r"(?<![\w.x])([2-9]|[1-9][0-9]+)(?![\w.])", r"(\1 - 1)"), (r"(?<=, )(NULL|0\.0)", "1"),
)  # fmt: skip


def mutants(parts: Sequence[str] = PARTS[:-1]) -> Iterator[Mutant]:
    """Every rule at every place of every line of code that is no table."""
    for part in parts:
        commented = False
        for number, line in enumerate(text(part).splitlines(), 1):
            begins = commented or line.lstrip().startswith("/*")
            commented = begins and "*/" not in line
            if (
                begins
                or line.startswith(("#", "_Static"))
                or re.match(r"\s*(0x|\[|1e1)", line)
                or "static const" in line
            ):
                continue
            code = line.split("/*")[0]
            for old, new in RULES:
                for found in re.finditer(old, code):
                    yield Mutant(part, number, line, line[: found.start()] + found.expand(new) + line[found.end() :])


@cache
def asked() -> tuple[Case, ...]:
    """What every mutant is asked: all edges, and cases of two seeds."""
    return (*edges(), *islice(chain(cases(11)), 1500))


def killed(mutant: Mutant) -> str:
    """How a mutant shows: it does not compile, ends its process, or answers otherwise; empty if it lives."""
    before = text(mutant.part)
    lines = before.splitlines()
    assert lines[mutant.line - 1] == mutant.old, mutant
    lines[mutant.line - 1] = mutant.new
    found = compiler()
    assert found is not None
    flags = [flag for flag in library.flags() if flag not in {"-O3", "-Werror", "-Wall", "-Wextra"}]
    expected()
    changed = source().replace(before, "\n".join(lines) + "\n")
    child = os.fork()
    if child == 0:
        status = 3
        try:
            signal.alarm(SECONDS)
            status = int(_answers(library.load(changed, found, ["-O0", "-w", *flags])) == expected())
        except UnusableInput:
            status = 2
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    return {0: "answers otherwise", 1 << 8: "", 2 << 8: "does not compile"}.get(ended, "ends its process")


def odd_leaves() -> Iterator[tuple[Claim, bytes, str, str]]:
    """What leaves are seldom made of: texts that need an escape, or more room than there is; signs; the ends of clocks."""
    claim, body = EXAMINE(HONEST, Timestamp(1 << 40), "eu"), HONEST.body
    texts = (
        "",
        " ",
        "!",
        '"',
        "#",
        "[",
        "\\",
        "]",
        "~",
        "\x7f",
        "\x1f",
        "é",
        'a"b',
        "a" * 1500,
        "a" * 2048,
        "a" * 2049,
    )
    for one in texts:
        yield Claim(Key(one, "id"), claim.entry), body, "by", ""
        yield Claim(Key("t", one), claim.entry), body, "by", ""
        yield Claim(claim.key, replace(claim.entry, region=one)), body, "by", ""
        yield Claim(claim.key, replace(claim.entry, digest=one)), body, one, "1"
        yield claim, body, "by", one
    for number in (0, 1, 2**64 - 1, 2**64, -1):
        yield Claim(claim.key, replace(claim.entry, timestamp=Timestamp(number))), body, "by", ""
    for real in (0.0, -0.0, -1e-9, -0.25, 1e-9, 7.999, 8.0, -8.0, 1e300, inf):
        for field in ("recomputed_D_hat", "recomputed_budget"):
            outcome = replace(claim.entry.outcome, accepted=real < 0, escalated=real > 0, **{field: real})
            yield Claim(claim.key, replace(claim.entry, outcome=outcome)), body, "by", ""
    yield claim, b"{}", "by", ""


@cache
def expected() -> str:
    """The answers of the original."""
    return _answers(library.library())


def _answers(loaded: library.Library) -> str:
    books = [book_of(loaded, keyring) for keyring in KEYRINGS[:2]]
    said = []
    for number, (submission, timestamp) in enumerate(asked()):
        book = books[number % 7 == 0]
        found = loaded.examine(book, submission.tenant, submission.body, timestamp, "eu")
        said.append(repr(found))
        if found:
            said += [repr(loaded.leaf(found, submission.body, "of tolerances", policy)) for policy in ("", "1.2.0")]
    said += [repr(loaded.leaf(claim, body, by, policy)) for claim, body, by, policy in odd_leaves()]
    messages = [bytes(range(256))[:length] for length in (0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 200, 256)]
    return "\n".join(said) + "".join(loaded.digest(message, own).hex() for message in messages for own in (True, False))


if __name__ == "__main__":
    made = list(mutants(sys.argv[1:] or PARTS[:-1]))
    lives = 0
    for number, one in enumerate(made, 1):
        if not killed(one):
            lives += 1
            print(one, flush=True)
        if number % 50 == 0:
            print(f"{number} of {len(made)}, {lives} live", file=sys.stderr, flush=True)
    print(f"{len(made)} mutants, {lives} live")
