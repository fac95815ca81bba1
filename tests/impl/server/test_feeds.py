"""Servers that feed and follow tenants: a region gets what it follows, and nothing else of a peer (FEED-*)."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from tests.support.impl.client import sample
from tests.support.impl.object_stores import Directory, place
from tests.support.impl.regions import all_to, at_least, errors, eventually, has_shipped, region, stored
from tests.support.model.world import pcs, submission

from flk.impl.server.feeding import Peer, check_feeds, peer
from flk.spec.errors import UnusableInput

ACME = [submission(pcs(epoch=epoch)) for epoch in range(6)]
BETA = [submission(pcs(epoch=epoch), tenant="other") for epoch in range(6)]
RIVALS = [submission(pcs(epoch=epoch, r=0.6, budget=0.37)) for epoch in range(6)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_a_region_follows_one_tenant_and_gets_nothing_of_others(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eu feeds one tenant and follows it in us, which does likewise and took rivals under the same ids: both come to the least of
    each, and each keeps its own of the other tenant. What a region follows is not read from segments: those are taken away (FEED-1,
    FEED-4).
    """
    with place(kind, tmp_path, monkeypatch) as objects, ExitStack() as stack:
        feeding = ["--feed", "default"]
        _, eu = stack.enter_context(region("eu", tmp_path, objects.url, ["us:default"], feeding))
        _, us = stack.enter_context(region("us", tmp_path, objects.url, ["eu:default"], feeding))
        first = [all_to(eu, ACME[:3]), all_to(us, RIVALS), all_to(eu, ACME[3:])]
        own = all_to(eu, BETA)
        assert all(answer.status in {200, 202} for answers in (*first, own) for answer in answers)
        acknowledged = zip([*first[0], *first[2]], first[1], strict=True)
        expected = [min(stored(one), stored(other)) for one, other in acknowledged]
        for client in (eu, us):
            eventually(partial(has_shipped, client))
        for client, other in ((eu, "us"), (us, "eu")):
            eventually(partial(at_least, 1, client, f'flk_segments_replayed_total{{source="{other}:default"}}'))
            eventually(lambda client=client: [stored(a) for a in all_to(client, ACME)] == expected)  # type: ignore[misc]
        assert [answer.body for answer in all_to(eu, BETA)] == [answer.body for answer in own]
        there = all_to(us, BETA)
        assert {stored(answer)[1] for answer in there} == {"us"}  # first writes: nothing of the tenant came from eu
        assert not sample(us, "flk_crr_errors_total")
        assert not sample(us, 'flk_segments_replayed_total{source="eu"}')


@pytest.mark.slow
def test_a_damaged_feed_stops_its_tenant_alone_and_says_so(tmp_path: Path) -> None:
    """Us follows two tenants; an object of one rots before us reads it. Its stage fails and is counted, the other goes on; when the
    object is what it was again, so does this one (FEED-2).
    """
    objects = Directory(tmp_path / "objects")
    with ExitStack() as stack:
        _, eu = stack.enter_context(region("eu", tmp_path, objects.url, [], ["--feed", "default", "--feed", "other"]))
        answers = all_to(eu, [*ACME, *BETA])
        eventually(partial(has_shipped, eu))
        places = [objects.path / "feeds" / f"tenant={tenant}" / "eu.000001" for tenant in ("default", "other")]
        eventually(lambda: all(place.exists() and [*place.iterdir()] for place in places))
        rotten = min(places[0].iterdir())
        content = rotten.read_bytes()
        rotten.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        _, us = stack.enter_context(region("us", tmp_path, objects.url, ["eu:default,other"]))
        eventually(partial(errors, us, "follow", "eu:default"))
        eventually(lambda: [a.body for a in all_to(us, BETA)] == [a.body for a in answers[6:]])
        assert not errors(us, "follow", "eu:other")
        assert b"follow eu:default" in us.request("GET", "/ready").body
        rotten.write_bytes(content)
        eventually(partial(at_least, 1, us, 'flk_segments_replayed_total{source="eu:default"}'))
        assert [a.body for a in all_to(us, ACME)] == [a.body for a in answers[:6]]


def test_what_could_not_be_right_is_refused_with_the_fix() -> None:
    """Peers and tenants as no record names them, twice, or where they cannot be had."""
    assert peer("us") == Peer("us")
    assert peer("us:acme,beta") == Peer("us", ("acme", "beta"))
    for text in ("us:", "us:a,,b", "us:a b", "us:a,a", "us:" + 65 * "a"):
        with pytest.raises(UnusableInput, match=r"--peer us:.*(name|matches)"):
            peer(text)
    check_feeds(("acme",), "file:///objects", None)
    for feeds, objects, retain in (
        (("a b",), "x", None),
        (("a", "a"), "x", None),
        (("a",), None, None),
        (("a",), "x", 9.0),
    ):
        with pytest.raises(UnusableInput, match="--feed a"):
            check_feeds(feeds, objects, retain)
