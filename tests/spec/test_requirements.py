"""The catalogue states each requirement once, soundly, and everything that cites one cites one that exists."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from tests.support import ROOT

from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput
from flk.spec.requirements import AREAS, Level, catalogue, parse
from flk.spec.template import fill

ROOMS = ("spec", "model", "formal", "sim", "impl", "conformance")
IDS = frozenset(requirement.id for requirement in catalogue())

SOUND = """
[[requirement]]
id = "RNG-1"
level = "MUST"
title = "Placement"
text = "A key MUST have one place."
rationale = "Two places would be one too many."
source = "design 4"
evidence = ["test tests/model/entries/test_ring.py::test_placement"]
"""


def test_each_area_has_its_file_and_each_file_its_area() -> None:
    """No file of requirements is left out of the catalogue, and none is missing."""
    folder = files("flk.spec").joinpath("requirements")
    assert {file.name for file in folder.iterdir()} == {f"{area}.toml" for area in AREAS}


def test_ids_are_unique_and_every_area_is_there() -> None:
    """An id names one requirement."""
    assert len(IDS) == len(catalogue())
    assert {name.partition("-")[0] for name in IDS} == set(AREAS.values())


def test_sentences_quote_the_constants() -> None:
    """Numbers in a requirement are those of constants.toml, and no placeholder is left."""
    stated = {requirement.id: requirement for requirement in catalogue()}
    assert str(CONSTANTS.record.max_epoch) in stated["ID-4"].text
    assert "sticky, mixed, non_sticky" in stated["REC-6"].text
    assert not [item.id for item in catalogue() if "${" in item.text + item.rationale + item.source]


def test_no_sentence_is_said_twice() -> None:
    """Two requirements neither state nor justify themselves in the same words."""
    for words in ("title", "text", "rationale"):
        said = [getattr(requirement, words) for requirement in catalogue()]
        assert len(set(said)) == len(said)


@pytest.mark.parametrize(
    ("sound", "broken", "complaint"),
    [
        ('level = "MUST"', 'level = "MAY"', "ring.toml: RNG-1: Invalid enum value 'MAY' - at `$.level`"),
        ('source = "design 4"\n', "", "ring.toml: RNG-1: Object missing required field `source`"),
        ("source =", "sauce =", "ring.toml: RNG-1: Object contains unknown field `sauce`"),
        ('"Placement"', '" "', "ring.toml: RNG-1: title: must not be empty"),
        ("A key MUST have", "A key has", "ring.toml: RNG-1: text: a MUST says MUST"),
        ('"MUST"', '"SHOULD"', "ring.toml: RNG-1: text: a SHOULD says SHOULD"),
        ("one place", "${ring.nodes} places", "ring.toml: RNG-1: text: ${ring.nodes} is not a constant"),
        ('"RNG-1"', '"RNG-2"', "ring.toml: RNG-2: id: ids count up from 1 in their file, so RNG-1 is due here"),
        ('"RNG-1"', '"OBS-1"', "ring.toml: OBS-1: id: "),
        ('"test tests', '"tests tests', "ring.toml: RNG-1: evidence: 'tests tests/model"),
        (
            "tests/model/entries/test_ring.py::test_placement",
            "",
            "ring.toml: RNG-1: evidence: 'test ' is not KIND NAME",
        ),
        ('["test', '["proof x", "proof x", "test', "ring.toml: RNG-1: evidence: names the same evidence twice"),
        ("[[requirement]]", "[[requirement]", "ring.toml: not TOML: "),
        (SOUND, "requirement = [1]", "ring.toml: RNG-1: Expected `object`, got `int`"),
        ("[[requirement]]", "[[requirements]]", "ring.toml: only [[requirement]] tables may stand here"),
        ("[[requirement]]", "[requirement]", "ring.toml: only [[requirement]] tables may stand here"),
    ],
)
def test_a_mistake_is_named_with_its_file_its_id_and_its_field(sound: str, broken: str, complaint: str) -> None:
    """Whoever edits a file of requirements learns from the message where the mistake is."""
    assert parse("ring", SOUND)[0].level is Level.MUST
    with pytest.raises(UnusableInput) as raised:
        parse("ring", SOUND.replace(sound, broken, 1))
    assert complaint in str(raised.value)


def test_an_unknown_constant_is_named() -> None:
    """A text that quotes a constant which does not exist cannot be filled in."""
    assert fill("${ring.vnodes} and $ and {}") == f"{CONSTANTS.ring.vnodes} and $ and {{}}"
    with pytest.raises(LookupError, match=r"ring\.spokes"):
        fill("${ring.spokes}")


# What looks like an id and is none: names of standards, and of methods.
NOT_AREAS = frozenset({"UTF", "SHA", "ECMA", "IEEE", "RFC", "ISO", "CRC", "MSER", "PEP"})
CITED = re.compile(r"(?<![\w\\-])([A-Z][A-Z0-9]{1,4})-([0-9]+|\*)(?![\w])")


def citations(text: str) -> Iterator[str]:
    """Everything in `text` that is spelt as a requirement's id or, with a star, as an area."""
    return (found[0] for found in CITED.finditer(text) if found[1] not in NOT_AREAS)


def unknown(text: str) -> set[str]:
    """What `text` cites and the catalogue does not have."""
    areas = {f"{prefix}-*" for prefix in AREAS.values()}
    return {cited for cited in citations(text) if cited not in IDS | areas}


def cited_files() -> list[Path]:
    """Whatever may cite a requirement: the code and data of the rooms, and the decisions."""
    patterns = [f"{room}/flk/**/*.{kind}" for room in ROOMS for kind in ("py", "toml", "json")]
    return [file for pattern in (*patterns, "spec/decisions/*.md") for file in ROOT.glob(pattern)]


def test_every_id_that_anything_cites_exists() -> None:
    """Docstrings, tables, schemas and decisions cite requirements that the catalogue has."""
    wrong = {str(file.relative_to(ROOT)): unknown(file.read_text("utf-8")) for file in cited_files()}
    assert {file: ids for file, ids in wrong.items() if ids} == {}
    assert sum(1 for file in cited_files() for _ in citations(file.read_text("utf-8"))) > len(IDS)


def test_an_id_that_does_not_exist_would_be_seen() -> None:
    """The search that the test above rests on finds a planted mistake and is not misled by standards."""
    assert unknown("Source: RFC-6962, SHA-256; CRR-1 to CRR-3, WAL-*, ID-1.") == set()
    assert unknown("(C14-2, CRR-99; WALL-*)") == {"C14-2", "CRR-99", "WALL-*"}


def test_every_field_of_a_record_names_the_requirement_that_a_bad_value_breaks() -> None:
    """The table from fields to requirements in constants.toml cites the catalogue."""
    assert set(CONSTANTS.record.requirement.values()) <= IDS


METHOD = "Requirements: none; this is about "


def test_decisions_are_short_numbered_and_linked() -> None:
    """Each decision fits on a page, is numbered in sequence, and names requirements that exist, or is about method."""
    decisions = sorted((ROOT / "spec/decisions").glob("*.md"))
    assert [file.name[:5] for file in decisions] == [f"{number:04d}-" for number in range(1, len(decisions) + 1)]
    for file in decisions:
        title, _, linked, *rest = file.read_text("utf-8").splitlines()
        assert title.startswith(f"# {file.name[:4]} ")
        assert linked.startswith("Requirements: ")
        assert linked.startswith(METHOD) or set(linked.removeprefix("Requirements: ").split(", ")) <= IDS
        assert len(rest) <= 22
