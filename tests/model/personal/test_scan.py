"""The scanner: what it finds and what it passes over, places, redaction, and work that is linear whatever the text."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import iban

from flk.model.personal import network, numbers, patterns, phones
from flk.model.personal.find import Kind
from flk.model.personal.marker import MARKERS, WHOLE, marker
from flk.model.personal.scan import EVERYTHING, Scan, redact, scan

FOUND = {
    "x@real.org": Kind.EMAIL,
    "o'brien+news@mail.co.uk": Kind.EMAIL,
    '"ann lee"@firma.de': Kind.EMAIL,
    "用户@例子.广告": Kind.EMAIL,
    "post@xn--bcher-kva.ch": Kind.EMAIL,
    "ann＠firma。de": Kind.EMAIL,
    "415-555-2671": Kind.PHONE,
    "(415) 555-2671": Kind.PHONE,
    "1 415 555 2671": Kind.PHONE,
    "+44 20 7946 0958": Kind.PHONE,
    "+44 (0)20 7946 0958": Kind.PHONE,
    "+(44) 20 7946 0958": Kind.PHONE,
    "0044 20 7946 0958": Kind.PHONE,
    "030 / 123 456 78": Kind.PHONE,
    "06 12 34 56 78": Kind.PHONE,
    "+33123453324": Kind.PHONE,
    "810 19 03 98": Kind.PHONE,
    "4111 1111 1111 1111": Kind.CARD,
    "4111-1111-1111-1111": Kind.CARD,
    "378282246310005": Kind.CARD,
    "3782 822463 10005": Kind.CARD,
    "４１１１ １１１１ １１１１ １１１１": Kind.CARD,
    "٤١١١١١١١١١١١١١١١": Kind.CARD,
    "4111\u200b1111\u200b1111\u200b1111": Kind.CARD,
    "DE89 3704 0044 0532 0130 00": Kind.IBAN,
    "gb82west12345698765432": Kind.IBAN,
    "123-45-6789": Kind.NATIONAL_ID,
    "12345678Z": Kind.NATIONAL_ID,
    "RSSMRA85T10A562S": Kind.NATIONAL_ID,
    "AB 12 34 56 C": Kind.NATIONAL_ID,
    "390.533.447-05": Kind.NATIONAL_ID,
    "8.8.8.8": Kind.IP,
    "2001:db8::1": Kind.IP,
    "fe80::1ff:fe23:4567:890a": Kind.IP,
    "::ffff:8.8.8.8": Kind.IP,
    "AKIAIOSFODNN7EXAMPLE": Kind.SECRET,
    "ghp_" + "a1B2" * 9: Kind.SECRET,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N": Kind.SECRET,
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----": Kind.SECRET,
}
"""What is found whole, by itself."""

WITHIN = {
    "tel 4155552671": ("4155552671", Kind.PHONE),
    "BSN: 123456782": ("123456782", Kind.NATIONAL_ID),
    "aadhaar 2341 2341 2346": ("2341 2341 2346", Kind.NATIONAL_ID),
    "password: hunter22x!": ("hunter22x!", Kind.SECRET),
    "Authorization: Bearer abcdef0123456789": ("abcdef0123456789", Kind.SECRET),
    "postgres://bob:s3cret@db/x": ("bob:s3cret", Kind.SECRET),
    "write to x@y.org.": ("x@y.org", Kind.EMAIL),
    "'x@y.org'": ("x@y.org", Kind.EMAIL),
    "DE89 3704 0044 0532 0130 00 OK": ("DE89 3704 0044 0532 0130 00", Kind.IBAN),
    "from 8.8.8.8, then": ("8.8.8.8", Kind.IP),
    "at fe80::1.": ("fe80::1", Kind.IP),
}
"""What is found for the words around it, and without them."""

PASSED_OVER = [
    "ann@example.com",
    "ann@mail.example.org",
    "root@localhost",
    "icon@2x.png",
    "node@18.2.0",
    "a@b",
    "x" * 65 + "@real.org",
    "999.999.999.999",
    "1.2.3.4.5",
    "host.1.2.3.4",
    "00442079460958",
    "v1.2.3.4",
    "version 10.0.19.41",
    "127.0.0.1",
    "255.255.255.255",
    "010.1.1.1",
    "dead::beef",
    "std::vec",
    "::1",
    "12:34:56",
    "4111 1111 1111 1112",
    "0000 0000 0000 0000",
    "41 111111 11111111",
    "a4111111111111111",
    "4111111111111111b",
    "2026-11-25 03:40:12",
    "25.11.2026",
    "4155552671",
    "123456782",
    "12345678A",
    "000-45-6789",
    "978-84-7088-860-1",
    "3.1415926",
    "2004-12-02 20:14:55",
    "DE88 3704 0044 0532 0130 00",
    "password: required",
    "token = ${TOKEN_FROM_ENV}",
    "secret: ************",
    "https://host/a:b/c@d",
    "",
    "0.1",
    "0123456789abcdef" * 4,
]
"""Near misses."""


def places(text: str, what: Scan = EVERYTHING) -> list[tuple[int, int, Kind]]:
    """The finds, without their places in bytes."""
    return [(find.start, find.end, find.kind) for find in scan(text, what)]


@pytest.mark.parametrize("text", FOUND)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("so ", " and"), ("è (", ")")])
def test_each_kind_is_found_whole(text: str, before: str, after: str) -> None:
    """At the edges of a text and within one (PII-1)."""
    assert places(before + text + after) == [(len(before), len(before) + len(text), FOUND[text])]


@pytest.mark.parametrize("text", WITHIN)
def test_words_around_a_find_are_not_part_of_it(text: str) -> None:
    """They may say what it is."""
    part, kind = WITHIN[text]
    start = text.index(part)
    assert places(text) == [(start, start + len(part), kind)]


@pytest.mark.parametrize("text", PASSED_OVER)
def test_a_near_miss_is_passed_over(text: str) -> None:
    """Wrong check digits, reserved names, versions, dates, placeholders, digits that nothing tells apart from an amount (PII-1)."""
    assert places(text) == []


def test_the_text_that_the_earlier_redaction_corrupted() -> None:
    """It replaced finds in the order of their kinds, so the first replacement moved the place of the second (facts, section 9)."""
    assert redact("x@real.org 415-555-1234") == "[redacted:email] [redacted:phone]"
    assert redact("415-555-1234 x@real.org") == "[redacted:phone] [redacted:email]"


def test_a_reserved_domain_within_another_is_somebodys() -> None:
    """The earlier scanner passed over each address that contained the name."""
    assert places("ann@notexample.com") == [(0, 18, Kind.EMAIL)]
    assert places("ann@test.com") == [(0, 12, Kind.EMAIL)]


def test_a_bar_is_in_no_domain() -> None:
    """The earlier pattern's class of letters held one."""
    assert places("a@b.co|m") == [(0, 6, Kind.EMAIL)]


def test_only_the_chosen_kinds_are_found() -> None:
    """The earlier scanner had a list of them that nothing read."""
    text = "x@real.org 8.8.8.8"
    assert places(text, Scan(kinds=frozenset({Kind.IP}))) == [(11, 18, Kind.IP)]
    assert places(text, Scan(kinds=frozenset())) == []


def test_only_the_chosen_regions_write_without_a_country() -> None:
    """A region without phone numbers is a mistake."""
    assert places("06 12 34 56 78", Scan(regions=("US",))) == []
    with pytest.raises(ValueError, match="'XX' is no region"):
        Scan(regions=("XX",))


@pytest.mark.parametrize("text", ["000-45-6789", "666-45-6789", "123-00-6789", "123-45-0000", "078-05-1120"])
def test_what_was_never_given_out_is_no_social_security_number(text: str) -> None:
    """Though one is a Spanish telephone number."""
    assert places(text, Scan(kinds=frozenset({Kind.NATIONAL_ID}))) == []


def test_finds_that_overlap_are_one() -> None:
    """Of the kind that tells most, and as long as both (PII-2)."""
    text = "ftp://ann:pass-1x@8.8.8.8"
    assert places(text) == [(6, 17, Kind.SECRET), (18, 25, Kind.IP)]
    inside = "password=ann@firma.de;x"
    assert places(inside) == [(9, 21, Kind.SECRET)]


def test_bytes_are_those_of_utf_8() -> None:
    """A find's places in the text encoded, whatever stands before it (PII-2)."""
    text = "héllo 👋 ４１１１１１１１１１１１１１１１!"
    (find,) = scan(text)
    assert (find.start, find.end) == (8, 24)
    assert text.encode()[find.byte_start : find.byte_end].decode() == text[8:24]


def test_a_lone_surrogate_is_a_character() -> None:
    """Of which UTF-8 would take three bytes."""
    (find,) = scan("\ud800 x@real.org")
    assert (find.start, find.byte_start) == (2, 4)


PIECES = [
    *FOUND,
    *WITHIN,
    *PASSED_OVER,
    *map(marker, Kind),
    WHOLE,
    "ssn",
    "tel",
    "+",
    "(",
    "@",
    "::",
    "password=",
    "-----BEGIN PRIVATE KEY-----",
]
texts = st.lists(
    st.sampled_from(PIECES) | st.text("0123456789 .-+()/@:aeE\u200b４é", max_size=12) | st.text(max_size=6),
    max_size=8,
).flatmap(lambda pieces: st.sampled_from(["", " ", ",", "\n"]).map(lambda between: between.join(pieces)))


@given(texts)
def test_finds_are_in_order_and_apart(text: str) -> None:
    """Within the text, none empty, and in bytes where they are in code points (PII-2)."""
    finds = scan(text)
    encoded = text.encode("utf-8", "surrogatepass")
    assert all(a.end <= b.start for a, b in pairwise(finds))
    for find in finds:
        assert 0 <= find.start < find.end <= len(text)
        part = encoded[find.byte_start : find.byte_end].decode("utf-8", "surrogatepass")
        assert part == text[find.start : find.end]


@given(texts)
@example("12 4111 1111 1111 1111 415-555-2671")
def test_a_redacted_text_holds_no_find(text: str) -> None:
    """So redacting it again changes nothing (PII-3)."""
    redacted = redact(text)
    assert scan(redacted) == ()
    assert redact(redacted) == redacted


@given(texts)
def test_what_is_no_find_stays(text: str) -> None:
    """Between the markers stand pieces of the text, in its order (PII-3)."""
    redacted, at = redact(text), 0
    if redacted == WHOLE != text:
        return
    for kept in MARKERS.sub(b"\0", redacted.encode("utf-8", "surrogatepass")).split(b"\0"):
        found = MARKERS.sub(b"\0", text.encode("utf-8", "surrogatepass")).find(kept, at)
        assert found >= 0
        at = found + len(kept)


@pytest.mark.parametrize("kind", Kind)
def test_a_marker_says_nothing_about_what_follows(kind: Kind) -> None:
    """A word in it is no word beside a number: `phone` would make one of the digits after it."""
    assert places(f"{marker(kind)} 4155552671 {marker(kind)}: 123456782") == []


HOSTILE = [
    "a@", "@", "a.", "a" * 64 + "@", "1.", "07 ", "+1 ", "1 ", "0", "12 345 67 89 ", "4111 ", "a:", "::", "f:1::", "DE89", "DE89 ",
    "eyJ", "eyJ-.", "eyJaaaaaaaa.", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----!",
    "password", "password=", "token: ", "bearer ", "a://", "a://b:",
    "sk_live_", "\u200b", "４", "é@", "(", "[redacted:", "[redacted]", "ghp_", '"', "X1234567", "ABCDE1234",
]  # fmt: skip


class Meter:
    """Counts the characters that patterns pass over, and the candidates that rules judge."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.work = 0
        search = patterns.Pattern.search

        def metered(pattern: patterns.Pattern, shape: bytes, at: int) -> patterns.Match | None:
            found = search(pattern, shape, at)
            self.work += (found.end() if found else len(shape)) - at
            return found

        monkeypatch.setattr(patterns.Pattern, "search", metered)
        for module, name in [
            (phones, "_is_number"),
            (phones, "_is_number_of"),
            (numbers, "_written_as_card"),
            (network, "IPv4Address"),
            (network, "IPv6Address"),
            (iban, "is_valid"),
        ]:
            monkeypatch.setattr(module, name, self._counted(getattr(module, name)))

    def _counted(self, judge: object) -> object:
        assert callable(judge)

        def counted(*given: object) -> object:
            self.work += 1
            return judge(*given)

        return counted

    def of(self, text: str) -> int:
        """The work on a text."""
        self.work = 0
        scan(text)
        return self.work


@pytest.mark.parametrize("piece", HOSTILE)
def test_work_is_linear_in_a_hostile_text(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times the text, four times the work, and at most so much for each character (PII-4)."""
    meter = Meter(monkeypatch)
    some, more = (meter.of(piece * (length // len(piece))) for length in (500, 2000))
    assert more <= 4.5 * some + 2000
    assert more <= 2000 * MOST_WORK


MOST_WORK = 1200
"""Characters passed over and candidates judged, for each character of a text."""


@given(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4).map("".join))
def test_no_mixture_makes_more_work(piece: str) -> None:
    """Of whatever pieces a hostile text repeats (PII-4)."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        text = piece * (600 // len(piece) + 1)
        assert Meter(monkeypatch).of(text) <= len(text) * MOST_WORK
