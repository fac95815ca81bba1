"""`flk bench tenants` measures what it says."""

from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from tests.support.model.world import FORGER, KEY, pcs, submission

from flk.impl.bench.load import encode_request
from flk.impl.bench.paced import drive
from flk.impl.bench.tenants import ALONE, OTHERS, WITH_NOISY, WITH_STRANGER, Figure, bars, measure
from flk.impl.server.process import key_file, server_process


@pytest.mark.slow
def test_a_paced_load_sends_its_rate_and_waits_for_every_answer(tmp_path: Path) -> None:
    """200 a second for half a second, over and over the same two; each is answered, none is sent that was not due."""
    with server_process(tmp_path / "data", key_file(tmp_path, KEY.material.decode())) as server:
        url = urlsplit(server.url)
        address = str(url.hostname), url.port or 0
        requests = [encode_request(submission(pcs(), key), "127.0.0.1") for key in (KEY, FORGER)]
        load = drive(address, requests, rate=200, seconds=0.5, connections=3, source="127.0.0.2")
    assert 0 < len(load.latencies) == load.statuses.total() <= 100
    assert 0 <= load.statuses[200] - load.statuses[401] <= 1
    assert min(load.latencies) > 0


def test_the_bars_are_about_the_noisy_tenant_and_the_stranger() -> None:
    """Each is missed by the figure that it is about, and by no other."""
    quiet = Figure(ALONE, 0.001, 0.002, 0.2, 1.0, (1.0, 1.0), {})
    noisy = Figure(WITH_NOISY, 0.001, 0.002, 0.3, 1.1, (1.0, 1.2), {"200": 200, "429": 9000})
    stranger = Figure(WITH_STRANGER, 0.001, 0.002, 0.3, 1.5, (1.4, 1.6), {"401": 9000})
    sound = [quiet, noisy, stranger]
    assert all(bar.met for bar in bars(sound, seconds=10))
    broken = (
        msgspec.structs.replace(noisy, times_alone=1.3),
        msgspec.structs.replace(noisy, noise={"200": 300}),
        msgspec.structs.replace(stranger, noise={"200": 1}),
    )
    for number, figure in enumerate(broken):
        figures = [figure if each.company == figure.company else each for each in sound]
        assert [bar.met for bar in bars(figures, seconds=10)] == [number != each for each in range(3)]


@pytest.mark.thorough
def test_a_short_measurement_has_every_company() -> None:
    """The others are all answered with 200, or it raises; the stranger gets nothing in."""
    figures = {figure.company: figure for figure in measure(4.0)}
    assert len(figures) == 6
    assert len(OTHERS) == 8
    assert not figures[ALONE].noise
    assert figures[ALONE].likely == (1.0, 1.0)
    assert all(low <= high for low, high in (figure.likely for figure in figures.values()))
    assert "200" not in figures[WITH_STRANGER].noise
    assert figures[WITH_NOISY].noise["429"] > 0
