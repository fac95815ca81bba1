"""`flk bench pii`: counts of a scanner that is known, and a small run whole."""

import pytest

from flk.impl.bench.personal import Sample, by_patterns, judged, samples, scanned, speeds
from flk.model.personal.find import Kind

SOME = [
    Sample("ann@firma.de", 0, 12, Kind.EMAIL, "mail address"),
    Sample("ben@firma.de", 0, 12, Kind.EMAIL, "mail address"),
    Sample("cy@firma.de and more", 0, 11, Kind.EMAIL, "mail address"),
    Sample("1.2.3.4", 0, 7, None, "version"),
]
FOUND = {
    "ann@firma.de": [(0, 12, Kind.EMAIL)],
    "ben@firma.de": [(2, 12, Kind.EMAIL)],
    "cy@firma.de and more": [(0, 11, Kind.EMAIL), (16, 20, Kind.PHONE)],
    "1.2.3.4": [(0, 7, Kind.IP)],
}


def test_what_is_covered_in_part_is_not_found_and_what_stands_beside_is_false() -> None:
    """By kind; and what a near miss was taken for."""
    counts, mistakes = judged(SOME, FOUND.__getitem__)
    told = {count.name: (count.there, count.found, count.false) for count in counts}
    assert told["email"] == (3, 2, 0)
    assert (told["ip"], told["phone"], told["card"]) == ((0, 0, 1), (0, 0, 1), (0, 0, 0))
    assert mistakes == {"version as ip": 1, "mail address as phone": 1, "mail address missed": 1}


@pytest.mark.slow
def test_texts_are_the_same_again_and_most_is_found() -> None:
    """By their seed; plain patterns find less of each kind, or as much."""
    some = list(samples(300, 7))
    assert some[:20] == list(samples(20, 7))
    for ours, theirs in zip(judged(some, scanned)[0], judged(some, by_patterns)[0], strict=True):
        assert ours.there == theirs.there > 0
        assert ours.found >= max(theirs.found, 0.6 * ours.there)


def test_each_speed_is_one() -> None:
    """Of texts that are short here."""
    assert all(speed.megabytes_per_second > 0 for speed in speeds(["x"], size=500))
