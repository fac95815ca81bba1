"""The vectors: our model answers them all, no planted defect does, and the files are what the generator and the facts say."""

import json
import struct
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from hmac import digest as mac
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from tests.support.conformance.sdk_defects import DEFECTS

from flk.conformance.drafts.generate import DRAFTS, generate, text, write
from flk.conformance.operations import OPERATIONS, Operation
from flk.conformance.reports.report import CaseStatus
from flk.conformance.sdk.compare import judge
from flk.conformance.sdk.protocol import Run
from flk.conformance.sdk.subject import answer
from flk.spec.requirements import catalogue
from flk.spec.vectors import Origin, Vectors, load

FOLDER = Path(str(files("flk.spec").joinpath("vectors")))
GOLDEN = {group.operation: group for group in load() if group.origin is Origin.FACTS}


def failures(groups: tuple[Vectors, ...], operations: Mapping[str, Operation]) -> dict[str, str]:
    """The cases that operations do not pass, and why."""
    asked = ((case, Run(0, group.operation, case.input)) for group in groups for case in group.cases)
    judged = {case.id: judge(case.expect, answer(run, operations)) for case, run in asked}
    return {name: detail for name, (verdict, detail) in judged.items() if verdict is not CaseStatus.PASSED}


def raw(path: Path) -> dict[str, list[dict[str, object]]]:
    """A file as any JSON reader sees it."""
    content: dict[str, list[dict[str, object]]] = json.loads(path.read_text("ascii"))
    return content


def golden(operation: str, name: str) -> dict[str, object]:
    """The input of a golden case, and what is expected of it under `expect`."""
    for case in raw(FOLDER / f"{operation}.golden.json")["cases"]:
        if case["id"] == f"{operation}.golden/{name}":
            return {**dict(case["input"]), "expect": case["expect"]["value"]}  # type: ignore[call-overload,index]  # plain JSON
    raise KeyError(name)


def test_the_model_passes_every_vector() -> None:
    """Golden and generated, all of them."""
    assert failures(load(), OPERATIONS) == {}


@pytest.mark.parametrize("name", DEFECTS)
def test_each_defect_is_caught(name: str) -> None:
    """The vector named for a defect fails on it."""
    operation, defect, vector = DEFECTS[name]
    groups = tuple(group for group in load() if group.operation == operation)
    assert vector in failures(groups, {**OPERATIONS, operation: defect})


def test_every_operation_has_a_defect_that_its_vectors_catch() -> None:
    """No operation's vectors go untried."""
    assert {operation for operation, _, _ in DEFECTS.values()} == OPERATIONS.keys()


@pytest.mark.parametrize("operation", DRAFTS)
def test_generation_gives_the_committed_file(operation: str) -> None:
    """Byte for byte; if the model changed on purpose, run `flk conform vectors --write`."""
    assert text(generate(operation)) == (FOLDER / f"{operation}.json").read_text("ascii")


def test_every_file_is_golden_or_generated() -> None:
    """There is no third kind, and the two do not overlap: the generator never writes a golden file."""
    names = {path.name for path in FOLDER.iterdir()}
    generated = {f"{operation}.json" for operation in DRAFTS}
    assert names - generated == {f"{operation}.golden.json" for operation in GOLDEN}
    assert {group.name for group in load() if group.origin is Origin.MODEL} == set(DRAFTS) == OPERATIONS.keys()


def test_writing_touches_what_changed_and_nothing_else(tmp_path: Path) -> None:
    """A second run changes nothing, and a golden file stays as it is."""
    (tmp_path / "sign.golden.json").write_text("by hand")
    assert len(write(tmp_path)) == len(DRAFTS)
    assert write(tmp_path) == ()
    (tmp_path / "regime.json").write_text("spoilt")
    assert write(tmp_path) == ("regime.json",)
    assert (tmp_path / "sign.golden.json").read_text() == "by hand"


@pytest.mark.parametrize(
    ("signature", "payload"),
    [
        ("record-1-shortest", "record-1-shortest"),
        ("record-2-shortest", "record-2-shortest"),
        ("signature-vector-fixed9", "signature-vector-fixed9"),
        ("signature-vector-shortest", "signature-vector-shortest"),
    ],
)
def test_golden_signatures_are_macs_of_golden_payloads(signature: str, payload: str) -> None:
    """The standard library alone gets from one golden file to the other."""
    message = str(golden("canonical", payload)["expect"]).encode()
    assert b64encode(mac(b"testsecret", message, "sha256")).decode() == golden("sign", signature)["expect"]


@pytest.mark.parametrize("name", ["record-1", "record-2", "short-root", "all-a"])
def test_golden_ids_are_hashes(name: str) -> None:
    """SHA-256 of root, epoch and shard with bars between them."""
    case = golden("pcs_id", name)
    assert sha256(f"{case['merkle_root']}|{case['epoch']}|{case['shard_id']}".encode()).hexdigest() == case["expect"]


def test_vectors_are_many_and_small() -> None:
    """Enough to leave no decision out, small enough to be read."""
    cases = [case for group in load() for case in group.cases]
    assert len(cases) >= 1000
    assert len({case.id for case in cases}) == len(cases)
    assert max(len(bytes(case.input)) for case in cases) < 6000


def test_vectors_name_requirements_and_flags_that_exist() -> None:
    """Every case bears on requirements of the catalogue, and its file explains every flag."""
    known = {requirement.id for requirement in catalogue()}
    for group in load():
        assert set(group.requirements) == {name for case in group.cases for name in case.requirements} <= known
        assert set(group.flags) == {flag for case in group.cases for flag in case.flags}
        for case in group.cases:
            assert case.requirements
            assert case.comment
            assert isinstance(case.expect.error, msgspec.UnsetType) or case.expect.error in known


def test_bits_say_what_numbers_say() -> None:
    """Wherever a real is given twice, both are one double, sign of zero included."""
    seen = 0
    for path in FOLDER.iterdir():
        for case in raw(path)["cases"]:
            for number, hexadecimal in _doubles(case["input"]):
                assert struct.pack(">d", number).hex() == hexadecimal
                seen += 1
    assert seen > 1000


def _doubles(question: object) -> Iterator[tuple[float, str]]:
    """Each real of an input beside its bits; they are its own fields or those of its record."""
    assert isinstance(question, dict)
    for name, hexadecimal in question.get("bits", {}).items():
        yield float(question.get("record", question)[name]), hexadecimal


@pytest.mark.parametrize(
    "expect",
    [b"{}", b'{"value":1,"error":"REC-1"}', b'{"error":"REC-1","message":"no"}'],
    ids=["none", "both", "unknown"],
)
def test_a_case_expects_one_answer(expect: bytes) -> None:
    """A file whose case expects nothing, two things or something unknown is not read."""
    group = msgspec.json.decode((FOLDER / "regime.json").read_bytes(), type=dict[str, msgspec.Raw])
    case = b'{"id":"x","comment":"x","requirements":[],"flags":[],"input":{},"expect":' + expect + b"}"
    spoilt = msgspec.json.encode({**group, "cases": msgspec.Raw(b"[" + case + b"]")})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(spoilt, type=Vectors)
