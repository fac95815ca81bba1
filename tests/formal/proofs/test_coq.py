"""The Coq development compiles, has no axiom of its own, speaks of what the model computes, and rejects planted faults."""

import re
import shutil
import struct
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.support.effort import sample
from tests.support.formal.compiled import compiled

from flk.formal.proofs import coq
from flk.formal.prover.theorem import ProofStatus
from flk.formal.reports.proofs import render_coq
from flk.model.record.canonical import Signed, canonical_bytes, nano, round9
from flk.model.record.record import Regime
from flk.model.record.signals import budget, regime
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput
from flk.spec.requirements import catalogue

NANO = CONSTANTS.canonical.nano
LIMITS = CONSTANTS.record
HEX = "0123456789abcdef"
PLAIN = [chr(n) for n in range(32, 127) if chr(n) not in '"\\|']
HOLES = re.compile(
    r"\b(Admitted|admit|give_up|Axioms?|Parameters?|Conjecture|Hypothes[ei]s|Abort|Unset Guard|bypass_check|type-in-type)\b"
)
OWN_FILES = {path.stem: path.read_text("utf-8") for path in sorted(coq.SOURCES.glob("*.v"))}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which everything is compiled. Nothing is written there: other workers read it, too."""
    return compiled(tmp_path_factory)[0]


@pytest.fixture(scope="module")
def proofs(tmp_path_factory: pytest.TempPathFactory) -> tuple[coq.CoqProof, ...]:
    """What Coq says of every headline, compiled from nothing; shown by `pytest -s`."""
    proofs = compiled(tmp_path_factory)[1]
    for proof in proofs:
        print(
            f"{proof.name}: {proof.status}\n  {proof.statement}\n  rests on {', '.join(proof.assumptions) or 'nothing'}"
        )
    return proofs


@pytest.mark.slow
def test_every_headline_is_proved_without_an_axiom_of_its_own(proofs: tuple[coq.CoqProof, ...]) -> None:
    """Coq accepts each theorem, and what it rests on is Coq's real numbers and the excluded middle at most."""
    assert [(proof.name, proof.note) for proof in proofs if proof.status is not ProofStatus.PROVED] == []
    assert {axiom for proof in proofs for axiom in proof.assumptions} == coq.ALLOWED
    assert [(p.name, p.about) for p in proofs] == [(h.name, h.about) for h in coq.headlines()]
    assert all(proof.statement for proof in proofs)


def test_every_theorem_is_shown_with_the_axioms_it_rests_on(proofs: tuple[coq.CoqProof, ...]) -> None:
    """The table names each theorem, and every axiom in full below it."""
    console = Console(width=100, record=True, file=StringIO())
    console.print(render_coq(proofs))
    shown = console.export_text()
    assert all(proof.name in shown for proof in proofs)
    assert f"{len(proofs)} of {len(proofs)} proved" in shown
    assert {axiom for proof in proofs for axiom in proof.assumptions} <= set(shown.split())


def test_theorems_about_texts_rest_on_nothing(proofs: tuple[coq.CoqProof, ...]) -> None:
    """Where no real number occurs, no axiom does."""
    of_texts = [proof for proof in proofs if proof.file in {"Text.v", "Canonical.v"}]
    assert of_texts
    assert [proof.assumptions for proof in of_texts] == [()] * len(of_texts)


def test_the_issue_is_covered_and_every_cited_requirement_exists() -> None:
    """Rounding, injectivity, identity, budget and regimes each have theorems, and no theorem cites what is not there."""
    cited = {requirement for headline in coq.headlines() for requirement in headline.requirements}
    assert {"C14N-1", "C14N-2", "C14N-7", "C14N-8", "ID-5", "SIG-4", "SIG-6", "JDG-4"} <= cited
    assert cited <= {requirement.id for requirement in catalogue()}


def test_the_sources_have_no_holes() -> None:
    """Nothing is admitted, assumed or abandoned, in any file."""
    assert {name: HOLES.findall(_code(text)) for name, text in OWN_FILES.items()} == {name: [] for name in OWN_FILES}
    assert HOLES.findall(_code("Lemma x : True. (* admit *) Admitted.")) == ["Admitted"]


@pytest.mark.slow
def test_an_independent_checker_accepts_the_compiled_files(proofs: tuple[coq.CoqProof, ...], build: Path) -> None:
    """Coq's stand-alone kernel checks every proof again, and sees no trick with types, recursion or positivity."""
    modules = [part for name in OWN_FILES for part in ("-norec", f"{coq.LIBRARY}.{name}")]
    done = subprocess.run(
        ["coqchk", "-silent", "-o", "-Q", ".", coq.LIBRARY, *modules],
        cwd=build,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.count("<none>") == 3, done.stderr
    assert f" {coq.LIBRARY}." not in done.stderr  # among the axioms


# What Coq computes is what the model computes.


@pytest.mark.slow
def test_the_canonical_text_is_that_of_the_model(proofs: tuple[coq.CoqProof, ...], build: Path) -> None:
    """Of random records, with texts that need escapes and without, Coq writes the model's bytes."""
    random = Random(1)
    records = [_record(random) for _ in range(60)]
    terms = [f"canonical ({_coq_record(record)})" for record in records]
    assert [bytes(codes) for codes in _codes(build, terms)] == [canonical_bytes(record) for record in records]


def test_the_text_before_the_hash_is_that_of_the_model(proofs: tuple[coq.CoqProof, ...], build: Path) -> None:
    """Root, epoch and shard, with bars between."""
    triples = [("ab", 0, "x"), ("f" * 64, LIMITS.max_epoch, "shard 7"), ("a|1", 2, "x")]
    terms = [f"preimage ({_coq_text(root)}) {epoch} ({_coq_text(shard)})" for root, epoch, shard in triples]
    assert [bytes(codes).decode() for codes in _codes(build, terms)] == [f"{r}|{e}|{s}" for r, e, s in triples]


@pytest.mark.slow
def test_valid_texts_are_those_of_the_patterns(proofs: tuple[coq.CoqProof, ...], build: Path) -> None:
    """Coq's predicates and the specification's patterns agree on every character, and on lengths."""
    shards = [chr(n) for n in range(128)] + ["s" * n for n in (0, 2, 128, 129)]
    roots = [chr(n) * 64 for n in range(128)] + ["a" * n for n in (0, 63, 65)]
    terms = [f"short_plain ({_coq_text(s)})" for s in shards] + [f"hex64 ({_coq_text(s)})" for s in roots]
    matched = [_matches(LIMITS.shard_id_pattern, s) for s in shards] + [
        _matches(LIMITS.merkle_root_pattern, s) for s in roots
    ]
    assert _evaluate(build, f"[{'; '.join(f'if {term} then 1 else 0' for term in terms)}]") == list(map(int, matched))


def test_regimes_are_those_of_the_model(proofs: tuple[coq.CoqProof, ...], build: Path) -> None:
    """At and around every threshold."""
    s = CONSTANTS.signals
    slopes = [nano(x) + k for x in (0, s.sticky_D_max, s.non_sticky_D_min, 3.5) for k in (-1, 0, 1)]
    coherences = [nano(x) + k for x in (0, s.sticky_coh_min, 1.0) for k in (-1, 0, 1)]
    cases = [(d, c) for d in slopes for c in coherences]
    code = "match regime_of d c with Sticky => 0 | Mixed => 1 | NonSticky => 2 end"
    numbered = {Regime.STICKY: 0, Regime.MIXED: 1, Regime.NON_STICKY: 2}
    assert _mapped(build, "'(d, c)", code, cases) == [numbered[regime(d / NANO, c / NANO)] for d, c in cases]


@pytest.mark.slow
def test_the_budget_is_that_of_the_model_to_the_bit(proofs: tuple[coq.CoqProof, ...], build: Path) -> None:
    """The program that Coq speaks of, on binary64 numbers, gives the very bits that the model's gives."""
    random = Random(2)
    cases = [(3.5, 1.05, 0.0), (0.0, 0.0, 1.0), (2.2, 0.7, 0.4)]
    cases += [
        (round9(random.uniform(0, 3.5)), round9(random.uniform(0, 1.05)), round9(random.random())) for _ in range(100)
    ]
    code = "bits_of_b64 (budget_program (b64_of_bits d) (b64_of_bits c) (b64_of_bits r))"
    computed = _mapped(build, "'(d, c, r)", code, [tuple(map(_bits, case)) for case in cases])
    assert computed == [_bits(budget(*case)) for case in cases]


@pytest.mark.slow
def test_quotients_are_those_of_python(proofs: tuple[coq.CoqProof, ...], build: Path) -> None:
    """Billionths over 10^9, to the bit: what `round9` returns for small numbers."""
    random = Random(3)
    cases = [0, 1, -1, NANO, 2**53 - 1, *(random.randrange(-8 * NANO, 8 * NANO) for _ in range(100))]
    assert _mapped(build, "n", "bits_of_b64 (quotient n)", [(n,) for n in cases]) == [_bits(n / NANO) for n in cases]


# Planted faults.

MUTANTS = [
    ("Nano", "ZnearestE (x * scale)", "Zfloor (x * scale)", "rounding down, as the earlier proof did"),
    (
        "Nano",
        "x = boundary k /\\ Z.even k = true) \\/ (y",
        "x = boundary k /\\ Z.even k = false) \\/ (y",
        "the wrong owner of a tie",
    ),
    (
        "Nano",
        "forall x y, Rabs (x - y) < /2 / scale",
        "forall x y, Rabs (x - y) < /20 / scale",
        "numbers that do not refute",
    ),
    ("Text", "last_digits digits rest", "last_digits (pred digits) rest", "eight digits of nine"),
    ("Canonical", "(n <=? 102)", "(n <=? 124)", "a bar in a root"),
    ("Canonical", " && negb (Ascii.eqb c quote)", "", "a quote in a shard"),
    ("Canonical", '    ("epoch", natural (epoch s)); ', "    ", "an unsigned epoch"),
    (
        "Canonical",
        "String bar (natural epoch ++ String bar shard)",
        "String bar (natural epoch ++ shard)",
        "one bar of two",
    ),
    ("Binary64", "limit : Z := 2 ^ 23", "limit : Z := 2 ^ 24", "a range twice as wide"),
    ("Binary64", "/2 - / 1048576 -> nano x = n", "/2 - / 4194304 -> nano x = n", "a tie seen too late"),
    ("Budget", "value base + value alpha * (1 - r) +", "value base + value alpha * r +", "a budget that rises with r"),
    ("Regime", "(D <=? sticky_D_max)", "(D <=? D_hat_max)", "regimes that overlap"),
    ("Constants", "digits : nat := 9", "digits : nat := 8", "another constant"),
]


@pytest.mark.slow
def test_every_planted_fault_is_rejected(proofs: tuple[coq.CoqProof, ...], build: Path, tmp_path: Path) -> None:
    """Change one definition or one statement, and Coq rejects a proof: not a spelling, a proof."""
    mutants = sample(MUTANTS)
    with ThreadPoolExecutor(2) as pool:
        complaints = list(
            pool.map(lambda case: _complaint(build, tmp_path / str(case[0]), *case[1][:3]), enumerate(mutants))
        )
    survivors = [story for (*_, story), complaint in zip(mutants, complaints, strict=True) if not complaint]
    assert survivors == []
    misspelt = [
        complaint for complaint in complaints if re.search("Syntax error|Lexer|not found in the current", complaint)
    ]
    assert misspelt == []


def _complaint(build: Path, copy: Path, module: str, old: str, new: str) -> str:
    """What Coq says of the development with one change. Only what the change touches is compiled again."""
    shutil.copytree(build, copy)
    files = {"Constants": coq.constants()} | OWN_FILES
    assert old in files[module], f"{module}.v has no {old!r} to change"
    files[module] = files[module].replace(old, new, 1)
    touched = [module] if module != "Constants" else [module, "Text"]
    compiled = coq.compile_files(copy, {name: files[name] for name in touched})
    return next((result.complaint for result in compiled.values() if result.complaint), "")


# What the module does with developments that are not as they should be.


def test_a_theorem_on_an_axiom_of_its_own_is_not_proved(tmp_path: Path) -> None:
    """The axiom is named, and the verdict is undecided."""
    _source(
        tmp_path, "Axiom wish : 0 = 1.\n(** Wishful (C14N-1, ID-5). *)\nTheorem t : 0 = 1.\nProof. exact wish. Qed."
    )
    (proof,) = coq.check(sources=tmp_path)
    assert (proof.status, proof.assumptions, proof.note) == (ProofStatus.UNDECIDED, ("wish",), "it rests on wish")
    assert (proof.name, proof.requirements, proof.statement) == ("Own.t", ("C14N-1", "ID-5"), "0 = 1")


def test_a_rejected_file_leaves_its_theorems_undecided(tmp_path: Path) -> None:
    """The note is Coq's complaint, with file and line."""
    _source(
        tmp_path,
        "(** One. *)\nTheorem one : 1 = 1.\nProof. easy. Qed.\n(** False. *)\nTheorem two : 1 = 2.\nProof. easy. Qed.",
    )
    told: list[tuple[int, int, str]] = []
    proofs = coq.check(tmp_path / "build", tmp_path, lambda *at: told.append(at))
    assert [proof.status for proof in proofs] == [ProofStatus.UNDECIDED] * 2
    assert 'File "./Own.v", line 6' in proofs[0].note
    assert sorted(told) == [(1, 2, told[0][2]), (2, 2, told[1][2])]
    assert {name for *_, name in told} == {"Constants.v", "Own.v"}


def test_a_theorem_without_words_is_refused(tmp_path: Path) -> None:
    """Whoever states a theorem says what it means."""
    _source(tmp_path, "(** Far above. *)\n\nTheorem bare : 1 = 1.\nProof. easy. Qed.")
    with pytest.raises(UnusableInput, match=r"Own.v: Theorem bare has no comment above it"):
        coq.headlines(tmp_path)


def test_missing_sources_are_named(tmp_path: Path) -> None:
    """An installed package has no Coq files."""
    with pytest.raises(UnusableInput, match="holds no Coq files"):
        coq.headlines(tmp_path / "nowhere")


def test_missing_coq_is_named_with_the_packages_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without coqc, and with a coqc that has no Flocq."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnusableInput, match="install the Debian packages coq and libcoq-flocq"):
        coq.check()
    fake = tmp_path / "coqc"
    fake.write_text(f"#!/bin/sh\necho {tmp_path}\n", "utf-8")
    fake.chmod(0o755)
    with pytest.raises(UnusableInput, match="has no Flocq: install the Debian package libcoq-flocq"):
        coq.check()


def test_the_constants_are_those_of_the_specification() -> None:
    """Each in billionths, exactly."""
    text = coq.constants()
    assert f"Definition sticky_coh_min : Z := {nano(CONSTANTS.signals.sticky_coh_min)}." in text
    assert f"Definition max_epoch : Z := {LIMITS.max_epoch}." in text
    assert f"Definition digits : nat := {CONSTANTS.canonical.digits}." in text


@given(st.integers(0, 10 * NANO))
def test_a_constant_is_taken_by_its_decimal(n: int) -> None:
    """Whatever binary64 makes of it, a constant of nine decimals counts the billionths that were written."""
    assert coq._billionths("x", float(f"{n // NANO}.{n % NANO:09d}")) == n


def _source(directory: Path, text: str) -> None:
    (directory / "Own.v").write_text(text, "utf-8")


def _code(text: str) -> str:
    """The text without comments; none is nested."""
    return re.sub(r"\(\*.*?\*\)", "", text, flags=re.DOTALL)


def _matches(pattern: str, text: str) -> bool:
    return re.search(pattern.removesuffix("$") + r"\Z", text) is not None


def _bits(x: float) -> int:
    return int.from_bytes(struct.pack(">d", x), "big")


def _record(random: Random) -> Signed:
    """A record whose texts are valid ones or odd ones."""
    odd = "".join(chr(random.choice([*range(128), 233, 0x20AC, 0x1F600])) for _ in range(random.randrange(9)))
    reals = (random.choice([0.0, 1.0, 1e-9, 0.1 + 0.2, 3.5, random.uniform(0, 4)]) for _ in range(4))
    D_hat, cost, coh_star, r = reals
    return Signed(
        D_hat=D_hat * random.choice([1, 1, -1, 1e6]),
        budget=cost,
        coh_star=coh_star,
        epoch=random.choice([0, 7, 10, LIMITS.max_epoch, random.randrange(2**53)]),
        merkle_root="".join(random.choices(HEX, k=64)),
        pcs_id=random.choice([odd, "".join(random.choices(HEX, k=64))]),
        r=r,
        shard_id=random.choice([odd, "".join(random.choices(PLAIN, k=8))]),
    )


def _coq_record(s: Signed) -> str:
    D_hat, cost, coh_star, r = (f"({nano(x)})%Z" for x in (s.D_hat, s.budget, s.coh_star, s.r))
    root, pcs_id, shard_id = (f"({_coq_text(text)})" for text in (s.merkle_root, s.pcs_id, s.shard_id))
    return f"Signed {D_hat} {cost} {coh_star} {s.epoch} {root} {pcs_id} {r} {shard_id}"


def _coq_text(text: str) -> str:
    return f"string_of_list_ascii (map ascii_of_N [{'; '.join(map(str, text.encode()))}])"


def _codes(build: Path, terms: Iterable[str]) -> list[list[int]]:
    """The bytes of each text; 256, which no byte is, ends a text."""
    codes = [f"map N_of_ascii (list_ascii_of_string ({term}))" for term in terms]
    flat = _evaluate(build, f"flat_map (fun codes => codes ++ [256])%list [{'; '.join(codes)}]")
    texts: list[list[int]] = [[]]
    for code in flat:
        if code == 256:
            texts.append([])
        else:
            texts[-1].append(code)
    return texts[:-1]


def _mapped(build: Path, pattern: str, code: str, cases: Iterable[tuple[int, ...]]) -> list[int]:
    """An expression's value for each case."""
    values = "; ".join(f"({', '.join(map(str, case))})" for case in cases)
    return _evaluate(build, f"(map (fun {pattern} => {code}) [{values}])%Z")


def _evaluate(build: Path, expression: str) -> list[int]:
    """The integers in the value that Coq computes for a list."""
    query = (
        "From Coq Require Import Ascii String List NArith ZArith.\n"
        "From Flocq Require Import Core Binary Bits.\n"
        f"From {coq.LIBRARY} Require Import {' '.join(OWN_FILES)}.\n"
        "Import ListNotations. Open Scope N_scope. Set Printing Depth 1000000.\n"
        f"Eval vm_compute in {expression}."
    )
    with TemporaryDirectory() as own:
        Path(own, "Evaluated.v").write_text(query, "utf-8")
        command = [coq.coqc(), "-Q", str(build), coq.LIBRARY, "Evaluated.v"]
        done = subprocess.run(command, cwd=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(map(int, re.findall(r"-?\d+", done.stdout)))
