"""Each reference SDK is kept as its language asks, passes the kit, understands the others, and delivers to a real server."""

import base64
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from tests.support.conformance.flk_server import running
from tests.support.conformance.sdks import ALL, Conversation, Sdk, built, data, run, subjects
from tests.support.effort import IN_CI
from tests.support.model.strategies import honest_records

from flk.conformance.delivery.check import check_delivery
from flk.conformance.reports.report import CaseStatus
from flk.conformance.sdk.driver import conform
from flk.impl.bench.sdks import ENVIRONMENT, command
from flk.model.record.canonical import BESIDE, EIGHT
from flk.model.record.record import Pcs
from flk.model.record.signing import Ed25519PrivateKey
from flk.spec.vectors import load
from flk.spec.verdict import Verdict

pytestmark = pytest.mark.slow


def each(*sdks: Sdk) -> pytest.MarkDecorator:
    """A test of each of some SDKs."""
    return pytest.mark.parametrize("sdk", sdks, ids=lambda sdk: sdk.language)


SECRET = bytes(range(32))
MOST_LINES = 85
IN_PAGES = ("says-when", "redirects", "portal", "killed-in-mid-post")
"""What CI plays to senders in pages, with which a browser starts anew; a run by hand plays all."""
KEYS = """
[[key]]
tenant = "default"
id = "a"
algorithm = "hmac-sha256"
secret_base64 = "{}"
"""


@each(*(sdk for sdk in ALL if sdk.checks))
def test_it_is_formatted_linted_and_passes_its_own_tests(sdk: Sdk, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Formatter, linter and tests of the language end well."""
    for check in sdk.checks:
        ended = run(command(check, built(sdk, tmp_path_factory)), sdk.folder)
        assert ended.returncode == 0, ended.stdout + ended.stderr


@each(*ALL)
def test_its_subject_passes_the_kit_and_is_short(sdk: Sdk, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No case fails, nothing is skipped, and what is declined is what it says; the subject is a table of operations."""
    report = conform(command(sdk.subject, built(sdk, tmp_path_factory)), load())
    assert [r for r in report.results if r.status not in {CaseStatus.PASSED, CaseStatus.DECLINED}] == []
    assert (report.verdict, report.remarks) == (Verdict.HOLDS, ())
    assert len((sdk.folder / sdk.source).read_text("utf-8").splitlines()) <= MOST_LINES


@each(*(sdk for sdk in ALL if sdk.deliverer))
def test_its_sender_passes_every_scenario(sdk: Sdk, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever a scripted server answers, its outbox keeps OUT-1 to OUT-7."""
    scenarios = IN_PAGES if IN_CI and "browser" in sdk.deliverer else ()
    report = check_delivery(command(sdk.deliverer, built(sdk, tmp_path_factory)), scenarios)
    assert [(r.name, r.detail) for r in report.results if r.status is not CaseStatus.PASSED] == []
    assert (report.verdict, report.remarks) == (Verdict.HOLDS, ())


class TestMixedPairs:
    """What one signs, each verifies."""

    @pytest.fixture(scope="class")
    @staticmethod
    def everybody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Conversation]]:
        """A conversation with each subject."""
        with ExitStack() as stack:
            yield {name: stack.enter_context(Conversation(words)) for name, words in subjects(tmp_path_factory).items()}

    @each(*ALL)
    @given(record=honest_records())
    @settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_each_signs_and_each_verifies(self, sdk: Sdk, everybody: dict[str, Conversation], record: Pcs) -> None:
        """Under both profiles and algorithms a signature counts with everybody, and with nobody for another record."""
        signed, altered = fields(record), fields(msgspec.structs.replace(record, budget=record.budget / 2 + 0.1))
        public = {"hmac-sha256": SECRET, "ed25519": Ed25519PrivateKey(SECRET).public()}
        for profile, algorithm in product(("fixed9", "judged"), public):
            key = {"algorithm": algorithm, "secret": text(SECRET)}
            question = {"record": signed, "key": key, "profile": profile, "bits": {}}
            sig = everybody[sdk.language].ask("sign", question)["value"]
            checks = {
                "sig": sig,
                "tenant": "default",
                "at": 0.0,
                "keys": {"default": [{"algorithm": algorithm, "key": text(public[algorithm])}]},
                "profiles": [profile],
            }
            for other in everybody.values():
                assert other.ask("authenticate", {"record": signed, **checks})["value"] is True
                assert other.ask("authenticate", {"record": altered, **checks})["error"] == "SIGN-6"


@each(*(sdk for sdk in ALL if sdk.sender))
def test_it_delivers_to_a_real_server_and_again_after_a_kill(
    sdk: Sdk, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Records queued by a sender that was killed reach `flk serve` when the next one runs; sent again they change nothing."""
    sender = command(sdk.sender, built(sdk, tmp_path_factory))
    keys = tmp_path / "keys.toml"
    keys.write_text(KEYS.format(text(SECRET)), "utf-8")
    keys.chmod(0o600)
    environment = {**ENVIRONMENT, "FLK_SECRET": text(SECRET)}
    outbox = tmp_path / "outbox"
    nowhere = [*sender, "--url", "http://127.0.0.1:9", "--outbox", str(outbox)]
    with subprocess.Popen(nowhere, stdin=subprocess.PIPE, env=environment, text=True) as victim:
        try:
            assert victim.stdin is not None
            victim.stdin.write(data(5, "shard-a"))
            victim.stdin.close()
            while not is_queued(outbox, 5):
                assert victim.poll() is None
                time.sleep(0.01)
        finally:
            victim.kill()
    with running(tmp_path / "node", keys, tmp_path / "state") as url:
        delivered = [*sender, "--url", url, "--outbox", str(outbox)]
        first = subprocess.run(delivered, input="", env=environment, text=True, capture_output=True, check=False)
        assert (first.returncode, first.stdout) == (0, "acknowledged 5, dead 0, postponed 0\n"), first.stderr
        again = subprocess.run(
            delivered, input=data(5, "shard-a"), env=environment, text=True, capture_output=True, check=False
        )
        assert (again.returncode, again.stdout) == (0, "acknowledged 5, dead 0, postponed 0\n"), again.stderr
        forged = {**environment, "FLK_SECRET": text(b"another")}
        refused = subprocess.run(
            delivered, input=data(2, "shard-b"), env=forged, text=True, capture_output=True, check=False
        )
        assert (refused.returncode, refused.stdout) == (1, "acknowledged 0, dead 2, postponed 0\n"), refused.stderr


def is_queued(outbox: Path, count: int) -> bool:
    """Whether so many records are in the outbox's journal."""
    journal = outbox / "outbox.journal"
    return journal.exists() and journal.read_bytes().count(b'"tenant":"default"') == count


def fields(record: Pcs) -> dict[str, object]:
    """What a signature may cover, as the protocol writes it."""
    return {name: getattr(record, name) for name in (*EIGHT, *BESIDE)}


def text(raw: bytes) -> str:
    """Base64, as the protocol and key files write bytes."""
    return base64.b64encode(raw).decode()
