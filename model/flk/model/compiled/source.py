"""The text that is compiled: the constants of the specification, then the parts in the order in which they build on each other."""

from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.resources import files

from flk.model.record.canonical import CLEAR, NEAR
from flk.spec.constants import CONSTANTS

PARTS = ("base", "sha256", "json", "numbers", "record", "canonical", "judge", "examine", "leaf", "module")


def source() -> str:
    """One file of C. A complaint of the compiler names the part, and the line in it."""
    constants = (f"#define {name} {value}" for name, value in _constants())
    parts = (f'#line 1 "{name}.c"\n{text(name)}' for name in PARTS)
    made_for = f"/* For {EXTENSION_SUFFIXES[0]} */"
    return "\n".join([made_for, "#define PY_SSIZE_T_CLEAN", "#include <Python.h>", *constants, *parts])


def text(part: str) -> str:
    """One of the parts, as it stands in this folder."""
    return files("flk.model.compiled").joinpath(f"{part}.c").read_text("utf-8")


def _constants() -> Iterator[tuple[str, str]]:
    record = CONSTANTS.record
    yield "SCHEMA", f'"{record.schema}"'
    yield from _integers(
        MAX_EPOCH=record.max_epoch,
        MAX_ATTEMPT=record.max_attempt,
        MAX_SCALE=record.max_scale,
        MIN_SCALES=record.min_scales,
        MAX_SCALES=record.max_scales,
        MAX_COUNT=record.max_count,
        MAX_DIMENSIONS=record.max_dimensions,
        MAX_FALLBACKS=record.max_fallbacks,
        MAX_TEXT=record.max_text,
        COUNTER_BITS=CONSTANTS.clock.counter_bits,
    )
    yield from _reals(
        NANO=CONSTANTS.canonical.nano,
        NEAR=NEAR,
        CLEAR=CLEAR,
        D_HAT_MAX=record.D_hat_max,
        COH_STAR_MAX=record.coh_star_max,
    )


def _integers(**values: int) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        yield name, f"{value}"


def _reals(**values: float) -> Iterator[tuple[str, str]]:
    """In hexadecimal, so that no compiler rounds them."""
    for name, value in values.items():
        yield name, f"({float(value).hex()})"
