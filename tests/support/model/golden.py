"""The two golden records of the earlier system, with the data they were computed from.

Source: the facts about that system, sections 30.1 and 30.2.
"""

from typing import NamedTuple

import numpy as np

from flk.model.record.points import Points
from flk.model.record.record import NO_FAULT, Pcs, Regime
from flk.model.record.signing import HmacKey

KEY = HmacKey(b"testsecret")


class Golden(NamedTuple):
    """A record, the rows `timestamp,x,y,z` it summarises, and the slopes of its counts in order."""

    record: Pcs
    rows: tuple[str, ...]
    slopes: tuple[float, ...]

    @property
    def raw(self) -> bytes:
        """The rows as the earlier agent hashed and compressed them: nine decimals of time, coordinates as written."""
        return "\n".join(f"{float(row.partition(',')[0]):.9f},{row.partition(',')[2]}" for row in self.rows).encode()

    @property
    def points(self) -> Points:
        """The coordinates."""
        return np.array([[float(text) for text in row.split(",")[1:]] for row in self.rows])


_CSV_1 = """\
1.0,0.1,0.2,0.3
1.1,0.15,0.25,0.35
1.2,0.2,0.3,0.4
1.3,0.25,0.35,0.45
1.4,0.3,0.4,0.5
1.5,0.35,0.45,0.55
1.6,0.4,0.5,0.6
1.7,0.45,0.55,0.65
1.8,0.5,0.6,0.7
1.9,0.55,0.65,0.75
2.0,0.6,0.7,0.8
2.1,0.65,0.75,0.85
2.2,0.7,0.8,0.9
2.3,0.75,0.85,0.95
2.4,0.8,0.9,1.0
"""
_CSV_2 = """\
1.0,1.0,0.1,0.05
1.1,1.1,0.12,0.06
1.2,1.2,0.11,0.07
1.3,1.3,0.13,0.08
1.4,1.4,0.14,0.06
1.5,1.5,0.12,0.09
1.6,1.6,0.15,0.07
1.7,1.7,0.13,0.08
1.8,1.8,0.16,0.09
1.9,1.9,0.14,0.07
2.0,2.0,0.17,0.10
2.1,2.1,0.15,0.08
2.2,2.2,0.18,0.09
2.3,2.3,0.16,0.10
2.4,2.4,0.19,0.11
2.5,2.5,0.17,0.09
2.6,2.6,0.20,0.12
2.7,2.7,0.18,0.10
2.8,2.8,0.21,0.11
2.9,2.9,0.19,0.12
"""
TINY_1 = Golden(
    Pcs(
        pcs_id="c50bb25a7aff94164147b73c846f0e5e10890d75df204875ca70c448f52c6edf",
        schema="fractal-lba-kakeya",
        version="0.1",
        shard_id="test-shard-001",
        epoch=1,
        attempt=1,
        sent_at="2025-01-19T12:00:00Z",
        seed=42,
        scales=(2, 4, 8, 16),
        N_j={"2": 5, "4": 10, "8": 13, "16": 15},
        coh_star=0.066666667,
        v_star=(0.6000020458127243, -0.16701530057610703, 0.7823703946303298),
        D_hat=0.528320834,
        r=0.318421053,
        regime=Regime.MIXED,
        budget=0.317807017,
        merkle_root="e966b52c992aefad3c3d0196db02554f30d10d55e8a6e5e3038f88e79e414112",
        sig="x5KLRpKb75Oy1oxLA+3V+bgY/HL/3ZYOk1rw3pCiSm4=",
        ft=NO_FAULT,
    ),
    tuple(_CSV_1.split()),
    (0.20645087746742652, 0.29248125036057826, 0.37851162325373, 0.5283208335737188, 0.689255811626865, 1.0),
)
TINY_2 = Golden(
    Pcs(
        pcs_id="ee69f7b2dd5ad8e1f3a4c407aca789ae0d74b47d1d34c09b28a2fc3b5148ed6e",
        schema="fractal-lba-kakeya",
        version="0.1",
        shard_id="test-shard-001",
        epoch=1,
        attempt=1,
        sent_at="2025-01-19T12:00:00Z",
        seed=42,
        scales=(2, 4, 8, 16),
        N_j={"2": 4, "4": 8, "8": 17, "16": 20},
        coh_star=0.2,
        v_star=(-0.011739960602344248, 0.5127235757095436, -0.8584734755580252),
        D_hat=1.0,
        r=0.303088803,
        regime=Regime.MIXED,
        budget=0.349073359,
        merkle_root="96875c47a824f4cd6203f87da38c3b903550d1db574ce279ad65f787be37c359",
        sig="wahFdOY1XKgg9WTr5UTpryZTviM5zay5VMHcrzHH5hE=",
        ft=NO_FAULT,
    ),
    tuple(_CSV_2.split()),
    (0.23446525363702353, 0.6609640474436813, 0.7739760316291209, 1.0, 1.0437314206251695, 1.087462841250339),
)
GOLDENS = (TINY_1, TINY_2)
