"""The constants load, are typed, and agree with each other."""

import re
import tomllib
from importlib.resources import files

import msgspec
import pytest

from flk.spec.constants import CONSTANTS, Constants

TEXT = files("flk.spec").joinpath("constants.toml").read_text("utf-8")


def test_every_value_of_the_file_is_a_constant() -> None:
    """The typed constants and the file that other languages read hold the same tables, names and values."""
    assert msgspec.json.decode(msgspec.json.encode(CONSTANTS)) == tomllib.loads(TEXT)


def test_an_unknown_or_missing_name_is_refused() -> None:
    """A misspelt constant is a mistake and not a default."""
    for broken in (
        TEXT.replace("vnodes", "nodes"),
        TEXT.replace("digits = 9", "digits = 'nine'"),
        TEXT + "\n[spare]\n",
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.toml.decode(broken, type=Constants)


def test_patterns_match_whole_texts() -> None:
    """Every pattern compiles and is anchored at both ends, so that it bounds the length of what it matches."""
    record = CONSTANTS.record
    patterns = (record.merkle_root_pattern, record.pcs_id_pattern, record.shard_id_pattern, record.sent_at_pattern)
    for pattern in (*patterns, CONSTANTS.node.tenant_pattern):
        assert re.compile(pattern).pattern[0] + pattern[-1] == "^$"


def test_the_numbers_agree_with_each_other() -> None:
    """Regimes cannot overlap, a body with its envelope fits a frame and a frame a segment, a nano-unit is the last digit."""
    assert CONSTANTS.signals.sticky_D_max < CONSTANTS.signals.non_sticky_D_min
    assert CONSTANTS.node.max_body_bytes + 1024 < CONSTANTS.wal.max_frame_bytes < CONSTANTS.wal.max_segment_bytes
    assert CONSTANTS.canonical.nano == 10**CONSTANTS.canonical.digits
    assert re.fullmatch(CONSTANTS.node.tenant_pattern, CONSTANTS.node.default_tenant)
    assert len(CONSTANTS.wal.magic) == 8
