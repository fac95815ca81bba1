"""The reference SDKs, built once in a run of the tests, and what one can ask of them."""

import base64
import os
import subprocess
from collections.abc import Mapping, Sequence
from fcntl import LOCK_EX, flock
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
import pytest

from flk.conformance.sdk.check import reference_subject
from flk.impl.bench import sdks

SDKS = Path(__file__).parents[3] / "conformance" / "sdks"


class Sdk(NamedTuple):
    """The commands of an SDK, each run in its folder; `{out}` is the folder for what is built."""

    language: str
    folder: Path
    build: tuple[tuple[str, ...], ...]
    checks: tuple[tuple[str, ...], ...]
    """Formatter, linter and tests of its own."""
    subject: tuple[str, ...]
    source: str
    """Of its subject."""
    sender: tuple[str, ...] = ()
    """None where there are no files: in browsers."""
    deliverer: tuple[str, ...] = ()
    """Its sender as a subject of the kit."""
    needs: str = ""
    """The SDK that is built before it, beside its folder."""


KEPT = (*sdks.PAGE, "--profile", "{out}/profile")
"""The command of a module in a page whose outbox outlives it."""
GO = Sdk(
    language="go",
    folder=SDKS / "go",
    build=sdks.GO.build,
    checks=(("sh", "-c", 'test -z "$(gofmt -l . | tee /dev/stderr)"'), ("go", "vet", "./..."), ("go", "test", "./...")),
    subject=("{out}/flk-subject",),
    source="cmd/flk-subject/main.go",
    sender=("{out}/flk-send",),
    deliverer=("{out}/flk-deliver",),
)
TYPESCRIPT = Sdk(
    language="typescript",
    folder=SDKS / "typescript",
    build=sdks.TYPESCRIPT.build,
    checks=(("npm", "--prefix", "{out}", "run", "check"), ("npm", "--prefix", "{out}", "test")),
    subject=("node", "{out}/dist/src/flk-subject/main.js"),
    source="src/flk-subject/subject.ts",
    sender=("node", "{out}/dist/src/flk-send/main.js"),
    deliverer=("node", "{out}/dist/src/flk-deliver/main.js"),
)
WEBASSEMBLY = Sdk(
    language="webassembly",
    folder=SDKS / "go" / "wasm",
    build=(
        *sdks.WEBASSEMBLY.build,
        ("npm", "--prefix", "{out}", *sdks.INSTALL),
        ("ln", "-s", "../sdk-typescript/dist/src", "{out}/flk-sdk"),
    ),
    checks=(
        ("env", "GOOS=js", "GOARCH=wasm", "go", "vet", "."),
        ("npm", "--prefix", "{out}", "run", "check"),
        ("node", "--test", "{out}/flk.test.js"),
    ),
    subject=(*sdks.PAGE, "--root", "{out}", "{out}/flk-subject/main.js"),
    source="flk-subject/main.js",
    deliverer=(*KEPT, "--root", "{out}", "{out}/flk-deliver/main.js"),
    needs="typescript",
)
TYPESCRIPT_IN_CHROMIUM = TYPESCRIPT._replace(
    language="typescript-in-chromium",
    checks=(),
    subject=(*sdks.PAGE, "--root", "{out}/dist/src", "{out}/dist/src/flk-subject/subject.js"),
    sender=(),
    deliverer=(*KEPT, "--root", "{out}/dist/src", "{out}/dist/src/flk-deliver/page.js"),
)
MANIFEST = ("--manifest-path", "{out}/Cargo.toml")
RELEASE = ("--release", "--target-dir", "{out}/target", *MANIFEST)  # one profile, so that builds share what they can
RUST = Sdk(
    language="rust",
    folder=SDKS / "rust",
    build=sdks.RUST.build,
    checks=(
        ("cargo", "fmt", "--check", *MANIFEST),
        ("cargo", "clippy", "--all-targets", *RELEASE, "--", "-D", "warnings"),
        ("cargo", "test", *RELEASE),
    ),
    subject=("{out}/target/release/flk-subject",),
    source="src/bin/flk-subject/main.rs",
    sender=("{out}/target/release/flk-send",),
    deliverer=("{out}/target/release/flk-deliver",),
)
ALL = (GO, TYPESCRIPT, RUST, WEBASSEMBLY, TYPESCRIPT_IN_CHROMIUM)
CHECKED = {
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
    "CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS": "true",
    "GOFLAGS": f"{sdks.ENVIRONMENT['GOFLAGS']} '-gcflags=all=-N -l -dwarf=false' -ldflags=-w",
}
"""What is built for tests need not be fast: that takes a third of the time of Rust and two thirds of that of Go, whose library is
compiled, too; and a number that overflows is found, in Rust.
"""


def run(command: Sequence[str], folder: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """What a command of an SDK says and how it ends."""
    environment = {**sdks.ENVIRONMENT, **CHECKED, **more}
    return subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=False)


def built(sdk: Sdk, factory: pytest.TempPathFactory) -> Path:
    """Where the SDK's programs are. Whoever asks first builds them, other workers wait for that."""
    for other in ALL:
        if other.language == sdk.needs:
            built(other, factory)
    own = factory.getbasetemp()
    here = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    name = "-".join(("sdk", *sdk.folder.relative_to(SDKS).parts))
    out, done = here / name, here / f"{name}.built"
    with (here / f"{name}.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not done.exists():
            out.mkdir(exist_ok=True)
            for words in sdk.build:
                ended = run(sdks.command(words, out), sdk.folder)
                assert ended.returncode == 0, ended.stdout + ended.stderr
            done.touch()
    return out


class Conversation:
    """A subject that is asked one question after another."""

    def __init__(self, words: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=sdks.ENVIRONMENT
        )
        self._asked = 0
        self.hello = self._exchange({"hello": {"protocol": 1, "kit": "tests"}})

    def ask(self, operation: str, question: Mapping[str, object]) -> Mapping[str, object]:
        """The subject's answer: `value`, or `error` and `field`."""
        self._asked += 1
        answer = self._exchange({"run": self._asked, "operation": operation, "input": question})
        assert answer["seq"] == self._asked
        return answer

    def _exchange(self, message: Mapping[str, object]) -> Mapping[str, object]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(message).decode() + "\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=dict[str, object])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


def subjects(factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The command of each SDK's subject, and of our own."""
    others = {sdk.language: sdks.command(sdk.subject, built(sdk, factory)) for sdk in ALL}
    return {"python": list(reference_subject()), **others}


def data(count: int, shard: str) -> str:
    """Lines for a sender: so many small clouds of points."""
    lines = [
        {
            "points": [[i / 8, (i * epoch % 7) / 7] for i in range(8)],
            "raw": base64.b64encode(f"data {epoch}".encode()).decode(),
            "shard_id": shard,
            "epoch": epoch,
            "seed": epoch,
        }
        for epoch in range(count)
    ]
    return "".join(msgspec.json.encode(line).decode() + "\n" for line in lines)
