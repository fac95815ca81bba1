"""The example of a server in another language: what its trace tells is accepted, and what a slip makes it do is not."""

import http.client
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from tests.support.conformance.javascript_server import SECRET, SOURCE, server
from tests.support.model.world import pcs

from flk.conformance import check_server
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.traces import Accepted, Rejected, validate
from flk.impl.server.trace_reader import encoded, events_of
from flk.model.flow.answers import SUBMIT_PATH
from flk.model.record.record import encode
from flk.model.record.signing import HmacKey
from flk.model.record.summary import signed

KEY = HmacKey(SECRET.encode())
FIRST = encode(signed(pcs(), KEY))
OTHER = encode(signed(pcs(coh_star=0.71), KEY))
FORGED = encode(signed(pcs(epoch=2), HmacKey(b"of a stranger")))
GENUINE = encode(signed(pcs(epoch=2), KEY))
TIE = encode(signed(pcs(epoch=3, r=5 / 1024), KEY))


def asked(port: int, bodies: Iterable[bytes]) -> list[int]:
    """The states that a server answers, in order."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    states = []
    for body in bodies:
        connection.request("POST", SUBMIT_PATH, body)
        response = connection.getresponse()
        response.read()
        states.append(response.status)
    connection.close()
    return states


def lived(source: Path, directory: Path) -> tuple[list[int], Accepted | Rejected]:
    """What a server answers in two lives, and what becomes of its trace."""
    states = []
    for _ in range(2):
        with server(source, directory) as port:
            states += asked(port, (FIRST, FIRST, OTHER, FORGED, b"no record", TIE))
            states += asked(port, (GENUINE, FORGED))
    found = validate(PROTOCOLS["ingest"], encoded(events_of([directory / "trace.jsonl"], "ingest")))
    assert isinstance(found, Accepted | Rejected)
    return states, found


def test_its_trace_is_accepted(tmp_path: Path) -> None:
    """It answers as it must, before it is killed and after."""
    states, found = lived(SOURCE, tmp_path)
    assert states == [200, 200, 409, 401, 400, 200, 200, 401] * 2
    assert isinstance(found, Accepted), found


def test_the_kit_names_its_profile_and_what_it_leaves_out(tmp_path: Path) -> None:
    """It takes signatures of one profile, which the preflight finds out, and answers states without bodies, which it is told."""
    with server(SOURCE, tmp_path) as port:
        url = f"http://127.0.0.1:{port}"
        refused = check_server(url, {"default": KEY}, seed=1)
        asked = check_server(url, {"default": KEY}, checks=["accepted"], seed=1, signing_profile="judged")
    (preflight,) = refused.results
    assert preflight.detail.endswith("it takes the same record signed by profile judged; fix: --signing-profile judged")
    (accepted,) = asked.results
    assert accepted.detail == "expected a JSON object, got 200 without a body"


SLIPS = {
    "looks up before it verifies": (
        "if (signed) {",
        "if (record && (signed || store.has(`${TENANT}/${said.pcs_id}`))) {",
    ),
    "lets the last write win": ("if (!store.has(key)) store", "store"),
    "remembers what is forged": ("if (signed) {", "if (record) {"),
    "replays nothing": ("claims.forEach(claim)", ""),
    "replays nothing and says so": ("claims.forEach(claim)", "claims.length = 0"),
    "answers 200 to whoever equivocates": ("? 200 : 409", "? 200 : 200"),
    "answers before it claims": ("const stored = claim(said)", "const stored = said"),
}


@pytest.mark.parametrize(("before", "after"), SLIPS.values(), ids=SLIPS)
def test_a_slip_shows_in_the_trace(before: str, after: str, tmp_path: Path) -> None:
    """Whatever the server does against the protocol, its trace is refused."""
    text = SOURCE.read_text("utf-8")
    assert text.count(before) == 1
    (tmp_path / "slip.mjs").write_text(text.replace(before, after), "utf-8")
    _, found = lived(tmp_path / "slip.mjs", tmp_path)
    assert isinstance(found, Rejected)


def test_nine_digits_are_those_of_the_model(tmp_path: Path) -> None:
    """The record whose real lies between two of nine digits is taken for genuine."""
    with server(SOURCE, tmp_path) as port:
        assert asked(port, [TIE]) == [200]
    lines = [msgspec.json.decode(line) for line in (tmp_path / "trace.jsonl").read_bytes().splitlines()]
    assert [line["effect"] for line in lines] == ["Start", "Merge", "CaughtUp", "End", "Append", "Store", "End"]
