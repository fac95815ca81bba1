"""The Coq development in `formal/coq`: compiled from its sources, and what each of its theorems says and rests on.

Every `Theorem` there is a headline: the comment above it says in plain words what it proves or refutes, and for which requirements.
Lemmas are steps towards them. The constants of the specification become the Coq module `Constants`.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from fractions import Fraction
from graphlib import TopologicalSorter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from flk.formal.prover.theorem import ProofStatus
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

_PACKAGE, _ROOM = Path(__file__).parents[1], Path(__file__).parents[3]
SOURCES = next(filter(Path.is_dir, (_PACKAGE / "coq", _ROOM / "coq")), _ROOM / "coq")
"""A wheel holds the sources inside the package, a checkout beside it."""
LIBRARY = "Flk"
ALLOWED = frozenset(
    {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
        "Classical_Prop.classic",
    }
)
"""The axioms of Coq's own real numbers, and the excluded middle, which Flocq uses. What rests on any other is not proved."""

_HEADLINE = re.compile(r"^\(\*\* (?P<about>(?:(?!\*\)).)*?) \*\)\nTheorem (?P<name>\w+)", re.MULTILINE | re.DOTALL)
_THEOREM = re.compile(r"^Theorem (\w+)", re.MULTILINE)
_CITED = re.compile(r"\(([A-Z][A-Z0-9]*-\d+(?:, [A-Z][A-Z0-9]*-\d+)*)\)")
_OWN_IMPORTS = re.compile(rf"^From {LIBRARY} Require Import ([\w ]+)\.$", re.MULTILINE)
_TIMED = re.compile(r"^Chars \d+ - \d+ \[(\w+)\.?~?([\w']*).*\] ([\d.]+) secs", re.MULTILINE)
_CLOSED = "Closed under the global context"
_NAMED = re.compile(r"^([A-Za-z_][\w.']*)", re.MULTILINE)

Progress = Callable[[int, int, str], None]
"""Told, after each step: how many are done, how many there are, and the name of the file."""


class Headline(msgspec.Struct, frozen=True):
    """A theorem of the development. `name` is qualified by its module, `about` says in plain words what it proves or refutes."""

    name: str
    file: str
    requirements: tuple[str, ...]
    about: str


class CoqProof(msgspec.Struct, frozen=True):
    """What came of a headline: its statement as Coq prints it, the axioms it rests on, the seconds its own proof took.

    It is proved if Coq accepts it and each assumption is in `ALLOWED`, else undecided, and `note` says why.
    """

    name: str
    file: str
    requirements: tuple[str, ...]
    about: str
    statement: str
    assumptions: tuple[str, ...]
    status: ProofStatus = msgspec.field(name="verdict")
    seconds: float
    note: str = ""


class Compiled(NamedTuple):
    """What became of a file: Coq's complaint, empty if there is none, and the seconds of each theorem's proof."""

    complaint: str
    seconds: Mapping[str, float]


def headlines(sources: Path = SOURCES) -> tuple[Headline, ...]:
    """All headlines, file by file in the order in which files need each other.

    Raises UnusableInput if the sources are not there, or if a theorem has no comment above it.
    """
    files = _read(sources)
    return tuple(headline for module in _in_order(files) for headline in _headlines_of(module, files[module]))


def check(
    build: Path | None = None,
    sources: Path = SOURCES,
    on_progress: Progress = lambda *_: None,
    *,
    together: bool = False,
) -> tuple[CoqProof, ...]:
    """Compile everything from its sources, in `build` or in a temporary directory, and ask Coq about every headline: what it says,
    and which axioms it rests on. If `together`, all of a file are asked at once which axioms any of them rests on, which takes a
    third of the time.

    Raises UnusableInput if Coq or Flocq is not installed.
    """
    if build is None:
        with TemporaryDirectory(prefix="flk-coq-") as temporary:
            return check(Path(temporary), sources, on_progress, together=together)
    files = _read(sources)
    stated = {module: _headlines_of(module, text) for module, text in files.items()}
    asking = {module: text + _questions(stated[module], together=together) for module, text in files.items()}
    compiled = compile_files(build, asking, on_progress)
    return tuple(
        _concluded(headline, compiled[module], build, f"{module}.uses" if together else f"{headline.name}.uses")
        for module in _in_order(files)
        for headline in stated[module]
    )


def compile_files(
    build: Path, files: Mapping[str, str], on_progress: Progress = lambda *_: None
) -> dict[str, Compiled]:
    """Write each of the files into `build`, and compile it as soon as those it needs are, one on each processor.

    What they need beyond them must be compiled already.
    """
    command = coqc()
    build.mkdir(parents=True, exist_ok=True)
    order = _order(files)
    order.prepare()
    compiled: dict[str, Compiled] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running: dict[Future[Compiled], str] = {}
        while order.is_active():
            running |= {pool.submit(_compile, command, build, m, files[m]): m for m in order.get_ready()}
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                module = running.pop(future)
                compiled[module] = future.result()
                order.done(module)
                on_progress(len(compiled), len(files), f"{module}.v")
    return compiled


def constants() -> str:
    """The Coq module of the specification's constants; reals are counted in billionths."""
    c = CONSTANTS
    naturals = {"digits": c.canonical.digits}
    integers = {"one": c.canonical.nano, "max_epoch": c.record.max_epoch}
    reals = {
        "D_hat_max": c.record.D_hat_max,
        "coh_star_max": c.record.coh_star_max,
        "sticky_coh_min": c.signals.sticky_coh_min,
        "sticky_D_max": c.signals.sticky_D_max,
        "non_sticky_D_min": c.signals.non_sticky_D_min,
        "base": c.budget.base,
        "alpha": c.budget.alpha,
        "beta": c.budget.beta,
        "gamma": c.budget.gamma,
        "D0": c.budget.D0,
    }
    integers |= {name: _billionths(name, value) for name, value in reals.items()}
    lines = [f"Definition {name} : nat := {value}." for name, value in naturals.items()]
    lines += [f"Definition {name} : Z := {value}." for name, value in integers.items()]
    return "\n".join(
        ["(** From constants.toml. *)", "From Coq Require Import ZArith.", "Open Scope Z_scope.", *lines, ""]
    )


def coqc() -> str:
    """The compiler's path. Raises UnusableInput if it or Flocq is missing."""
    command = shutil.which("coqc")
    if command is None:
        raise UnusableInput("coqc is not installed: install the Debian packages coq and libcoq-flocq")
    where = _run([command, "-where"], Path.cwd()).stdout.strip()
    if not (Path(where) / "user-contrib" / "Flocq").is_dir():
        raise UnusableInput(f"Coq at {where} has no Flocq: install the Debian package libcoq-flocq")
    return command


def _read(sources: Path) -> dict[str, str]:
    files = {path.stem: path.read_text(encoding="utf-8") for path in sorted(sources.glob("*.v"))}
    if not files:
        raise UnusableInput(f"{sources} holds no Coq files: reinstall flk-lab, or run in a checkout")
    return {"Constants": constants()} | files


def _order(files: Mapping[str, str]) -> "TopologicalSorter[str]":
    needs = {module: " ".join(_OWN_IMPORTS.findall(text)).split() for module, text in files.items()}
    return TopologicalSorter({module: [need for need in needs[module] if need in files] for module in files})


def _in_order(files: Mapping[str, str]) -> list[str]:
    return list(_order(files).static_order())


def _headlines_of(module: str, text: str) -> list[Headline]:
    found = [
        Headline(f"{module}.{match['name']}", f"{module}.v", _cited(match["about"]), _one_line(match["about"]))
        for match in _HEADLINE.finditer(text)
    ]
    named = {headline.name for headline in found}
    for name in _THEOREM.findall(text):
        if f"{module}.{name}" not in named:
            raise UnusableInput(
                f"{module}.v: Theorem {name} has no comment above it: say what it proves, or make it a Lemma"
            )
    return found


def _cited(about: str) -> tuple[str, ...]:
    return tuple(cited for group in _CITED.findall(about) for cited in group.split(", "))


def _billionths(name: str, value: float) -> int:
    scaled = Fraction(str(value)) * CONSTANTS.canonical.nano
    if scaled.denominator != 1:
        raise UnusableInput(
            f"constants.toml: {name} = {value} is not a whole number of billionths: give it nine decimals at most"
        )
    return int(scaled)


def _compile(command: str, build: Path, module: str, text: str) -> Compiled:
    (build / f"{module}.v").write_text(text, encoding="utf-8")
    (build / f"{module}.vo").unlink(missing_ok=True)
    done = _run([command, "-Q", ".", LIBRARY, "-time", f"{module}.v"], build)
    return Compiled(_one_line(done.stderr) if done.returncode else "", _seconds(done.stdout))


def _seconds(timings: str) -> dict[str, float]:
    """The seconds from each theorem's statement to its `Qed`."""
    seconds: dict[str, float] = {}
    current = ""
    for keyword, name, spent in _TIMED.findall(timings):
        current = name if keyword == "Theorem" else current
        if current:
            seconds[current] = seconds.get(current, 0.0) + float(spent)
        current = "" if keyword == "Qed" else current
    return seconds


def _questions(stated: Sequence[Headline], *, together: bool) -> str:
    """What is asked of Coq at the end of a file: to write down each theorem's type, and the axioms it rests on, or all do."""
    if not stated:
        return ""
    names = {headline.name: headline.name.partition(".")[2] for headline in stated}
    says = [f'Redirect "{name}.says" Check {own}.' for name, own in names.items()]
    if together:
        all_of_them = f"Definition every_headline := ({', '.join(f'@{own}' for own in names.values())})."
        module = stated[0].file.removesuffix(".v")
        uses = [all_of_them, f'Redirect "{module}.uses" Print Assumptions every_headline.']
    else:
        uses = [f'Redirect "{name}.uses" Print Assumptions {own}.' for name, own in names.items()]
    return "\n".join(["", "Set Printing Width 120.", *says, *uses])


def _concluded(headline: Headline, compiled: Compiled, build: Path, answer: str) -> CoqProof:
    says, uses = (
        ("", _CLOSED) if compiled.complaint else (_printed(build, f"{headline.name}.says"), _printed(build, answer))
    )
    assumptions = () if uses.startswith(_CLOSED) else tuple(_NAMED.findall(uses.removeprefix("Axioms:")))
    strange = [name for name in assumptions if name not in ALLOWED]
    note = compiled.complaint or (f"it rests on {', '.join(strange)}" if strange else "")
    return CoqProof(
        **msgspec.structs.asdict(headline),
        statement=_one_line(says.partition(" : ")[2]),
        assumptions=assumptions,
        status=ProofStatus.UNDECIDED if note else ProofStatus.PROVED,
        seconds=compiled.seconds.get(headline.name.partition(".")[2], 0.0),
        note=note,
    )


def _printed(build: Path, answer: str) -> str:
    return (build / f"{answer}.out").read_text(encoding="utf-8")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _run(command: list[str], directory: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - Coq, on our own text
        command, cwd=directory, capture_output=True, text=True, check=False
    )
