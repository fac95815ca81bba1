"""`flk pii scan`, and agents and clients that are told to look: what they say, what they sign, and what they never repeat."""

import json
import logging
from pathlib import Path

import pytest
import typer
from tests.support.model.golden import GOLDENS
from tests.support.model.strategies import change
from typer.testing import CliRunner, Result

from flk.client import HmacKey, Mode, PersonalData, Screening
from flk.impl.client.signing import Signing
from flk.impl.command.impl.agent import agent
from flk.impl.command.impl.pii import pii
from flk.impl.keys import add_key, new_key
from flk.model.record.canonical import JUDGED
from flk.model.record.record import decode
from flk.model.record.signing import Algorithm, verify
from flk.spec.errors import UnusableInput

TEXT = "from ann@firma.de:\ncall +44 20 7946 0958, she said – 8.8.8.8\n"
RECORD = change(GOLDENS[0].record, version="by ann@firma.de")


root = typer.Typer()
root.add_typer(pii)


def scan(*words: str, given: str | bytes = "") -> Result:
    """What the command does."""
    return CliRunner().invoke(root, ["pii", "scan", *words], input=given)


def test_finds_are_told_by_line_and_column_and_never_repeated(tmp_path: Path) -> None:
    """Exit code 1: something was found."""
    file = tmp_path / "text"
    file.write_text(TEXT)
    done = scan(str(file))
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        f"{file}:1:6: email, 12 characters",
        f"{file}:2:6: phone, 16 characters",
        f"{file}:2:35: ip, 7 characters",
    ]


def test_json_has_places_in_code_points_and_bytes() -> None:
    """Of the kinds that were asked for."""
    done = scan("-", "--json", "--kind", "ip", given=TEXT)
    assert done.exit_code == 1
    assert json.loads(done.output) == [{"start": 53, "end": 60, "byte_start": 55, "byte_end": 62, "kind": "ip"}]


def test_a_redacted_text_is_written_byte_for_byte() -> None:
    """With its line ends, and nothing after it; exit code 0. Then nothing is found."""
    done = scan("-", "--redact", given=TEXT.replace("\n", "\r\n").encode())
    clean = "from [redacted:email]:\r\ncall [redacted:phone], she said – [redacted:ip]\r\n"
    assert (done.exit_code, done.stdout_bytes.decode()) == (0, clean)
    assert scan("-", given=clean).output == "✓ -: nothing found\n"


@pytest.mark.parametrize(
    ("words", "given", "told"),
    [
        (("-",), b"abc\xff", "byte 3 is not UTF-8"),
        (("missing.txt",), b"", "missing.txt: cannot be read"),
        (("-", "--region", "xx"), b"", "--region: 'XX' is no region"),
        (("-", "--kind", "name"), b"", "--kind: one of card, email"),
    ],
)
def test_what_cannot_be_used_is_named(words: tuple[str, ...], given: bytes, told: str) -> None:
    """With the fix."""
    done = scan(*words, given=given)
    assert isinstance(done.exception, UnusableInput)
    assert told in str(done.exception)


def test_an_agent_tells_refuses_or_signs_without(tmp_path: Path) -> None:
    """A file's name becomes the name of a shard; told once, whatever the number of records."""
    source = tmp_path / "ann@firma.de.csv"
    source.write_text("x,y\n" + "".join(f"0.{row},0.{row * row}\n" for row in range(1, 9)))
    keys = tmp_path / "keys.toml"
    add_key(keys, new_key("default", "a", Algorithm.HMAC_SHA256))
    words = ["records", str(source), "--window", "4", "--keys", str(keys), "--pii"]
    told = CliRunner().invoke(agent, [*words, "detect"])
    assert told.stderr == "shard_id holds what looks like email, characters 0 to 12 (detect)\n"
    assert len(told.stdout.splitlines()) == 2
    for mode in ("block", "redact"):
        refused = CliRunner().invoke(agent, [*words, mode])
        assert isinstance(refused.exception, UnusableInput)
        assert (refused.stdout, "ann" in str(refused.exception)) == ("", False)
    named = CliRunner().invoke(agent, [*words, "block", "--shard", "s1"])
    assert (named.exit_code, named.stderr) == (0, "")


def test_a_client_signs_what_is_left(caplog: pytest.LogCaptureFixture) -> None:
    """And warns, without the words (PII-6)."""
    key = HmacKey(b"secret")
    with caplog.at_level(logging.WARNING, "flk.client"):
        sent = decode(Signing(key, "acme", JUDGED, Screening(Mode.REDACT)).submission(RECORD).body)
    assert sent.version == "by [redacted:email]"
    assert verify(key, sent, sent.sig)
    assert "version holds what looks like email, characters 3 to 15 (redact)" in caplog.text
    assert "ann" not in caplog.text
    with pytest.raises(PersonalData, match="PII-5: version holds"):
        Signing(key, "acme", JUDGED, Screening(Mode.BLOCK)).submission(RECORD)


def test_what_was_queued_before_is_not_screened_again() -> None:
    """A record that waits is signed anew when its key ends, and says what it said (PII-5)."""
    kept = Signing(HmacKey(b"secret"), "acme", JUDGED).submission(RECORD)
    assert Signing(HmacKey(b"secret"), "acme", JUDGED, Screening(Mode.BLOCK)).renewed(kept) == kept
