"""The reference SDKs as they are built for `flk bench sdk` and for the tests: a line of the table for each place where one runs."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from flk.spec.errors import UnusableInput

PAGE = (sys.executable, "-m", "flk.impl.command", "conform", "browser")
"""The command of a module in a page of a headless Chromium."""
INSTALL = ("install", "--prefer-offline", "--no-audit", "--no-fund")
ENVIRONMENT = {
    **os.environ,
    "GOTOOLCHAIN": "local",
    "GOPROXY": "off",
    "GOFLAGS": "-buildvcs=false",
    "CARGO_PROFILE_DEV_DEBUG": "0",  # what is built for checks and tests only is built sooner
    "CARGO_INCREMENTAL": "0",
}


class Sdk(NamedTuple):
    """An SDK in one of the places where it runs. Commands run in its folder; `{out}` is the folder for what is built."""

    name: str
    folder: str
    build: tuple[tuple[str, ...], ...]
    bench: tuple[str, ...]
    """Answers `sign` and `authenticate` of the SDK protocol by how often it could in so many `seconds`: `count`, `seconds`, and the
    last `value`.
    """


NODE_PACKAGE = (
    ("cp", "-r", "package.json", ".npmrc", "tsconfig.json", "biome.json", "src", "test", "{out}"),
    ("npm", "--prefix", "{out}", *INSTALL),
    ("npm", "--prefix", "{out}", "run", "build"),
)
GO = Sdk("Go", "go", (("go", "build", "-o", "{out}/", "./cmd/..."),), ("{out}/flk-bench",))
TYPESCRIPT = Sdk("TypeScript in Node", "typescript", NODE_PACKAGE, ("node", "{out}/dist/src/flk-bench/main.js"))
TYPESCRIPT_IN_CHROMIUM = Sdk(
    "TypeScript in Chromium",
    "typescript",
    NODE_PACKAGE,
    (*PAGE, "--root", "{out}/dist/src", "{out}/dist/src/flk-bench/bench.js"),
)
WEBASSEMBLY = Sdk(
    "WebAssembly in Chromium",
    "go/wasm",
    (("./build.sh", "{out}"),),
    (*PAGE, "--root", "{out}", "{out}/flk-bench/main.js"),
)
RUST = Sdk(
    "Rust",
    "rust",
    (
        ("cp", "-r", "Cargo.toml", "rustfmt.toml", "src", "tests", "{out}"),
        ("cargo", "build", "--release", "--target-dir", "{out}/target", "--manifest-path", "{out}/Cargo.toml"),
    ),
    ("{out}/target/release/flk-bench",),
)
ALL = (GO, RUST, TYPESCRIPT, TYPESCRIPT_IN_CHROMIUM, WEBASSEMBLY)


class Unmeasured(Exception):
    """An SDK cannot be built or asked here. Says why."""


def folder() -> Path:
    """Where the SDKs are, in a checkout. Raises UnusableInput where the lab is installed without one."""
    found = Path(__file__).parents[4] / "conformance" / "sdks"
    if not found.is_dir():
        raise UnusableInput("the package is without the SDKs: name conformance/sdks of a checkout with --sdks")
    return found


def build(sdk: Sdk, source: Path, out: Path) -> None:
    """Build an SDK from its folder into another. Raises Unmeasured if its tools are not there, or fail."""
    out.mkdir(parents=True, exist_ok=True)
    for words in sdk.build:
        try:
            ended = subprocess.run(  # noqa: S603  # our own
                command(words, out), cwd=source, env=ENVIRONMENT, text=True, capture_output=True, check=False
            )
        except OSError as error:
            raise Unmeasured(f"{words[0]}: {error.strerror}") from None
        if ended.returncode:
            raise Unmeasured(f"{' '.join(words)}: {last_line(ended.stderr or ended.stdout)}")


def command(words: Sequence[str], out: Path) -> list[str]:
    """A command of an SDK that was built there."""
    return [word.format(out=out) for word in words]


def last_line(said: str) -> str:
    """What a program said last."""
    return (said.strip().splitlines() or ["it said nothing"])[-1]
