"""A mistake that many have made is named, with the requirement that forbids it, and explains what failed."""

import json
from base64 import b64encode
from hashlib import sha256
from itertools import combinations
from math import log2
from statistics import median

import pytest
from rich.console import Console
from tests.support.conformance import sdk_defects as defects

from flk.conformance.diagnosis.diagnose import attributed, diagnose
from flk.conformance.diagnosis.form import WrongForm
from flk.conformance.diagnosis.forms import WRONG_FORMS, of_tree
from flk.conformance.diagnosis.tree import Tree
from flk.conformance.operations import OPERATIONS, Operation, form
from flk.conformance.operations.forms import Form
from flk.conformance.operations.signals import Counts
from flk.conformance.operations.signatures import SignInput
from flk.conformance.operations.trees import Inclusion
from flk.conformance.reports.report import CaseResult, CaseStatus, Report
from flk.conformance.reports.terminal import render
from flk.conformance.sdk.compare import judge, told
from flk.conformance.sdk.protocol import Error, Run, Value
from flk.conformance.sdk.subject import answer
from flk.model.record.canonical import canonical_bytes, round9
from flk.spec.vectors import load


def results(operation: str, planted: Operation) -> list[CaseResult]:
    """What comes of the cases of an operation that is answered so."""
    told_of = []
    for group in load():
        for case in group.cases if group.operation == operation else ():
            said = answer(Run(0, operation, case.input), {**OPERATIONS, operation: planted})
            status, detail = judge(case.expect, said)
            pair = (told(case.expect), told(said)) if isinstance(said, Value | Error) else ("", "")
            question = bytes(case.input).decode()
            told_of.append(CaseResult(case.id, case.comment, case.requirements, status, detail, question, (), *pair))
    return told_of


def pre_hashed(given: SignInput) -> str:
    """SHA-256 first, under whatever profile."""
    message = sha256(canonical_bytes(given.record.signed(), given.profile)).digest()
    return b64encode(given.key.signer().sign(message)).decode()


def deduplicated(given: Counts) -> float:
    """Equal slopes count once."""
    points = [(log2(scale), log2(count)) for scale, count in zip(given.scales, given.counts, strict=True)]
    return round9(median({(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2)}))


def accepting(given: Inclusion) -> bool:
    """Every proof is good."""
    del given
    return True


def test_a_pre_hash_explains_every_wrong_signature() -> None:
    """One sentence for all of them."""
    told_of = results("sign", pre_hashed)
    failed = sum(result.status is CaseStatus.FAILED for result in told_of)
    (one,) = diagnose(told_of)
    assert (one.form, one.explains, one.of) == ("pre-hash", failed, failed)
    assert one.says.startswith(f"all {failed} wrong answers (sign) are those of SHA-256(payload): SIGN-1: ")


NAMED = {
    "ties_away_from_zero": ("half-away", "C14N-2"),
    "rounds_the_shortest_text": ("half-up", "C14N-2"),
    "multiplies_first": ("multiply-first", "C14N-2"),
    "truncates": ("truncation", "C14N-2"),
    "prints_minus_zero": ("minus-zero", "C14N-3"),
    "order_of_the_struct": ("struct-order", "C14N-1"),
    "spaces_after_commas": ("spaces-after-commas", "C14N-1"),
    "ascii_escapes": ("ascii-escapes", "C14N-5"),
    "html_escapes": ("html-escapes", "C14N-5"),
    "long_escapes": ("long-escapes", "C14N-5"),
    "signs_a_digest": ("pre-hash", "SIGN-1"),
    "signs_shortest_reals": ("shortest-reals", "C14N-2"),
    "lenient_base64": ("lenient-base64", "SIGN-6"),
    "accepts_any_profile": ("any-profile", "C14N-6"),
    "window_includes_its_end": ("closed-window", "SIGN-4"),
    "one_key_only": ("one-key", "SIGN-4"),
    "any_tenants_key": ("everybodys-keys", "SIGN-7"),
    "id_without_bars": ("no-bars", "ID-1"),
    "last_key_wins": ("unchecked-REC-2", "REC-2"),
    "ignores_unknown_fields": ("unchecked-REC-3", "REC-3"),
    "trusts_the_id": ("unchecked-ID-1", "ID-1"),
    "any_regime": ("unchecked-REC-6", "REC-6"),
    "digest_of_what_is_signed": ("digest-of-eight", "DUP-9"),
    "subtracts_doubles": ("real-differences", "JDG-1"),
    "tolerance_excludes_its_edge": ("open-tolerance", "JDG-1"),
    "upper_median": ("upper-median", "SIG-1"),
    "open_bounds": ("strict-bounds", "SIG-4"),
    "budget_without_a_cut": ("uncut-budget", "SIG-6"),
    "budget_below_the_bend": ("unbent-budget", "SIG-6"),
    "compressibility_above_one": ("uncut-ratio", "SIG-3"),
    "truncates_cells": ("truncated-cells", "SIG-5"),
    "duplicates_the_last_leaf": ("duplicated-leaf", "MRK-1"),
    "no_prefixes": ("no-prefixes", "MRK-1"),
    "ignores_the_size": ("any-size", "MRK-2"),
    "ignores_what_follows": ("spare-nodes", "MRK-3"),
    "from_the_root_down": ("reversed-proof", "MRK-2"),
    "with_the_old_root": ("old-root-first", "MRK-3"),
    "chunks_of_a_kibibyte": ("chunks-of-1024", "MRK-4"),
    "one_tree_for_all": ("new-tree", "MRK-5"),
    "wall_time_alone": ("wall-time", "HLC-1"),
    "believes_every_clock": ("believed-clock", "HLC-3"),
    "first_come_first_served": ("first-come", "CRR-1"),
    "timestamps_alone": ("timestamps-alone", "CRR-1"),
    "another_checksum": ("crc-of-zip", "WAL-2"),
    "stops_at_the_first_bad_frame": ("damage-as-torn", "WAL-4"),
    "asks_only_the_opening_for_the_salt": ("salt-of-opening", "WAL-8"),
    "any_name_will_do": ("any-name", "CRR-6"),
    "modulo": ("modulo", "RNG-1"),
    "no_cap": ("no-ceiling", "OUT-3"),
    "deaf_to_retry_after": ("deaf", "OUT-4"),
    "looks_up_before_it_verifies": ("looks-up-first", "ORD-3"),
    "each_delivery_is_new": ("forgetful", "DUP-2"),
    "prints_nan": ("non-finite", "C14N-4"),
    "integral_reals_without_a_point": ("no-point", "C14N-6"),
    "epoch_as_a_real": ("epoch-as-a-real", "C14N-1"),
    "compares_a_prefix": ("prefix-compared", "SIGN-6"),
    "integral_reals_are_integers": ("integral-epoch", "ID-4"),
    "dollar_matches_before_a_newline": ("final-newline", "ID-3"),
    "least_squares": ("least-squares", "SIG-1"),
    "last_bin_open": ("open-last-bin", "SIG-2"),
    "remembers_bodies": ("known-bodies", "SIGN-4"),
    "fused_products": ("fused-products", "SIG-7"),
    "cells_of_32_bits": ("cells-of-32-bits", "SIG-5"),
    "trims_what_was_read": ("trimmed-data", "MRK-4"),
    "reads_in_text_mode": ("text-mode", "MRK-4"),
    "leaves_are_text": ("leaves-as-text", "MRK-1"),
    "shifts_of_32_bits": ("shift-of-32-bits", "OUT-3"),
    "counts_in_binary32": ("binary32-counts", "SIG-1"),
    "the_first_of_equal_scales": ("first-of-equal-scales", "SIG-1"),
    "nothing_needs_no_salt": ("unsalted-if-empty", "WAL-2"),
    "nothing_was_logged": ("empty-frames-skipped", "WAL-2"),
    "something_must_be_in_it": ("without-records", "CRR-6"),
    "windows_open_late": ("open-window", "SIGN-4"),
    "long_secrets_are_cut": ("cut-secret", "SIGN-2"),
    "entries_expire": ("expired-entries", "DUP-7"),
    "tenants_without_case": ("tenants-without-case", "SIGN-7"),
    "cells_run_together": ("cells-run-together", "SIG-5"),
    "keys_are_normalised": ("normalised-keys", "RNG-1"),
    "keys_without_case": ("keys-without-case", "RNG-1"),
    "wall_time_moves_the_clock": ("arrival-at-wall-time", "HLC-2"),
    "places_of_32_bits": ("places-of-32-bits", "MRK-2"),
    "judges_by_the_default": ("default-policy", "POL-8"),
    "weighs_by_the_default": ("default-weights", "POL-8"),
    "asks_nothing_besides": ("no-scrutiny", "POL-12"),
    "counts_of_neighbours": ("listed-neighbours", "SAN-2"),
    "usual_slopes_are_between": ("open-slopes", "SAN-3"),
    "beyond_the_score": ("score-above", "SAN-4"),
    "the_last_of_two_keys": ("last-value", "POL-1"),
    "skips_unknown_fields": ("unknown-skipped", "POL-1"),
    "an_empty_object_is_nothing": ("empty-is-absent", "POL-12"),
    "any_policy_key": ("any-policy-key", "POL-5"),
    "a_share_and_one_part": ("closed-share", "POL-7"),
}
"""The mistakes that are known, each with its form and the requirement that forbids it."""
UNKNOWN = {
    "digest_of_everything": "DUP-9: what is digested is whatever this SDK's writer makes of a record, so no form gives its bytes",
    "an_epoch_of_one_digit": "VRF-5: the output of another message is as good as any other",
    "an_output_of_any_proof": "VRF-2, VRF-3: what a proof that shows nothing comes to, nobody can foresee",
    "a_seed_backwards": "VRF-5: one order of bytes of many",
    "a_proof_of_another_suite": "VRF-1: the other suites are not built here",
    "a_key_id_without_the_kind": "TLOG-1: an id of other bytes is as good as any other",
    "a_time_that_is_not_signed": "TLOG-1: a signature of another text is as good as any other",
    "any_text_is_signed": "TLOG-1: what is made of a text that no note can have, nobody can foresee",
    "a_wrong_signature_is_passed_over": "TLOG-1: the note is refused all the same, for want of a signature",
    "any_log_that_the_key_signed": "TLOG-2: a checkpoint of another log is as good as its own",
    "a_witness_by_name": "TLOG-1: only the names of witnesses differ",
    "partial_tiles_rise": "TLOG-3: which hash a tile has that should not be there, nobody can foresee",
    "numbers_of_three_digits": "TLOG-3: other names for the same objects",
    "reasons_in_the_order_of_their_invention": "SAN-5: which reasons come before others there are many orders of",
    "weights_are_added_in_binary64": "POL-3: that a policy is refused says nothing of why",
    "states_that_proofs_are_off": "POL-3: a digest of other bytes is as good as any other",
    "one_mistake_at_a_time": "POL-2: which mistake is told first is the reader's own",
    "earlier_numbers_as_in_python": "POL-4: a digest of other bytes is as good as any other",
    "trusts_what_is_signed": "POL-5: a version is told where none should be",
    "signs_the_file": "POL-5: a signature of other bytes is as good as any other",
    "staged_for_all": "POL-7, VRF-6: the outcomes are those of a policy, and of the wrong one",
}
"""Mistakes that no form can explain, each with the requirements that it breaks and the reason."""
BESIDES = {"signs_shortest_reals": {"C14N-9"}}
"""What a mistake breaks besides: who signs the older form, whatever was asked for, leaves out what profile `judged` covers."""


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("name", NAMED)
def test_a_planted_mistake_is_named_and_attributed(name: str) -> None:
    """The form that explains most is the mistake that was planted, and all that failed breaks the requirement that forbids it."""
    operation, planted, _ = defects.DEFECTS[name]
    told_of = results(operation, planted)
    told = diagnose(told_of)
    assert (told[0].form, told[0].requirement) == NAMED[name]
    wrong = [result for result in attributed(told_of, told) if not result.conforms]
    assert {broken for result in wrong for broken in result.requirements} == {
        told[0].requirement,
        *BESIDES.get(name, ()),
    }


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_mistake_that_no_form_explains_is_attributed_all_the_same(name: str) -> None:
    """By the cases that fail: they bear on these requirements."""
    operation, planted, _ = defects.DEFECTS[name]
    told_of = results(operation, planted)
    assert diagnose(told_of) == ()
    wrong = [result for result in told_of if not result.conforms]
    broken = {requirement for result in wrong for requirement in result.requirements}
    assert broken == set(UNKNOWN[name].partition(":")[0].split(", "))


def test_every_planted_mistake_has_a_form_or_a_reason() -> None:
    """No mistake that a vector finds is left without a cause."""
    assert NAMED.keys() | UNKNOWN.keys() == defects.DEFECTS.keys()
    assert not NAMED.keys() & UNKNOWN.keys()


@pytest.mark.parametrize(
    ("operation", "planted", "form", "requirement"),
    [
        ("d_hat", deduplicated, "distinct-slopes", "SIG-1"),
        ("verify_inclusion", accepting, "accepts-everything", "MRK-2"),
    ],
)
def test_whoever_makes_it_everywhere_is_told_so(
    operation: str, planted: Operation, form: str, requirement: str
) -> None:
    """A form that explains all that failed, and contradicts nothing that passed."""
    first = diagnose(results(operation, planted))[0]
    assert (first.form, first.requirement) == (form, requirement)


@pytest.mark.parametrize("name", ["lenient_base64", "any_tenants_key", "prints_nan", "ignores_the_size"])
def test_whoever_errs_now_and_then_is_not_said_to_err_always(name: str) -> None:
    """A form that gives more wrong answers to what was answered rightly than it explains is none."""
    operation, planted, _ = defects.DEFECTS[name]
    assert {one.form for one in diagnose(results(operation, planted))}.isdisjoint({"accepts-everything", "minus-zero"})


def test_a_tree_of_the_right_prefixes_and_split_answers_every_vector() -> None:
    """So what a wrong one answers is the doing of what is wrong about it."""
    right = WrongForm("none", "", "", "", of_tree(Tree()))
    told_of = [result for operation in OF_TREES for result in results(operation, like(operation, right))]
    assert {result.status for result in told_of} == {CaseStatus.PASSED}


OF_TREES = (
    "merkle_root",
    "data_root",
    "inclusion_proof",
    "consistency_proof",
    "verify_inclusion",
    "verify_consistency",
)


@pytest.mark.parametrize("name", sorted({one.name for one in WRONG_FORMS if set(OF_TREES) <= one.answers.keys()}))
def test_a_wrong_tree_breaks_one_requirement_in_every_root_and_proof(name: str) -> None:
    """Chunks and proofs that are right but for the tree break nothing of their own (MRK-2 to MRK-4)."""
    (one,) = (one for one in WRONG_FORMS if one.name == name and set(OF_TREES) <= one.answers.keys())
    told_of = [result for operation in OF_TREES for result in results(operation, like(operation, one))]
    told = diagnose(told_of)
    assert {each.requirement for each in told} == {"MRK-1"}
    failed = [result for result in attributed(told_of, told) if result.status is CaseStatus.FAILED]
    assert len(failed) > 35
    assert {name for result in failed for name in result.requirements} == {"MRK-1"}


def test_a_tree_that_nobody_knows_breaks_no_chunk() -> None:
    """A root of data that is wrong as the tree over its chunks is wrong says nothing of the chunks (MRK-4 without the tree)."""
    unknown = WrongForm("none", "", "", "", of_tree(Tree(leaf=b"\2")))
    told_of = [result for name in ("merkle_root", "data_root") for result in results(name, like(name, unknown))]
    assert blamed(told_of) == {"MRK-1"}
    assert blamed(results("data_root", defects.chunks_of_a_kibibyte)) == {"MRK-4"}


def blamed(told_of: list[CaseResult]) -> set[str]:
    """The requirements that roots of data are said to break."""
    failed = [one for one in attributed(told_of, ()) if one.status is CaseStatus.FAILED and one.group == "data_root"]
    return {name for one in failed for name in one.requirements}


def like(operation: str, one: WrongForm) -> Operation:
    """An operation that answers as the form does."""

    def planted(given: Form) -> object:
        told = one.answers[operation](given)
        if isinstance(told, dict) and "error" in told:
            raise LookupError(f"{told['error']}: there is none")
        return told

    planted.__annotations__["given"] = form(OPERATIONS[operation])
    return planted


def test_who_makes_no_mistake_has_no_diagnosis() -> None:
    """And what no known form explains has none either."""
    assert diagnose(results("regime", OPERATIONS["regime"])) == ()
    odd = CaseResult("regime/x", "", ("SIG-4",), CaseStatus.FAILED, "", json.dumps({}), (), '"sticky"', '"stiff"')
    assert diagnose([odd]) == ()


def test_a_terminal_marks_the_first_difference_and_names_the_cause() -> None:
    """Expected and received stand under each other, and a caret under the first byte that differs."""
    told_of = results("sign", pre_hashed)
    report = Report("subject", tuple(told_of), diagnoses=diagnose(told_of))
    with (console := Console(width=200)).capture() as capture:
        console.print(render(report))
    shown = capture.get()
    assert "^ first difference: byte 1" in shown
    assert "diagnosis: all" in shown
