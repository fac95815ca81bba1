"""A time-stamping authority (`openssl ts`) and a calendar of OpenTimestamps, over HTTP on loopback."""

import os
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpAppend, OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext
from opentimestamps.core.timestamp import Timestamp

_CONFIGURATION = """
[tsa]
default_tsa = authority
[authority]
serial = {home}/serial
crypto_device = builtin
signer_cert = {home}/signer.pem
signer_key = {home}/signer.key
signer_digest = sha256
default_policy = 1.3.6.1.4.1.57264.2
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
[signer]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
"""


class Authority:
    """A real one: `openssl ts` answers, by a key whose certificate a root signed. `spoil` changes what it says on its way."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "root.pem"
        self.spoil: Callable[[bytes], bytes] = lambda answer: answer
        home.mkdir()
        (home / "serial").write_text("01\n")
        (home / "ts.cnf").write_text(_CONFIGURATION.format(home=home))
        self._openssl("req", "-x509", *self._new("root"), "-extensions", "root", "-days", "9")
        self._openssl("req", *self._new("signer"), "-out", home / "signer.csr")
        request = ("-in", home / "signer.csr", "-out", home / "signer.pem", "-days", "9")
        signed = ("-CA", home / "root.pem", "-CAkey", home / "root.key", "-extfile", home / "ts.cnf")
        self._openssl("x509", "-req", *request, *signed, "-extensions", "signer")

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Its answer to a query."""
        del path
        (self.home / "query").write_bytes(body)
        self._openssl(
            "ts", "-reply", "-queryfile", self.home / "query", "-config", self.home / "ts.cnf", "-section", "authority"
        )
        return 200, self.spoil((self.home / "reply").read_bytes())

    def get(self, path: str) -> tuple[int, bytes]:
        """It has nothing to be got."""
        del path
        return 404, b""

    def accepts(self, note: bytes, answer: bytes) -> bool:
        """Whether OpenSSL takes an answer for one about a note."""
        for name, content in (("note", note), ("answer", answer)):
            (self.home / name).write_bytes(content)
        verify = ("openssl", "ts", "-verify", "-data", "note", "-in", "answer", "-CAfile", "root.pem")
        return subprocess.run(verify, cwd=self.home, capture_output=True, check=False).returncode == 0

    def _new(self, name: str) -> tuple[object, ...]:
        made = (
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            self.home / f"{name}.key",
        )
        out = ("-out", self.home / f"{name}.pem") if name == "root" else ()
        return (*made, "-subj", f"/CN={name} of the tests", *out, "-config", self.home / "req.cnf")

    def _openssl(self, *arguments: object) -> None:
        (self.home / "req.cnf").write_text("[req]\ndistinguished_name=d\n[d]\n" + (self.home / "ts.cnf").read_text())
        out = ("-out", self.home / "reply") if arguments[:2] == ("ts", "-reply") else ()
        subprocess.run(["openssl", *map(str, (*arguments, *out))], check=True, capture_output=True, timeout=60)


class Calendar:
    """Promises at once, and anchors when a block is `mined`: its Merkle root is that of what was submitted by then."""

    def __init__(self) -> None:
        self.url = ""
        self.headers: dict[int, bytes] = {}
        self._waiting: list[bytes] = []
        self._anchored: dict[bytes, bytes] = {}

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """The promise to anchor a digest."""
        if path != "/digest" or len(body) > 64:
            return 400, b""
        promised = Timestamp(body)
        commitment = promised.ops.add(OpAppend(os.urandom(8))).ops.add(OpSHA256())
        commitment.attestations.add(PendingAttestation(self.url))
        self._waiting.append(commitment.msg)
        return 200, _written(promised)

    def get(self, path: str) -> tuple[int, bytes]:
        """How a commitment is anchored, if it is."""
        found = self._anchored.get(bytes.fromhex(path.removeprefix("/timestamp/")))
        return (404, b"Pending confirmation") if found is None else (200, found)

    def mine(self, height: int, when: int) -> None:
        """A block of that time, whose Merkle root stands for each that waits: with two digests, the hash of both."""
        for commitment in self._waiting:
            anchored = Timestamp(commitment)
            top = (
                anchored.ops.add(OpAppend(sha256(b"another transaction").digest()))
                .ops.add(OpSHA256())
                .ops.add(OpSHA256())
            )
            top.attestations.add(BitcoinBlockHeaderAttestation(height))
            self._anchored[commitment] = _written(anchored)
            self.headers[height] = struct.pack("<I32s32sIII", 2, b"\0" * 32, top.msg, when, 0x1D00FFFF, 7)
        self._waiting.clear()


@contextmanager
def answering(service: Authority | Calendar) -> Iterator[str]:
    """Its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(*service.post(self.path, self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            self._answer(*service.get(self.path))

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *told: object) -> None:
            del told

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    if isinstance(service, Calendar):
        service.url = url
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _written(timestamp: Timestamp) -> bytes:
    context = BytesSerializationContext()
    timestamp.serialize(context)
    return bytes(context.getbytes())
