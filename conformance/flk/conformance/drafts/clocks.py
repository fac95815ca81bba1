"""Drafts of `hlc_tick`, `hlc_observe` and `join` (HLC-*, CRR-1). Wall times are whole eighths of a second: exact in binary."""

from collections.abc import Iterator

from flk.conformance.drafts.draft import NOW, Draft
from flk.conformance.operations.clocks import EntryForm, JoinInput, ObserveInput, TickInput
from flk.model.entries.entry import Outcome, Reason
from flk.model.log.hlc import COUNTER_BITS, Timestamp, at, text
from flk.spec.constants import CONSTANTS

FULL = (1 << COUNTER_BITS) - 1
AHEAD = CONSTANTS.clock.max_ahead_seconds


def hlc_tick() -> Iterator[Draft]:
    """Time that goes on, stands still, runs back; counters that fill up."""
    present = at(NOW)
    clocks = {
        "fresh": Timestamp(0),
        "long-ago": at(NOW - 1000),
        "last-millisecond": at(NOW - 0.125),
        "same-millisecond": present,
        "counter-going": Timestamp(present + 41),
        "counter-nearly-full": Timestamp(present + FULL - 1),
        "counter-full": Timestamp(present + FULL),
        "clock-set-back": at(NOW + 5),
        "set-back-and-full": Timestamp(at(NOW + 5) + FULL),
        "far-ahead": at(NOW + 10 * AHEAD),
        "bits-of-63": Timestamp(2**63 - 2),
    }
    for slug, last in clocks.items():
        flags = ("carry",) if last & FULL == FULL else ()
        yield Draft(slug, "after the last one, not before wall time", TickInput(text(last), NOW), ("HLC-1",), flags)
    for now in (0.0, 0.125, 1.0, 1737288000.125, 1737288000.875, 4102444800.5):
        yield Draft(f"wall-{now}", "milliseconds since 1970, shifted", TickInput(text(Timestamp(0)), now), ("HLC-1",))


def hlc_observe() -> Iterator[Draft]:
    """Arrivals from the past, from the future, and from too far in the future."""
    last = Timestamp(at(NOW) + 3)
    offsets = {
        "past": -1000.0,
        "just-before": -0.125,
        "now": 0.0,
        "soon": 0.125,
        "minute-less": AHEAD - 0.125,
        "minute": AHEAD,
        "minute-more": AHEAD + 0.125,
        "hour": 3600.0,
    }
    for slug, offset in offsets.items():
        for name, counter in (("first", 0), ("counting", 7), ("full", FULL)):
            seen = Timestamp(at(NOW + offset) + counter)
            rule = "HLC-3" if offset > AHEAD else "HLC-2"
            question = ObserveInput(text(last), text(seen), NOW)
            yield Draft(
                f"{slug}-{name}", "moves the clock, unless it runs ahead by more than a minute", question, (rule,)
            )
    yield Draft("equal", "what is known already changes nothing", ObserveInput(text(last), text(last), NOW), ("HLC-2",))
    past = ObserveInput(text(at(NOW - 1000)), text(at(NOW - 500)), NOW)
    yield Draft("clock-long-ago", "the arrival moves the clock, and wall time does not", past, ("HLC-2",))
    yield Draft(
        "fresh-clock", "a clock that never ticked", ObserveInput(text(Timestamp(0)), text(at(NOW)), NOW), ("HLC-2",)
    )


def join() -> Iterator[Draft]:
    """Every order of timestamps and regions, both ways round."""
    early, late = at(NOW), Timestamp(at(NOW) + 1)
    pairs = {
        "earlier": (_entry(early, "us"), _entry(late, "eu")),
        "earlier-by-a-millisecond": (_entry(Timestamp(early + FULL), "us"), _entry(at(NOW + 0.125), "ap")),
        "region": (_entry(early, "ap"), _entry(early, "eu")),
        "region-prefix": (_entry(early, "eu"), _entry(early, "eu-west")),
        "region-case": (_entry(early, "EU"), _entry(early, "eu")),
        "region-digit": (_entry(early, "eu10"), _entry(early, "eu2")),
        "other-content": (_entry(early, "us", "a"), _entry(late, "eu", "b")),
        "better-outcome": (_entry(early, "us", reason=Reason.D_HAT), _entry(late, "eu")),
        "region-code-points": (_entry(early, "\uff45"), _entry(early, "\U0001f600")),
        "digest": (_entry(early, "eu", "a"), _entry(early, "eu", "b")),
        "equal": (_entry(early, "eu"), _entry(early, "eu")),
        "high-bit": (_entry(Timestamp(2**62), "us"), _entry(Timestamp(2**63 - 1), "ap")),
    }
    for slug, (first, second) in pairs.items():
        flags = ("tie-break",) if first.timestamp == second.timestamp else ()
        for name, rule, question in (
            ("", "CRR-1", JoinInput(first, second)),
            ("-turned", "CRR-2", JoinInput(second, first)),
        ):
            yield Draft(
                slug + name,
                "the lesser timestamp, then the lesser region, whichever comes first",
                question,
                (rule,),
                flags,
            )


def _entry(timestamp: Timestamp, region: str, digit: str = "a", reason: Reason = Reason.OK) -> EntryForm:
    good = reason is Reason.OK
    return EntryForm(text(timestamp), region, digit * 64, Outcome(good, not good, reason, 1.0, 0.4))
