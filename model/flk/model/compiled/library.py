"""The compiled part: built on first use, kept in the user's cache directory, and loaded if it computes as Python does."""

import sysconfig
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from math import log2
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, cast

from flk.model.compiled.source import source
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.log.frames import Frame
from flk.model.log.hlc import Timestamp
from flk.model.transparency.leaves import Leaf
from flk.spec.errors import UnusableInput
from flk.spec.toolchain import compiler, shared_library

FLAGS = ("-O3", "-std=gnu11", "-ffp-contract=off", "-fwrapv", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror")
"""Every operation is rounded by itself, as in Python: no product is contracted with a sum."""

Keys: TypeAlias = object
"""A tenant's keys, prepared."""

Answer: TypeAlias = Claim | Literal[False] | None
"""A claim; False for a valid record that nobody signed; None where the reference is to answer."""

Logged: TypeAlias = Frame | tuple[Timestamp, bytes]
"""A frame, of which nothing but timestamp and payload is looked at."""


class Library(Protocol):
    """What is compiled."""

    def prepare(
        self,
        claim: type[Claim],
        key: type[Key],
        entry: type[Entry],
        outcome: type[Outcome],
        reasons: tuple[Reason, ...],
        leaf: type[Leaf],
    ) -> None:
        """Say what claims and leaves are made of."""
        ...

    def keys(
        self,
        secrets: Sequence[tuple[bytes, float, float]],
        fixed: bool,  # noqa: FBT001 (as in C)
        judged: bool,  # noqa: FBT001
        all: bool,  # noqa: A002, FBT001
        rules: tuple[object, ...],
    ) -> Keys:
        """Prepare a tenant's keys for HMAC, when they count, and for which profiles; `all`: there are no others of either. And the
        rules by which its records are judged, in the order of `Rules`.
        """
        ...

    def examine(self, book: Mapping[str, Keys], tenant: str, body: bytes, timestamp: int, region: str) -> Answer:
        """What one submission claims."""
        ...

    def claims(self, book: Mapping[str, Keys], frames: tuple[Logged, ...], region: str) -> list[Answer]:
        """What each frame claims; other threads run meanwhile."""
        ...

    def leaf(self, claim: Claim, body: bytes, parameters: str, policy: str) -> Leaf | None:
        """The leaf of what a body claims, judged by tolerances or a policy with these digests; None: it is for the reference."""
        ...

    def log2(self, value: int) -> float:
        """As the compiled part has it."""
        ...

    def digest(self, data: bytes, own: bool) -> bytes:  # noqa: FBT001 (as in C)
        """SHA-256, by the processor's `own` rounds if it has them."""
        ...


@cache
def library() -> Library:
    """The compiled part. Raises UnusableInput, with the reason, where it cannot be had."""
    found = compiler()
    if found is None:
        raise UnusableInput("no C compiler is found; install gcc or clang, or set CC")
    return load(source(), found, flags())


def flags() -> tuple[str, ...]:
    """How it is compiled here. Raises UnusableInput if this Python has no headers, or is one for which it was not made."""
    headers = sysconfig.get_path("include")
    if not Path(headers, "Python.h").is_file():
        raise UnusableInput(f"{headers} has no Python.h; install the headers of this Python (python3-dev)")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise UnusableInput("this Python has no global lock, for which it was not made")
    return (*FLAGS, f"-I{headers}", "-lm")


def load(text: str, found: str, flags: Sequence[str]) -> Library:
    """Compile a text, and load it. Raises UnusableInput if that fails, or if its logarithms are not Python's."""
    path = str(shared_library(text, found, flags))
    loader = ExtensionFileLoader("_examine", path)
    spec = spec_from_loader("_examine", loader)
    assert spec is not None
    try:
        made = module_from_spec(spec)
        loader.exec_module(made)
    except ImportError as error:
        raise UnusableInput(f"{path} cannot be loaded: {error}; delete it") from None
    loaded = cast("Library", made)
    if any(loaded.log2(value) != log2(value) for value in _SAMPLE):
        raise UnusableInput("the logarithms of this Python are not those of the C library")
    loaded.prepare(Claim, Key, Entry, Outcome, (Reason.OK, Reason.D_HAT, Reason.REGIME, Reason.BUDGET), Leaf)
    return loaded


_SAMPLE = (*range(1, 1025), *(3**power for power in range(33)), *(2**power - 1 for power in range(1, 54)))
