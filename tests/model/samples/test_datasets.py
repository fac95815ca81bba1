"""The data sets that come with a dependency."""

import subprocess
import sys
from itertools import islice

import numpy as np
import pytest

from flk.model.entries.entry import Reason
from flk.model.entries.judgement import judge
from flk.model.record.record import Regime, decode
from flk.model.record.signing import HmacKey, Keyring, LiveKey
from flk.model.samples.datasets import DATASETS, TILE_CELLS, cut, submissions, terrain, unsigned
from flk.model.samples.windows import records
from flk.spec.errors import UnusableInput

KEY = HmacKey(b"testsecret")


def test_the_terrain_is_the_survey_in_metres() -> None:
    """344 x 403 cells, 30 km by 32 km, between 236 m and 1076 m; rows go south and columns east."""
    points = terrain()
    assert points.shape == (344, 403, 3)
    low, high = points.min(axis=(0, 1)), points.max(axis=(0, 1))
    assert (low[2], high[2]) == (236, 1076)
    assert 29_000 < high[0] - low[0] < 31_000
    assert 31_000 < high[1] - low[1] < 33_000
    assert (np.diff(points[:, :, 1], axis=0) < 0).all()
    assert (np.diff(points[:, :, 0], axis=1) > 0).all()


def test_tiles_are_squares_of_the_field_that_name_their_place() -> None:
    """About two thousand, each with a shard and an epoch of its own, of the cells at the corner it names."""
    tiles = list(cut("jacksboro-fault"))
    assert len(tiles) == 1968
    assert len({tile.shard_id for tile in tiles}) == len(tiles)
    assert [tile.epoch for tile in tiles] == list(range(len(tiles)))
    field, last = terrain(), tiles[-1]
    assert last.shard_id == "jacksboro-r320-c376"
    square = field[320 : 320 + TILE_CELLS, 376 : 376 + TILE_CELLS]
    assert last.points.tolist() == square.reshape(-1, 3).tolist()


@pytest.mark.parametrize("name", DATASETS)
def test_every_record_is_judged_ok_and_mixed(name: str) -> None:
    """What the module says of the regimes, on the first hundred records of each data set."""
    some = list(records(islice(cut(name), 100), seed=42, sent_at="2026-01-01T00:00:00Z"))
    assert {judge(record).reason for record in some} == {Reason.OK}
    assert {record.regime for record in some} == {Regime.MIXED}


def test_submissions_carry_the_records_signed_in_compact_json() -> None:
    """Each body decodes to a record of the data set that the tenant's key has signed."""
    keyring = Keyring({"acme": [LiveKey(KEY)]})
    sent = submissions("goog-prices", KEY, "acme")
    assert len(sent) == len(unsigned("goog-prices")) == 198
    for submission in sent:
        record = decode(submission.body)
        keyring.authenticate(submission.tenant, record, record.sig, at=0.0)
        assert b" " not in submission.body


@pytest.mark.slow
def test_a_fresh_process_computes_the_same_bytes() -> None:
    """Nothing depends on this process: no hash seed, no global generator, no clock."""
    digest = "import sys; from hashlib import sha256; from flk.model.samples.datasets import submissions; "
    digest += "from flk.model.record.signing import HmacKey; "
    digest += "print(sha256(b''.join(s.body for s in submissions('goog-prices', HmacKey(b'testsecret')))).hexdigest())"
    run = [sys.executable, "-c", digest]
    first, second = (subprocess.run(run, capture_output=True, check=True, text=True).stdout for _ in range(2))
    assert first == second


def test_an_unknown_data_set_is_refused_with_the_list() -> None:
    """The message names those there are."""
    with pytest.raises(UnusableInput, match="no data set 'moon'; there are: jacksboro-fault, goog-prices"):
        cut("moon")
