import { type Bytes, hex } from "./bytes.js";
import { round9 } from "./decimal.js";
import { chunks, merkleRoot } from "./merkle.js";
import { parse } from "./parse.js";
import { encode, type Pcs, pcsId, SCHEMA, VERSION } from "./record.js";
import { budget, coherence, compressibility, countCells, regime, SCALES, slope } from "./signals.js";

/** What a record is about, beside the data themselves. */
export interface About {
  readonly shard_id: string;
  readonly epoch: number;
  /** Of the directions of the coherence, 32 bits; draw it at random. */
  readonly seed: number;
  readonly sent_at: Date;
}

/**
 * The unsigned record of points, one to a row, and of the raw bytes they were read from. Cells have side 1/scale, so map
 * each axis to [0, 1] first. Rejects with a Refusal, or a RangeError, where no valid record comes of the data.
 */
export async function summarise(points: readonly (readonly number[])[], raw: Bytes, about: About): Promise<Pcs> {
  const N_j = countCells(points, SCALES);
  const D_hat = round9(
    slope(
      SCALES,
      SCALES.map((scale) => N_j[scale] ?? 0),
    ),
  );
  const found = coherence(points, points[0]?.length ?? 0, about.seed);
  const coh_star = round9(found.coh_star);
  const r = round9(await compressibility(raw));
  const merkle_root = hex(await merkleRoot(chunks(raw)));
  const record: Pcs = {
    pcs_id: await pcsId(merkle_root, about.epoch, about.shard_id),
    schema: SCHEMA,
    version: VERSION,
    shard_id: about.shard_id,
    epoch: about.epoch,
    attempt: 1,
    sent_at: about.sent_at.toISOString(),
    seed: BigInt(about.seed),
    scales: SCALES,
    N_j,
    coh_star,
    v_star: found.v_star.map(round9),
    D_hat,
    r,
    regime: regime(D_hat, coh_star),
    budget: round9(budget(D_hat, coh_star, r)),
    merkle_root,
    sig: "",
    ft: { outbox_seq: 0, degraded: false, fallbacks: [], clock_skew_ms: 0n },
  };
  return parse(encode(record)); // valid, or refused by name
}
