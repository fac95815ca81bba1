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

SDKS = Path(__file__).parents[3] / "conformance" / "sdks"


class Sdk(NamedTuple):
    """The commands of an SDK, each run in its folder; `{out}` is the folder for what is built."""

    language: str
    folder: Path
    build: tuple[tuple[str, ...], ...]
    checks: tuple[tuple[str, ...], ...]
    """Formatter, linter and tests of its own."""
    subject: tuple[str, ...]
    sender: tuple[str, ...]
    deliverer: tuple[str, ...]
    """Its sender as a subject of the kit."""

    def subject_file(self) -> Path:
        """The source of its subject."""
        (found,) = [
            path for path in self.folder.rglob("*subject/main.*") if not {"node_modules", "dist"} & {*path.parts}
        ]
        return found


GO = Sdk(
    language="go",
    folder=SDKS / "go",
    build=(("go", "build", "-o", "{out}/", "./cmd/..."),),
    checks=(("sh", "-c", 'test -z "$(gofmt -l . | tee /dev/stderr)"'), ("go", "vet", "./..."), ("go", "test", "./...")),
    subject=("{out}/flk-subject",),
    sender=("{out}/flk-send",),
    deliverer=("{out}/flk-deliver",),
)
PACKAGE = ("package.json", ".npmrc", "tsconfig.json", "biome.json", "src", "test")
TYPESCRIPT = Sdk(
    language="typescript",
    folder=SDKS / "typescript",
    build=(
        ("cp", "-r", *PACKAGE, "{out}"),
        ("npm", "--prefix", "{out}", "install", "--prefer-offline", "--no-audit", "--no-fund"),
        ("npm", "--prefix", "{out}", "run", "build"),
    ),
    checks=(("npm", "--prefix", "{out}", "run", "check"), ("npm", "--prefix", "{out}", "test")),
    subject=("node", "{out}/dist/src/flk-subject/main.js"),
    sender=("node", "{out}/dist/src/flk-send/main.js"),
    deliverer=("node", "{out}/dist/src/flk-deliver/main.js"),
)
MANIFEST = ("--manifest-path", "{out}/Cargo.toml")
RELEASE = ("--release", "--target-dir", "{out}/target", *MANIFEST)  # one profile, so that builds share what they can
RUST = Sdk(
    language="rust",
    folder=SDKS / "rust",
    build=(("cp", "-r", "Cargo.toml", "rustfmt.toml", "src", "tests", "{out}"), ("cargo", "build", *RELEASE)),
    checks=(
        ("cargo", "fmt", "--check", *MANIFEST),
        ("cargo", "clippy", "--all-targets", *RELEASE, "--", "-D", "warnings"),
        ("cargo", "test", *RELEASE),
    ),
    subject=("{out}/target/release/flk-subject",),
    sender=("{out}/target/release/flk-send",),
    deliverer=("{out}/target/release/flk-deliver",),
)
ALL = (GO, TYPESCRIPT, RUST)
ENVIRONMENT = {**os.environ, "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": "-buildvcs=false"}


def run(command: Sequence[str], folder: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """What a command of an SDK says and how it ends."""
    return subprocess.run(command, cwd=folder, env={**ENVIRONMENT, **more}, text=True, capture_output=True, check=False)


def built(sdk: Sdk, factory: pytest.TempPathFactory) -> Path:
    """Where the SDK's programs are. Whoever asks first builds them, other workers wait for that."""
    own = factory.getbasetemp()
    here = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    out, done = here / f"sdk-{sdk.language}", here / f"sdk-{sdk.language}.built"
    with (here / f"sdk-{sdk.language}.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not done.exists():
            out.mkdir(exist_ok=True)
            for words in sdk.build:
                ended = run(command(words, out), sdk.folder)
                assert ended.returncode == 0, ended.stdout + ended.stderr
            done.touch()
    return out


def command(words: Sequence[str], out: Path) -> list[str]:
    """A command of a built SDK."""
    return [word.format(out=out) for word in words]


class Conversation:
    """A subject that is asked one question after another."""

    def __init__(self, words: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
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
    others = {sdk.language: command(sdk.subject, built(sdk, factory)) for sdk in ALL}
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
