"""Other people's model checkers, run on our exports: independent answers to compare our own with.

Each works in a temporary directory that is removed afterwards. `seconds` is the time of the search alone, without compilation.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import msgspec

from flk.spec.errors import UnusableInput

_OPTIMISED = ("-O3", "-march=native", "-w")
_TOO_DEEP = "max search depth too small"


class Oracle(msgspec.Struct, frozen=True):
    """What a tool answered. `violated` names the first property or error it found, at the end of a path of `length` steps.

    `states` counts what it stored and `transitions` what it took, both in the tool's own way of counting.
    """

    tool: str
    states: int
    transitions: int
    seconds: float
    violated: str | None = None
    length: int | None = None


def run_rumur(text: str, *, threads: int = 1, timeout: float | None = None) -> Oracle:
    """Explore a Murphi text. With one thread paths are shortest. Transitions are instances that could happen, over all states.

    Raises UnusableInput if rumur or a C compiler is missing, if the text is not Murphi, or after `timeout` seconds.
    """
    with _workshop("rumur", "model.m", text) as work:
        options = ["--deadlock-detection", "off", "--symmetry-reduction", "exhaustive", "--threads", str(threads)]
        work.run("rumur", "model.m", "--output", "model.c", "--output-format", "machine-readable", *options)
        work.run("gcc", *_OPTIMISED, "-pthread", "model.c", "-o", "model")
        answer, seconds = work.time("./model", timeout=timeout)
    summary = re.search(r'<summary states="(\d+)" rules_fired="(\d+)"', answer)
    if summary is None:
        raise UnusableInput(f"rumur's verifier gave no summary: {answer[-500:]}")
    violated, length = _rumur_error(answer)
    return Oracle("rumur", int(summary[1]), int(summary[2]), seconds, violated, length)


def _rumur_error(answer: str) -> tuple[str | None, int | None]:
    message = re.search(r"<message>(.*?)</message>", answer, re.DOTALL)
    if message is None:
        return None, None
    name = re.search(r"(?:invariant|cover|assertion) &quot;(.*?)&quot;", message[1])
    return (name[1] if name else message[1]), answer.count("<transition>") - 1


def run_spin(
    text: str,
    *,
    partial_order: bool = True,
    hash_bits: int = 24,
    defines: Sequence[str] = (),
    timeout: float | None = None,
) -> Oracle:
    """Explore a Promela text depth first. `hash_bits` is the logarithm of the size of the table. Paths are not shortest.

    Raises UnusableInput if Spin or a C compiler is missing, if the text is not Promela, or after `timeout` seconds.
    """
    with _workshop("spin", "model.pml", text) as work:
        work.run("spin", *(f"-D{name}" for name in defines), "-a", "model.pml")
        flags = ["-DSAFETY", "-DMEMLIM=20000", "-DVECTORSZ=8192", *([] if partial_order else ["-DNOREDUCE"])]
        work.run("gcc", *_OPTIMISED, *flags, "pan.c", "-o", "pan")
        depth, answer, seconds = 10**5, _TOO_DEEP, 0.0
        while _TOO_DEEP in answer:
            depth *= 10
            answer, seconds = work.time("./pan", "-E", f"-m{depth}", f"-w{hash_bits}", timeout=timeout)
    stored, taken = re.search(r"(\d+) states, stored", answer), re.search(r"(\d+) transitions", answer)
    if stored is None or taken is None:
        raise UnusableInput(f"Spin's verifier gave no summary: {answer[-500:]}")
    violated = re.search(r"pan:\d+: (?:assertion violated\s+)?(.*?) \(at depth (\d+)\)", answer)
    name = re.search(r"violates_(\w+)", violated[1]) if violated else None
    return Oracle(
        "Spin",
        int(stored[1]),
        int(taken[1]),
        seconds,
        (name or violated)[1] if violated else None,
        int(violated[2]) if violated else None,
    )


class _Workshop:
    """A directory in which a tool works."""

    def __init__(self, tool: str, directory: str) -> None:
        self.tool, self.directory = tool, directory

    def run(self, *command: str) -> None:
        """A step that must succeed."""
        done = self._call(command, None)
        if done.returncode:
            raise UnusableInput(f"{self.tool}: {command[0]} refused the model: {(done.stdout + done.stderr).strip()}")

    def time(self, *command: str, timeout: float | None) -> tuple[str, float]:
        """What the verifier prints, and how long it took. It ends with a code other than 0 where it finds an error."""
        started = perf_counter()
        done = self._call(command, timeout)
        return done.stdout, perf_counter() - started

    def _call(self, command: Sequence[str], timeout: float | None) -> "subprocess.CompletedProcess[str]":
        try:
            return subprocess.run(  # noqa: S603 (the tools named above, on our own text)
                command, cwd=self.directory, capture_output=True, text=True, check=False, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            raise UnusableInput(f"{self.tool} did not finish in {timeout:g} s: choose smaller sizes") from None


@contextmanager
def _workshop(tool: str, file: str, text: str) -> Iterator[_Workshop]:
    for program, package in ((tool, tool), ("gcc", "gcc")):
        if shutil.which(program) is None:
            raise UnusableInput(
                f"{program} is not installed: install Debian's package {package} to compare with {tool}"
            )
    with TemporaryDirectory(prefix="flk-oracle-") as directory:
        Path(directory, file).write_text(text, "utf-8")
        yield _Workshop(tool, directory)
