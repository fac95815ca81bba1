"""Hybrid logical clocks, and the entries they order (HLC-*, CRR-1)."""

from flk.conformance.operations.forms import Form, Stamp, timestamp
from flk.model.entries.entry import Entry, Outcome
from flk.model.entries.entry import join as model_join
from flk.model.log import hlc


class TickInput(Form, frozen=True):
    """The clock, and wall time in seconds since 1970 (a whole number of eighths)."""

    last: Stamp
    now: float


class ObserveInput(Form, frozen=True):
    """The clock, a timestamp that arrived, and wall time."""

    last: Stamp
    seen: Stamp
    now: float


class Observed(Form, frozen=True):
    """The clock afterwards, and whether the timestamp ran too far ahead."""

    clock: Stamp
    ahead: bool


class EntryForm(Form, frozen=True):
    """An entry as an answer of a node shows it."""

    timestamp: Stamp
    region: str
    digest: str
    outcome: Outcome


class JoinInput(Form, frozen=True):
    """Two entries under one key."""

    a: EntryForm
    b: EntryForm


def hlc_tick(given: TickInput) -> str:
    """The timestamp of a local event."""
    return hlc.text(hlc.tick(timestamp(given.last), given.now))


def hlc_observe(given: ObserveInput) -> Observed:
    """What the arrival does to the clock."""
    seen = timestamp(given.seen)
    clock = hlc.observe(timestamp(given.last), seen, given.now)
    return Observed(hlc.text(clock), hlc.is_ahead(seen, given.now))


def join(given: JoinInput) -> EntryForm:
    """The entry that prevails."""
    winner = model_join(_entry(given.a), _entry(given.b))
    return EntryForm(hlc.text(winner.timestamp), winner.region, winner.digest, winner.outcome)


def _entry(form: EntryForm) -> Entry:
    return Entry(timestamp(form.timestamp), form.region, form.digest, form.outcome)
