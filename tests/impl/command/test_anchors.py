"""Anchors of an audit log, by a real time-stamping authority and a calendar; and what is none (ANC-2 to ANC-4)."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from opentimestamps.core.serialize import BytesDeserializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile
from tests.support.impl.anchors import Authority, Calendar, answering
from tests.support.impl.audited import stored
from tests.support.impl.command import flk
from tests.support.model.transparency import LOG, leaves_of, objects_over

from flk.impl.data.anchoring import BadAnchor, roots_in, shown_by_proof, shown_by_stamp, stamp, submit, upgraded

KEY = str(LOG.verifier)
NOTE = objects_over(leaves_of(3))["checkpoint"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One for all tests, whose root is made once."""
    return Authority(tmp_path_factory.mktemp("tsa") / "home")


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    """A calendar that answers."""
    with answering(found := Calendar()):
        yield found


def by_authority(url: str, endpoint: str, authority: Authority) -> list[str]:
    """The command that asks an authority about a log."""
    return [
        "audit",
        "anchor",
        url,
        "--key",
        KEY,
        "--by",
        "rfc3161",
        "--endpoint",
        endpoint,
        "--ca",
        str(authority.root),
    ]


@pytest.mark.slow
def test_a_checkpoint_is_anchored_by_an_authority_and_anybody_can_check_it(
    tmp_path: Path, authority: Authority
) -> None:
    """What is kept is what `openssl ts -verify` takes; the log grows, and the anchor still counts; asked again, it is left."""
    url = stored(tmp_path / "log", leaves_of(300))
    with answering(authority) as endpoint:
        ask = by_authority(url, endpoint, authority)
        done = flk(*ask)
        assert done.returncode == 0, done.stderr
        assert "300 leaves are anchored in anchor/000000000300/anchor.tsr" in done.stdout
    kept = tmp_path / "log/anchor/000000000300"
    answer = (kept / "anchor.tsr").read_bytes()
    assert authority.accepts((kept / "checkpoint").read_bytes(), answer)
    assert flk(*ask).returncode == 0  # and nobody answers there any more
    assert (kept / "anchor.tsr").read_bytes() == answer
    stored(tmp_path / "log", leaves_of(400))
    look = ("audit", "anchors", url, "--key", KEY)
    assert "300 leaves, waits for the root of its authority" in flk(*look).stdout
    (found,) = json.loads(flk(*look, "--ca", str(authority.root), "--json").stdout)
    assert found["size"] == 300
    when = datetime.fromisoformat(found["shown"][0]["when"])
    assert abs(when - datetime.now(UTC)) < timedelta(minutes=10)


@pytest.mark.slow
def test_a_log_that_was_rewritten_is_found_out_by_its_anchors(tmp_path: Path, authority: Authority) -> None:
    """Whoever keeps the log signs another one; what was anchored is not how it begins."""
    url = stored(tmp_path / "log", leaves_of(300))
    with answering(authority) as endpoint:
        ask = by_authority(url, endpoint, authority)
        assert flk(*ask).returncode == 0
    stored(tmp_path / "log", [b"forged", *leaves_of(400)[1:]])
    done = flk("audit", "anchors", url, "--key", KEY, "--ca", str(authority.root))
    assert done.returncode == 1
    assert "TLOG-5" in done.stderr


@pytest.mark.slow
def test_a_promise_of_a_calendar_becomes_a_proof(tmp_path: Path, calendar: Calendar) -> None:
    """Pending first; upgraded when a block is there, and shown by the block's header, which anybody has."""
    url = stored(tmp_path / "log", leaves_of(300))
    ask = ("audit", "anchor", url, "--key", KEY, "--by", "opentimestamps", "--endpoint", calendar.url, "--name", "ours")
    done = flk(*ask)
    assert done.returncode == 0, done.stderr
    look = ("audit", "anchors", url, "--key", KEY)
    assert f"waits for the calendar {calendar.url}" in flk(*look, "--upgrade").stdout
    calendar.mine(840_000, 1_767_225_600)
    assert "waits for Bitcoin block 840000, if its Merkle root is" in flk(*look, "--upgrade").stdout
    headers = tmp_path / "headers"
    headers.write_text("".join(f"{height} {header.hex()}\n" for height, header in calendar.headers.items()))
    shown = flk(*look, "--headers", str(headers)).stdout
    assert "300 leaves were there at 2026-01-01T00:00:00+00:00 (Bitcoin block 840000)" in shown
    proof = (tmp_path / "log/anchor/000000000300/ours.ots").read_bytes()
    assert DetachedTimestampFile.deserialize(BytesDeserializationContext(proof))
    wrong = calendar.headers[840_000].hex()
    headers.write_text(f"840000 {wrong[:72]}{'0' * 64}{wrong[136:]}\n")
    assert "another Merkle root" in flk(*look, "--headers", str(headers)).stderr


def test_a_time_stamp_of_which_a_byte_is_another_shows_nothing(authority: Authority) -> None:
    """Whichever byte, but for what says how long the whole is: it is refused, or it says what it said."""
    roots = roots_in(authority.root)
    with answering(authority) as endpoint:
        answer = stamp(NOTE, endpoint, roots)
    said = shown_by_stamp(NOTE, answer, roots)
    for at in range(0, len(answer), 7):
        other = bytes([*answer[:at], answer[at] ^ 1, *answer[at + 1 :]])
        try:
            assert shown_by_stamp(NOTE, other, roots) == said
        except BadAnchor:
            continue
    with pytest.raises(BadAnchor):
        shown_by_stamp(NOTE + b"x", answer, roots)


def test_an_answer_to_another_question_is_refused(tmp_path: Path, authority: Authority) -> None:
    """An old answer about the same note, one that is none, and one of an authority that nobody named."""
    roots = roots_in(authority.root)
    with answering(authority) as endpoint:
        old = stamp(NOTE, endpoint, roots)
        for spoilt in (lambda _: old, lambda _: b"", lambda answer: answer[:-1]):
            authority.spoil = spoilt
            with pytest.raises(BadAnchor):
                stamp(NOTE, endpoint, roots)
        authority.spoil = lambda answer: answer
        with pytest.raises(BadAnchor):
            stamp(NOTE, endpoint, roots_in(Authority(tmp_path / "other").root))


def test_a_proof_is_of_its_note(calendar: Calendar) -> None:
    """Of another note, cut off, or with a bit that is another, it is refused or says nothing that it did not."""
    proof = submit(NOTE, calendar.url)
    calendar.mine(1, 1_767_225_600)
    whole = upgraded(proof, NOTE)
    shown = shown_by_proof(NOTE, whole, calendar.headers)
    assert shown[0].when == datetime.fromtimestamp(1_767_225_600, UTC)
    with pytest.raises(BadAnchor, match="another checkpoint"):
        shown_by_proof(NOTE + b"x", whole, calendar.headers)
    for at in range(len(whole)):
        with pytest.raises(BadAnchor):
            shown_by_proof(NOTE, whole[:at], calendar.headers)
        other = bytes([*whole[:at], whole[at] ^ 1, *whole[at + 1 :]])
        try:
            times = {each.when for each in shown_by_proof(NOTE, other, calendar.headers)}
        except BadAnchor:
            continue
        assert times <= {None, shown[0].when}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--by", "rfc3161", "--endpoint", "http://127.0.0.1:9"), "--ca"),
        (("--by", "opentimestamps", "--endpoint", "calendar.example"), "is no URL of HTTP; it is like https://"),
        (("--by", "opentimestamps", "--endpoint", "http://127.0.0.1:9"), "try again later"),
        (("--by", "opentimestamps", "--endpoint", "http://127.0.0.1:9", "--name", "../x"), "--name"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2, and nothing is kept as an anchor."""
    url = stored(tmp_path / "log", leaves_of(9))
    done = flk("audit", "anchor", url, "--key", KEY, *arguments)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not list((tmp_path / "log").glob("anchor/*/anchor.*"))


@pytest.mark.slow
def test_a_plan_names_the_best_and_what_nothing_beats() -> None:
    """And beside it what the earlier scores would have taken; 1 if nothing is within the limits."""
    plan = ("audit", "plan", "--leaves", "50000", "--max-delay", "900", "--min-durability", "5")
    done = flk(*plan)
    assert "the best by cost: opentimestamps + rfc3161, an anchor every 100 leaves: 5.00 USD a day" in done.stdout
    assert "opentimestamps by cost, rfc3161 by latency" in " ".join(done.stdout.split())
    assert json.loads(flk(*plan, "--json").stdout)["best"]["cost_a_day"] == 5
    none = flk(*plan, "--max-cost", "0")
    assert (none.returncode, "no choice is within these limits" in none.stdout) == (1, True)
