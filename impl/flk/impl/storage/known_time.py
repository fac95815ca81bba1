"""When the clocks of this machine were last known to agree, kept beside the log for the next process (HLC-5).

    DIRECTORY/clock.json    what both clocks showed, and which start of the machine the steady one counts from

It is no part of what must last: without it, after a start of the machine, or on another one, wall time is believed.
"""

import os
import time
from pathlib import Path

import msgspec
import structlog

from flk.model.flow.timekeeping import Moment

FORMAT = 1  # of the file; what a later version wrote is not known here
SAVE_SECONDS = 60.0  # between two savings, of the steady clock
_NAME = "clock.json"
_BOOT = Path("/proc/sys/kernel/random/boot_id")

log = structlog.get_logger()


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    boot: str
    wall: float
    steady: float
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format > FORMAT:
            raise ValueError(f"it is of format {self.format}, and this version knows {FORMAT}")


def steady() -> float:
    """Seconds that nobody sets, sleep included where the system counts it (CLOCK_BOOTTIME)."""
    return time.clock_gettime(_CLOCK)


_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class KnownTime:
    """The file in a directory. `boot` names this start of the machine; where the system has no name for it, nothing is kept."""

    def __init__(self, directory: Path, boot: str | None = None) -> None:
        self._path = directory / _NAME
        self._boot = _boot() if boot is None else boot
        self._saved_at = float("-inf")

    def load(self) -> Moment | None:
        """What was known when it was saved last, None if nothing is known of this start of the machine."""
        try:
            saved = msgspec.json.decode(self._path.read_bytes(), type=_Saved)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            log.warning("clock.unknown", file=str(self._path), reason=str(error))
            return None
        return Moment(saved.wall, saved.steady) if self._boot and saved.boot == self._boot else None

    def save(self, known: Moment) -> None:
        """Keep what is known now, unless that was done less than a minute ago. What cannot be written is logged."""
        if not self._boot or known.steady - self._saved_at < SAVE_SECONDS:
            return
        self._saved_at = known.steady
        new = self._path.with_suffix(".new")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(_Saved(self._boot, *known)))
            new.replace(self._path)
        except OSError as error:
            log.warning("clock.not_saved", file=str(self._path), reason=str(error))


def _boot() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
