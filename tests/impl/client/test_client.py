"""The client with a real service, real keys and real certificates, and with what its users do to it."""

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from random import Random

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.doors import failing_examples, undocumented
from tests.support.impl.agent_peer import Answer, serving
from tests.support.impl.processes import running
from tests.support.model.replies import reply
from tests.support.model.world import KEY, pcs, submission

import flk.client
from flk.client import AsyncClient, Client, Delivery, Denied, HmacKey, NoAnswer, Summary, UnusableInput
from flk.impl.access import Role, add_token
from flk.impl.agent.outbox import Outbox
from flk.impl.bench.authority import Authority
from flk.impl.server.process import key_file, server_process
from flk.model.flow.outbox import Queued
from flk.model.programs.outbox import queue
from flk.model.record.record import decode
from flk.model.record.signing import verify
from flk.model.runtime import run
from flk.spec.constants import Outbox as Policy

PROMPT = Policy(max_attempts=3, base_delay_seconds=0.001, max_delay_seconds=0.004, timeout_seconds=10.0)
SECRET = "testsecret"


# The door


def test_every_name_is_documented_with_an_example_that_runs() -> None:
    """Meaning, units, errors and an example, but for errors, letters and keys, which are documented where they come from."""
    assert {line.split(": ")[0].rpartition(".")[2] for line in undocumented(flk.client)} <= NOT_HERE
    assert failing_examples(flk.client) == []


NOT_HERE = {
    "DeadLetter",
    "Outbox",
    "Policy",
    "Delivery",
    "Denied",
    "NoAnswer",
    "PersonalData",
    "Submission",
    "UnusableInput",
    "Ed25519PrivateKey",
}


def test_who_signs_and_delivers_needs_no_numpy() -> None:
    """Nor anything else of what servers, simulations and measurements need."""
    command = (
        "import sys, flk.client; flk.client.Client, flk.client.AsyncClient, flk.client.Receipt; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True).stdout.split()
    heavy = {"numpy", "pyarrow", "structlog", "obstore", "uvloop", "httptools", "hypothesis", "redis", "psycopg"}
    assert not heavy & {name.partition(".")[0] for name in loaded}
    assert not {
        name for name in loaded if name.startswith(("flk.sim", "flk.formal", "flk.conformance", "flk.impl.server"))
    }


# A real node


@pytest.mark.slow
def test_a_node_takes_what_the_client_sends_and_says_it_again(tmp_path: Path) -> None:
    """From a key file, in whatever requests: each record is stored once, and said to be so a second time."""
    records = [pcs(epoch=number) for number in range(300)]
    keys, access = key_file(tmp_path, SECRET), tmp_path / "access.toml"
    token, other = (add_token(access, tenant, Role.TENANT, tenant) for tenant in ("default", "other"))
    with server_process(tmp_path / "data", keys, ["--access", str(access)]) as server:
        with Client(server.url, keys=keys, outbox=tmp_path / "box", policy=PROMPT, token=token) as client:
            assert client.send(records).acknowledged == {200: 300}
            again = client.submit(records[7])
            assert (again.delivery, client.outcome(records[7].pcs_id)) == (Delivery.ACKNOWLEDGED, again.outcome)
            assert client.outcome("0" * 64) is None
        with Client(server.url, keys=keys, outbox=tmp_path / "box", token=other) as client:
            assert client.outcome(records[7].pcs_id) is None
        with Client(server.url, keys=keys, outbox=tmp_path / "box") as client, pytest.raises(Denied, match="401"):
            client.outcome(records[7].pcs_id)


SENDS = """
import sys
from flk.client import Client
from flk.spec.constants import Outbox
from tests.support.model.world import pcs
url, keys, box, first, count = sys.argv[1:]
policy = Outbox(3, 0.001, 0.004, 10.0)
with Client(url, keys=keys, outbox=box, policy=policy) as client:
    print("open", flush=True)
    client.send(pcs(epoch=int(first) + number) for number in range(int(count)))
    print("sent", flush=True)
"""


def kills(tmp_path: Path, rounds: int, records: int, seed: int) -> int:
    """A process that sends is killed at a random moment, again and again; how many kills came before its end.

    After each, what it queued is in its outbox, each record once, or settled; in the end all of that is stored.
    """
    random, keys, box, killed = Random(seed), key_file(tmp_path, SECRET), tmp_path / "box", 0
    queued: set[bytes] = set()
    with server_process(tmp_path / "data", keys) as server:
        for number in range(rounds):
            command = [
                sys.executable,
                "-c",
                SENDS,
                server.url,
                str(keys),
                str(box),
                str(number * records),
                str(records),
            ]
            with running(command) as process:
                assert process.stdout is not None
                assert process.stdout.readline() == "open\n", process.communicate()
                time.sleep(random.uniform(0.1, 0.5))
                process.send_signal(signal.SIGKILL)
                killed += process.wait() == -signal.SIGKILL
            with Outbox(box) as outbox:
                bodies = [item.submission.body for item in outbox.pending]
                assert len(bodies) == len(set(bodies))
                assert not outbox.dead
                assert not outbox.damage()
                queued |= set(bodies)
        with Client(server.url, keys=keys, outbox=box, policy=PROMPT) as client:
            client.flush()
            assert (client.pending, client.dead_letters) == (0, ())
            assert client.send(map(decode, queued)).acknowledged == Counter({200: len(queued)})
    return killed


@pytest.mark.slow
def test_a_client_that_is_killed_loses_and_changes_nothing(tmp_path: Path) -> None:
    """Twice, at random moments under load."""
    assert kills(tmp_path, rounds=2, records=10_000, seed=1) > 0


@pytest.mark.slow
@pytest.mark.thorough
def test_a_client_that_is_killed_often_loses_and_changes_nothing(tmp_path: Path) -> None:
    """Forty times."""
    assert kills(tmp_path, rounds=40, records=10_000, seed=int.from_bytes(os.urandom(4))) > 20


# Keys


def keys_of(path: Path, *keys: tuple[str, str, str]) -> Path:
    """A key file: of each key its id, its secret, and further lines."""
    entries = (
        f'[[key]]\ntenant = "default"\nid = "{name}"\nalgorithm = "hmac-sha256"\nsecret = "{secret}"\n{more}\n'
        for name, secret, more in keys
    )
    path.write_text("\n".join(entries))
    path.chmod(0o600)
    return path


ENDED = "not_after = 2020-01-01T00:00:00Z"
LATER = "not_before = 2021-01-01T00:00:00Z"


def signed_by(secret: str, body: bytes) -> bool:
    """Whether a body is signed with that secret."""
    record = decode(body)
    return verify(HmacKey(secret.encode()), record, record.sig)


def test_what_waits_is_signed_anew_when_its_key_has_ended(tmp_path: Path) -> None:
    """The file says that the key is not live any more: what it signed goes out under the newest; what another signed as it is."""
    keys, box = tmp_path / "keys.toml", tmp_path / "box"
    with Outbox(box) as outbox:
        for key in ("old", "unknown"):
            run(queue(submission(pcs(epoch=1 if key == "old" else 2), HmacKey(key.encode()))), outbox.perform)
    keys_of(keys, ("a", "old", ENDED), ("b", "older-and-live", ""), ("c", "new", LATER))
    with serving(lambda *_: Answer(200)) as peer, Client(peer.url, keys=keys, outbox=box, policy=PROMPT) as client:
        assert client.flush().acknowledged == {200: 2}
        assert client.pending == 0
    by_epoch = {decode(post.body).epoch: post.body for post in peer.seen}
    assert signed_by("new", by_epoch[1])
    assert signed_by("unknown", by_epoch[2])
    with Outbox(box) as outbox:
        assert outbox.pending == ()


def test_a_key_file_is_read_again_while_the_client_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key signs from then on; a mistake in the file is told, and what was read before holds."""
    keys = keys_of(tmp_path / "keys.toml", ("a", "old", ""))
    monkeypatch.setattr("flk.impl.client.signing.READ_AGAIN_SECONDS", 0.0)
    with (
        serving(lambda *_: Answer(200)) as peer,
        Client(peer.url, keys=keys, outbox=tmp_path / "box", policy=PROMPT) as client,
    ):
        client.submit(pcs(epoch=1))
        keys_of(keys, ("a", "old", ""), ("b", "new", LATER))
        client.submit(pcs(epoch=2))
        keys.write_text("[[key]")
        client.submit(pcs(epoch=3))
    assert [signed_by("new", post.body) for post in peer.seen] == [False, True, True]


def test_dead_letters_are_sent_again_signed_anew_or_discarded(tmp_path: Path) -> None:
    """What a 401 buried because its key had ended goes through under the new one; a letter is over once, whatever becomes of it."""
    keys, box, refused = tmp_path / "keys.toml", tmp_path / "box", [True]
    keys_of(keys, ("a", "old", ""))

    def script(*_: object) -> Answer:
        return Answer(401 if refused[0] else 200)

    with serving(script) as peer:
        with Client(peer.url, keys=keys, outbox=box, policy=PROMPT) as client:
            assert client.send(pcs(epoch=number) for number in range(3)).dead == 3
            client.discard(client.dead_letters[:1])
            assert len(client.dead_letters) == 2
            assert client.retry().dead == 2
        refused[0] = False
        keys_of(keys, ("a", "old", ENDED), ("b", "new", LATER))
        with Client(peer.url, keys=keys, outbox=box, policy=PROMPT) as client:
            assert client.retry() == Summary(queued=2, acknowledged=Counter({200: 2}))
            assert not client.dead_letters
    assert [signed_by("new", post.body) for post in peer.seen[-2:]] == [True, True]
    with Outbox(box) as outbox:
        assert (outbox.pending, outbox.dead) == ((), ())


def test_what_cannot_be_used_is_refused_with_the_fix(tmp_path: Path) -> None:
    """URLs, key files, certificates, an outbox that another has open."""
    for url in ("127.0.0.1:80", "ftp://x", "http://", "http://x?y", "http://u:p@x", "http://x:99999"):
        with pytest.raises(UnusableInput):
            Client(url, keys=KEY, outbox=tmp_path)
    with pytest.raises(UnusableInput, match="flk keys new"):
        Client("http://x", keys=tmp_path / "none.toml", outbox=tmp_path)
    with pytest.raises(UnusableInput, match="PEM"):
        Client("https://x", keys=KEY, outbox=tmp_path, ca=tmp_path / "none.pem")
    with pytest.raises(UnusableInput, match="write https://"):
        Client("http://x", keys=KEY, outbox=tmp_path, ca=Authority("ours").root(tmp_path))
    with Outbox(tmp_path / "box"), pytest.raises(UnusableInput, match="another process"):
        Client("http://x", keys=KEY, outbox=tmp_path / "box").__enter__()
    with Client("http://x", keys=KEY, outbox=tmp_path / "box") as client:
        assert client.pending == 0


def test_damage_and_unfinished_sources_are_told(tmp_path: Path) -> None:
    """A bit flips in the outbox: the client says where (OUT-7)."""
    with Outbox(tmp_path) as outbox:
        queued: list[Queued] = [run(queue(submission(pcs(epoch=n))), outbox.perform) for n in range(3)]
    (path,) = tmp_path.glob("*/*.wal")
    content = bytearray(path.read_bytes())
    content[content.index(queued[1].submission.body) + 50] ^= 1
    path.write_bytes(content)
    with Client("http://127.0.0.1:1", keys=KEY, outbox=tmp_path) as client:
        assert client.pending == 2
        (sentence,) = client.damage()
    assert "corrupt" in sentence


# Outcomes


def test_an_outcome_is_asked_for_with_a_token(tmp_path: Path) -> None:
    """What is stored, that nothing is, who may not ask, and what nobody said."""
    stored = reply(submission(pcs()), 202)
    answers = iter(
        [
            Answer(202, body=stored.body),
            Answer(404, body=b'{"error":"none","requirement":"ORD-3","field":null}'),
            Answer(403, body=b'{"error":"of another","requirement":"ORD-3","field":null}'),
            Answer(200, body=b"<html>"),
            Answer(404, body=b"<html>"),
            None,
        ]
    )

    async def asked(url: str) -> None:
        async with AsyncClient(url, keys=KEY, outbox=tmp_path, token="t0k3n") as client:
            outcome = await client.outcome(pcs().pcs_id)
            assert outcome is not None
            assert msgspec.json.encode(outcome) == stored.body
            assert await client.outcome(pcs().pcs_id) is None
            with pytest.raises(Denied, match=r"403: of another \(ORD-3\)"):
                await client.outcome(pcs().pcs_id)
            for _ in range(3):
                with pytest.raises(NoAnswer):
                    await client.outcome(pcs().pcs_id)

    with serving(lambda *_: next(answers)) as peer:
        asyncio.run(asked(peer.url))
    assert {post.path for post in peer.seen} == {f"/v1/pcs/outcomes/{pcs().pcs_id}"}
    assert {post.token for post in peer.seen} == {"Bearer t0k3n"}


# TLS


def certified(
    directory: Path, name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate for loopback and its key, in files of that name; without an issuer it is an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    certificate = builder.sign(issuer[1] if issuer else key, hashes.SHA256())
    (directory / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, key


def test_over_tls_the_service_is_checked_and_the_client_shows_who_it_is(tmp_path: Path) -> None:
    """A service with a certificate of the named authority, which asks for one of the client; all others get nothing."""
    authority = certified(tmp_path, "ca")
    certified(tmp_path, "server", authority)
    certified(tmp_path, "client", authority)
    certified(tmp_path, "other")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    own = (tmp_path / "client.pem", tmp_path / "client.key")
    once = msgspec.structs.replace(PROMPT, max_attempts=1)
    tried = [(tmp_path / "ca.pem", own), (tmp_path / "other.pem", own), (None, own), (tmp_path / "ca.pem", None)]
    ends = []
    with serving(lambda *_: Answer(200), tls=context) as peer:
        for number, (ca, certificate) in enumerate(tried):
            box = tmp_path / str(number)
            with Client(peer.url, keys=KEY, outbox=box, ca=ca, certificate=certificate, policy=once) as client:
                ends.append(client.submit(pcs(epoch=number)).delivery)
    assert ends == [Delivery.ACKNOWLEDGED, *[Delivery.POSTPONED] * 3]
    assert len(peer.seen) == 1
