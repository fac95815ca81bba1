"""`flk bench examine`: the compiled `examine` beside the reference, and compared with it on any number of cases."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain, islice
from pathlib import Path

import msgspec

from flk.impl.bench.examine_cases import KEYRINGS, Case, answer, cases
from flk.impl.bench.examine_edges import edges
from flk.impl.bench.interleave import Contest, Figure, run
from flk.impl.bench.records import TENANT, distinct, submission
from flk.model.compiled import library
from flk.model.compiled.examiner import Examiner, book_of
from flk.model.compiled.source import source
from flk.model.entries.entry import Claim
from flk.model.flow.submission import Submission
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp
from flk.model.programs.examine import claims_of, examine
from flk.model.record.signing import HmacKey, Keyring
from flk.model.transparency.leaves import TOLERANCES, JudgedBy, outcome_of
from flk.spec.errors import UnusableInput
from flk.spec.toolchain import compiler

RECORDS = 256
REGION = "eu"
SANITIZERS = ("-DEXACT", "-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
"""Each body is copied to where every byte before and behind it is out of bounds."""

Say = Callable[[str], None]


class Comparison(msgspec.Struct, frozen=True):
    """Cases, how many of them C answered, and the first difference (empty: there was none)."""

    cases: int
    compiled: int
    difference: str = ""


def measure(seconds: float) -> tuple[Figure, ...]:
    """One by one, and a segment at a time, after about that many seconds. Raises UnusableInput where nothing can be compiled."""
    key = HmacKey(b"of the benchmark")
    keyring = Keyring({TENANT: [key]})
    ours, reference = Examiner(library.library(), keyring), partial(examine, keyring)
    submissions = [submission(record, key) for record in islice(distinct(), RECORDS)]
    frames = tuple(Frame(Timestamp(number), one.payload()) for number, one in enumerate(submissions))

    def each(way: Callable[[Submission, Timestamp, str], object]) -> Callable[[], None]:
        def function() -> None:
            for one in submissions:
                way(one, Timestamp(0), REGION)

        return function

    return run(
        (
            Contest("a submission", RECORDS, each(ours), each(reference)),
            Contest(
                "a segment",
                RECORDS,
                partial(claims_of, frames, REGION, ours),
                partial(claims_of, frames, REGION, reference),
            ),
        ),
        seconds,
    )


def compare(loaded: library.Library, count: int, seed: int, say: Say = lambda _: None) -> Comparison:
    """That many cases, the edges first; fewer only if one differs. One by one, and each hundred in one call."""
    ways = [(partial(examine, keyring), Examiner(loaded, keyring), book_of(loaded, keyring)) for keyring in KEYRINGS]
    generated = chain(edges(), cases(seed))
    done = compiled = 0
    while done < count:
        reference, ours, book = ways[(done // 100) % 8 % len(ways)] if done // 100 % 2 else ways[0]
        some = list(islice(generated, min(100, count - done)))
        done += len(some)
        expected = [answer(reference, case, REGION) for case in some]
        found = [answer(ours, case, REGION) for case in some]
        for case, one, other in zip(some, expected, found, strict=True):
            if repr(one) != repr(other):
                return Comparison(done, compiled, f"{case}: {one} in Python, {other} in C")
            if difference := "".join(_told(case, claim, ours) for claim in one if isinstance(claim, Claim)):
                return Comparison(done, compiled, difference)
        if difference := _together(some, reference, ours):
            return Comparison(done, compiled, difference)
        compiled += sum(
            loaded.examine(book, case.submission.tenant, case.submission.body, case.timestamp, REGION) is not None
            for case in some
        )
        say(f"{done:,} of {count:,} cases, {compiled:,} of them answered in C")
    return Comparison(done, compiled)


def _told(case: Case, claim: Claim, ours: Examiner) -> str:
    """How the leaf of a claim differs, by whatever it was judged."""
    for by in (TOLERANCES, JudgedBy(TOLERANCES.digest, f"1.{case.timestamp % 1000}.0")):
        expected, found = outcome_of(claim, case.submission.body, by), ours.outcome_of(claim, case.submission.body, by)
        if expected != found:
            return f"{case}: {expected} in Python, {found} in C"
    return ""


def _together(some: Iterable[Case], reference: Callable[..., object], ours: Examiner) -> str:
    frames = tuple(Frame(case.timestamp, case.submission.payload()) for case in some)
    expected, found = claims_of(frames, REGION, reference), claims_of(frames, REGION, ours)  # type: ignore[arg-type]
    return "" if repr(expected) == repr(found) else f"{frames}: {expected} in Python, {found} in C"


def compare_sanitized(count: int, seed: int) -> Comparison:
    """The same, compiled with the sanitizers of addresses and of undefined behaviour, in a process of its own.

    Raises UnusableInput if there is no compiler that has them.
    """
    found = compiler()
    if found is None:
        raise UnusableInput("no C compiler is found; install gcc or clang, or set CC")
    asked = subprocess.run([found, "-print-file-name=libasan.so"], capture_output=True, text=True, check=False)  # noqa: S603
    runtime = Path(asked.stdout.strip())
    if not runtime.is_absolute():
        raise UnusableInput(f"{found} has no libasan.so; install the sanitizers, or set CC=gcc")
    environment = {
        **os.environ,
        "LD_PRELOAD": str(runtime),
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONMALLOC": "malloc",
    }
    command = [sys.executable, "-m", "flk.impl.bench.examine", str(count), str(seed)]
    done = subprocess.run(command, capture_output=True, env=environment, check=False)  # noqa: S603 - the command is our own
    if done.returncode:
        return Comparison(0, 0, f"the sanitizers complain: {done.stderr.decode(errors='replace')[:4000]}")
    return msgspec.json.decode(done.stdout, type=Comparison)


def _sanitized() -> library.Library:
    found = compiler()
    assert found is not None
    return library.load(source(), found, (*library.flags(), *SANITIZERS))


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(compare(_sanitized(), int(sys.argv[1]), int(sys.argv[2]))))
