"""A run as one line, its replay string, and the run that such a line names.

A run of a library scenario is `NAME:SEED:FAULTS@HASH`: the faults that are kept by their ids, `*` for all of them and nothing
for none, and the hash of the whole scenario; typed by hand, `NAME:SEED` will do.

Any other run is `flk1.` and base64url of what is needed to repeat it: the scenario without its defaults, the seed, the name of the
programs, the version of the code, and the digest that the repeated run must have.
"""

import binascii
import re
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

import msgspec

from flk.sim.experiments.journal import code_version
from flk.sim.scenarios import document
from flk.sim.scenarios.faults import Fault
from flk.sim.scenarios.files import find, library
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

PREFIX = "flk1."
ALL = "*"
_SHORT = re.compile(r"(?P<name>[^:@]+):(?P<seed>-?\d+)(?::(?P<faults>[^@]*))?(?:@(?P<hash>[0-9a-f]+))?")
_HASH = 8  # digits of a scenario's hash that tell it from its other versions


class ReplayTarget(NamedTuple):
    """The run that a replay string names. `digest` is that of the recorded run, empty if the string holds none.

    `changed` says what differs from when the string was made; empty if nothing is known to.
    """

    scenario: Scenario
    seed: int
    programs: str
    digest: str
    changed: str


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a self-contained replay string holds."""

    scenario: dict[str, object]
    seed: int
    programs: str
    code: str
    digest: str


def replay_string(scenario: Scenario, seed: int, digest: str = "", programs: str = "") -> str:
    """The replay string of a run of these programs (empty: the model's)."""
    whole = _of_library(scenario)
    if whole is not None and not programs:
        ids = ",".join(fault.id for fault in scenario.faults)
        return f"{whole.name}:{seed}:{ALL if scenario == whole else ids}@{whole.hash[:_HASH]}"
    content = _Content(document.plain(scenario), seed, programs, code_version(), digest)
    packed = zlib.compress(msgspec.json.encode(content), 9)
    return PREFIX + urlsafe_b64encode(packed).decode().rstrip("=")


def is_replay_string(text: str) -> bool:
    """Whether a text has the form of a replay string, sound or not."""
    return bool(re.match(r"flk\d+\.", text) or _SHORT.fullmatch(text))


def parse(text: str) -> ReplayTarget:
    """The run that a replay string names. Raises UnusableInput for a string that is damaged or names nothing."""
    text = text.strip()
    if text.startswith(PREFIX):
        return _unpacked(text)
    if found := _SHORT.fullmatch(text):
        faults = ALL if found["faults"] is None else found["faults"]
        return _short(found["name"], int(found["seed"]), faults, found["hash"] or "")
    if re.match(r"flk\d+\.", text):
        raise UnusableInput(f"{text[:12]}…: a replay string of another version of flk; this version reads {PREFIX}…")
    raise UnusableInput(
        f"{text[:60]!r} is not a replay string; give NAME:SEED:FAULTS@HASH or {PREFIX}…, as flk printed it"
    )


def with_faults(scenario: Scenario, ids: list[str]) -> Scenario:
    """The scenario with these of its faults only. Raises UnusableInput for an id that no fault has."""
    known = [fault.id for fault in scenario.faults]
    for identity in ids:
        if identity not in known:
            raise UnusableInput(f"{scenario.name} has no fault {identity!r}; {nearest(identity, known)}")
    kept: tuple[Fault, ...] = tuple(fault for fault in scenario.faults if fault.id in ids)
    return scenario.with_faults(kept)


def _of_library(scenario: Scenario) -> Scenario | None:
    """The library's scenario that this one is, but for faults left out; None if it is another."""
    if scenario.name not in library():
        return None
    whole = find(scenario.name)
    kept = {fault.id for fault in scenario.faults}
    faults = tuple(fault for fault in whole.faults if fault.id in kept)
    return whole if whole.with_faults(faults) == scenario else None


def _short(name: str, seed: int, faults: str, known: str) -> ReplayTarget:
    if name not in library():
        raise UnusableInput(f"{name}: not a scenario of the library; {nearest(name, sorted(library()))}")
    whole = find(name)
    changed = ""
    if not whole.hash.startswith(known):
        changed = f"the scenario {name} has changed: its hash was {known} and is {whole.hash[: len(known)]}"
    scenario = whole if faults == ALL else with_faults(whole, [each for each in faults.split(",") if each])
    return ReplayTarget(scenario, seed, "", "", changed)


def _unpacked(text: str) -> ReplayTarget:
    packed = text.removeprefix(PREFIX)
    try:
        raw = zlib.decompress(urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
        content = msgspec.json.decode(raw, type=_Content)
    except (binascii.Error, ValueError, zlib.error, msgspec.DecodeError):
        raise UnusableInput(
            f"{text[:24]}…: the replay string is damaged; copy all of {PREFIX}… as it was printed"
        ) from None
    changed = ""
    if content.code != code_version():
        changed = f"the code has changed: its version was {content.code} and is {code_version()}"
    where = "the scenario in the replay string"
    scenario = document.convert(content.scenario, Scenario, where)
    for error in validation_errors(scenario):
        raise document.located(error, "", where)
    return ReplayTarget(scenario, content.seed, content.programs, content.digest, changed)
