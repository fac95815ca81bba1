"""A misspelt name is answered with what was probably meant."""

from flk.spec.hints import nearest


def test_the_most_similar_names_are_proposed() -> None:
    """Three at most, the nearest first; no name that does not resemble it."""
    known = ["latency_p50", "latency_p95", "latency_p99", "latency_max", "goodput"]
    assert nearest("latency_p9", known) == "did you mean latency_p99 or latency_p95 or latency_p50?"
    assert nearest("godput", known) == "did you mean goodput?"


def test_a_name_that_resembles_none_is_answered_with_all() -> None:
    """And where nothing can be named, with that."""
    assert nearest("???", ["a", "b"]) == "choose from a, b"
    assert nearest("a", ()) == "there are none"
