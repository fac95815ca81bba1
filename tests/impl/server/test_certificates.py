"""Certificates are judged before they count: each mistake is told with its file and its fix, and leaves what was (TLS-4)."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flk.impl.bench.authority import Authority
from flk.impl.server.certificates import LiveCertificates, load
from flk.impl.server.tls_files import TlsFiles, tls_files
from flk.spec.errors import UnusableInput

DAY = 86_400.0
ROOT = Authority("the root")
MIDDLE = Authority("the middle", ROOT)
Spoil = Callable[[Path, TlsFiles], TlsFiles]


def files_in(directory: Path) -> TlsFiles:
    """A server's files: its certificate, the one that signed it, the key, and the clients' authority."""
    return MIDDLE.server(directory, mutual=True)


def blocks(path: Path) -> list[str]:
    """The certificates of a file."""
    return [f"-----BEGIN{block}" for block in path.read_text().split("-----BEGIN")[1:]]


def _other_key(directory: Path, files: TlsFiles) -> TlsFiles:
    return TlsFiles(files.certificate, MIDDLE.issue(directory, "other").key)


def _turned_round(directory: Path, files: TlsFiles) -> TlsFiles:
    files.certificate.write_text("".join(reversed(blocks(files.certificate))))
    return files


def _foreign_signer(directory: Path, files: TlsFiles) -> TlsFiles:
    files.certificate.write_text(blocks(files.certificate)[0] + ROOT.root(directory).read_text())
    return files


def _expired(directory: Path, files: TlsFiles) -> TlsFiles:
    return TlsFiles(*MIDDLE.issue(directory, "late", days=-1))


def _early(directory: Path, files: TlsFiles) -> TlsFiles:
    return TlsFiles(*MIDDLE.issue(directory, "early", days=30, begins=2))


def _no_certificate(directory: Path, files: TlsFiles) -> TlsFiles:
    files.certificate.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return files


def _no_key(directory: Path, files: TlsFiles) -> TlsFiles:
    files.key.write_text(files.certificate.read_text())
    return files


def _no_authority(directory: Path, files: TlsFiles) -> TlsFiles:
    return TlsFiles(files.certificate, files.key, MIDDLE.issue(directory, "leaf").certificate)


def _no_file(directory: Path, files: TlsFiles) -> TlsFiles:
    return TlsFiles(files.certificate, directory / "absent")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_other_key, r"other\.key: is not the key of .*CN=127\.0\.0\.1.*; fix: "),
        (
            _turned_round,
            r"begins with .*CN=the middle, and .*\.key is the key of .*behind it; fix: the server's.* first",
        ),
        (_foreign_signer, r"CN=127\.0\.0\.1 is not signed by .*CN=the root, which follows it; fix: "),
        (_expired, r"late\.pem: .*CN=late expired on \d{4}-\d\d-\d\d .*; fix: renew"),
        (_early, r"early\.pem: .*CN=early counts from \d{4}-\d\d-\d\d .*; fix: "),
        (_no_certificate, r"127\.0\.0\.1\.pem: no certificates in PEM: .*; fix: "),
        (_no_key, r"127\.0\.0\.1\.key: no private key in PEM: .*; fix: "),
        (_no_authority, r"leaf\.pem: .*CN=leaf is no certificate authority; fix: "),
        (_no_file, r"absent: "),
    ],
)
def test_each_mistake_is_told_with_its_file_and_its_fix(tmp_path: Path, spoil: Spoil, complaint: str) -> None:
    """And nothing of OpenSSL's words is all that there is (TLS-4)."""
    files = spoil(tmp_path, files_in(tmp_path))
    with pytest.raises(UnusableInput, match=complaint):
        load(files, time.time())


def test_a_key_with_a_passphrase_is_refused(tmp_path: Path) -> None:
    """A server would have nobody to ask, and OpenSSL would ask at the terminal (TLS-4)."""
    from cryptography.hazmat.primitives import serialization

    files = files_in(tmp_path)
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"secret")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    files.key.write_bytes(key.private_bytes(*form, locked))
    with pytest.raises(UnusableInput, match="passphrase"):
        load(files, time.time())


def test_a_mistake_leaves_what_was(tmp_path: Path) -> None:
    """And the next good file counts; the seconds left are those of the first certificate that ends (TLS-4, TLS-5)."""
    files = TlsFiles(*MIDDLE.issue(tmp_path, days=20), MIDDLE.root(tmp_path))
    live = LiveCertificates(files)
    assert 19 * DAY < live.expires_in() <= 20 * DAY
    before = live.context()
    files.certificate.write_text("")
    with pytest.raises(UnusableInput):
        live.reload()
    assert live.context() is before
    files_in(tmp_path)
    live.reload()
    assert live.context() is not before
    assert 29 * DAY < live.expires_in() <= 30 * DAY


def test_a_certificate_that_expires_while_it_is_shown_is_told_and_not_dropped(tmp_path: Path) -> None:
    """Clients judge it; the node says how long it still counts, and does not take it again (TLS-4, TLS-5)."""
    now = [time.time()]
    live = LiveCertificates(files_in(tmp_path), lambda: now[0])
    now[0] += 31 * DAY
    assert live.expires_in() < 0
    with pytest.raises(UnusableInput, match="expired"):
        live.reload()


@pytest.mark.parametrize(
    ("named", "missing"),
    [("c", "--tls-key"), ("k", "--tls-certificate"), ("a", "--tls-certificate"), ("ca", "--tls-key")],
)
def test_a_certificate_and_its_key_go_together(named: str, missing: str) -> None:
    """What is missing is named; without any of the files there is no TLS (TLS-1)."""
    given = [Path(name) if name in named else None for name in "cka"]
    with pytest.raises(UnusableInput, match=missing):
        tls_files(*given)
    assert tls_files(None, None, None) is None
