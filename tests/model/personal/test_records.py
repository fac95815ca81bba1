"""Personal data in a record: found in each free text, and in none that is signed after it was redacted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.model.golden import GOLDENS
from tests.support.model.strategies import change

from flk.model.personal.find import Kind
from flk.model.personal.records import Mode, PersonalData, finds_in, screen
from flk.model.record.record import LIMITS, Fault, Pcs, decode, encode

PERSONAL = "ann@firma.de"
PLAIN = change(GOLDENS[0].record, version="0.1", ft=Fault(0, False, ("x", "y"), 0))

holding = st.sampled_from([PERSONAL, f"by {PERSONAL}", "+44 20 7946 0958", "x", "0.1", f"{PERSONAL} " * 9]).map(
    lambda text: text[: LIMITS.max_text]
)
screened = st.builds(
    lambda version, fallbacks: change(PLAIN, version=version, ft=Fault(1, True, tuple(fallbacks), 0)),
    holding,
    st.lists(holding, max_size=3),
)


@pytest.mark.parametrize(
    ("field", "record"),
    [
        ("version", change(PLAIN, version=PERSONAL)),
        ("shard_id", change(PLAIN, shard_id=PERSONAL)),
        ("ft.fallbacks[1]", change(PLAIN, ft=Fault(0, False, ("x", PERSONAL), 0))),
    ],
)
def test_every_free_text_is_looked_at(field: str, record: Pcs) -> None:
    """And told by its name and place, without the words (PII-5, PII-6)."""
    (located,) = finds_in(record)
    assert (located.field, located.find.kind) == (field, Kind.EMAIL)
    assert "ann" not in str(located) + repr(located)


@given(screened)
def test_a_redacted_record_is_valid_and_holds_no_find(record: Pcs) -> None:
    """None of its texts is longer than it may be, and redacting it again changes nothing (PII-5)."""
    redacted, found = screen(record, Mode.REDACT)
    assert decode(encode(redacted)) == redacted
    assert finds_in(redacted) == ()
    assert (redacted == record) == (not found)
    assert screen(redacted, Mode.REDACT) == (redacted, ())


@given(screened)
def test_a_blocked_record_is_named_without_its_words(record: Pcs) -> None:
    """Nobody who reads a log learns what was found (PII-6)."""
    if not finds_in(record):
        assert screen(record, Mode.BLOCK) == (record, ())
        return
    with pytest.raises(PersonalData, match=r"^PII-5: .* holds what looks like") as told:
        screen(record, Mode.BLOCK)
    assert not any(word in str(told.value) for word in ("ann", "firma", "7946"))


@given(screened)
def test_detecting_changes_nothing(record: Pcs) -> None:
    """It tells."""
    assert screen(record, Mode.DETECT) == (record, finds_in(record))


def test_a_shard_is_never_redacted() -> None:
    """Two of them would be one; and the id is made of its name."""
    with pytest.raises(PersonalData, match="give the shard another name"):
        screen(change(PLAIN, shard_id=PERSONAL), Mode.REDACT)
