"""What `flk bench ingest` is measured against: the service as one would first write it, with FastAPI and Pydantic, and no log.

It checks the same things (fields, id, HMAC over the canonical form, slope, regime, budget) with the standard library, and keeps
outcomes in a dictionary. It shares no code with the model, so that a faster model does not make a faster baseline.

    python -m flk.impl.bench.fastapi_baseline PORT SECRET
"""

import base64
import hashlib
import hmac
import json
import math
import statistics
import sys
from itertools import combinations
from typing import Annotated, Literal

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from flk.spec.constants import CONSTANTS

Hex64 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Unit = Annotated[float, Field(ge=0, le=1)]


class Fault(BaseModel):
    """The record's `ft`."""

    model_config = ConfigDict(extra="forbid")
    outbox_seq: int
    degraded: bool
    fallbacks: list[str]
    clock_skew_ms: int


class Record(BaseModel):
    """The record."""

    model_config = ConfigDict(extra="forbid")
    pcs_id: Hex64
    schema_: Annotated[Literal["fractal-lba-kakeya"], Field(alias="schema")]
    version: str
    shard_id: Annotated[str, Field(min_length=1, max_length=128)]
    epoch: Annotated[int, Field(ge=0)]
    attempt: Annotated[int, Field(ge=1)]
    sent_at: str
    seed: int
    scales: Annotated[list[int], Field(min_length=2)]
    N_j: dict[str, Annotated[int, Field(ge=1)]]
    coh_star: Annotated[float, Field(ge=0, le=1.05)]
    v_star: list[float]
    D_hat: Annotated[float, Field(ge=0, le=3.5)]
    r: Unit
    regime: Literal["sticky", "mixed", "non_sticky"]
    budget: Unit
    merkle_root: Hex64
    sig: str
    ft: Fault


def service(secret: bytes) -> FastAPI:
    """The application."""
    app = FastAPI()
    outcomes: dict[tuple[str, str], dict[str, object]] = {}

    @app.post(CONSTANTS.node.submit_path)
    async def submit(
        record: Record, response: Response, x_tenant_id: Annotated[str, Header()] = "default"
    ) -> dict[str, object]:
        identity = f"{record.merkle_root}|{record.epoch}|{record.shard_id}"
        if hashlib.sha256(identity.encode()).hexdigest() != record.pcs_id:
            raise HTTPException(400, "pcs_id")
        mac = hmac.new(secret, canonical(record), hashlib.sha256).digest()
        if not hmac.compare_digest(base64.b64encode(mac).decode(), record.sig):
            raise HTTPException(401, "sig")
        outcome = outcomes.setdefault((x_tenant_id, record.pcs_id), judge(record))
        response.status_code = 202 if outcome["escalated"] else 200
        return outcome

    return app


def canonical(record: Record) -> bytes:
    """What agents sign (C14N-9): sorted keys, reals with nine digits; then, on a line of its own, what else is judged."""
    fields = {
        "D_hat": f"{record.D_hat:.9f}",
        "budget": f"{record.budget:.9f}",
        "coh_star": f"{record.coh_star:.9f}",
        "epoch": str(record.epoch),
        "merkle_root": json.dumps(record.merkle_root),
        "pcs_id": json.dumps(record.pcs_id),
        "r": f"{record.r:.9f}",
        "shard_id": json.dumps(record.shard_id),
    }
    eight = "{" + ",".join(f'"{key}":{value}' for key, value in sorted(fields.items())) + "}"
    counts = {str(scale): record.N_j[str(scale)] for scale in record.scales}
    beside = {"N_j": counts, "regime": record.regime, "scales": record.scales}
    return f"{eight}\n{json.dumps(beside, separators=(',', ':'))}".encode()


def judge(record: Record) -> dict[str, object]:
    """Slope, regime and budget against the claims."""
    points = [(math.log2(scale), math.log2(record.N_j[str(scale)])) for scale in record.scales]
    slope = statistics.median((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2))
    sticky = record.coh_star >= 0.70 and record.D_hat <= 1.5
    regime = "sticky" if sticky else "non_sticky" if record.D_hat >= 2.6 else "mixed"
    budget = min(1.0, 0.1 + 0.3 * (1 - record.r) + 0.5 * max(0.0, record.D_hat - 2.2) + 0.2 * record.coh_star)
    accepted = abs(record.D_hat - slope) <= 0.15
    return {
        "pcs_id": record.pcs_id,
        "accepted": accepted,
        "escalated": not accepted or regime != record.regime or abs(record.budget - budget) > 0.01,
        "recomputed_D_hat": round(slope, 9),
        "recomputed_budget": round(budget, 9),
    }


if __name__ == "__main__":
    uvicorn.run(service(sys.argv[2].encode()), port=int(sys.argv[1]), log_level="error", access_log=False)
